//! The service as a child of a supervisor.

use std::time::Duration;

use foundation_connect::{CommandError, Commands};
use foundation_supervisor::{ChildSpec, Strategy, Supervisor};

use crate::world::{Program, everywhere};

/// Guarantee OS1
#[test]
fn a_restarted_service_serves_and_its_old_programs_are_gone() {
    everywhere(|world| async move {
        let settings = world.settings().build().unwrap();
        let factory = world.clone();
        let spec = ChildSpec::new("commands", move || factory.service(settings.clone()));
        let child = spec.address().unwrap();
        let commands = Commands::from(child.clone());
        let supervisor = Supervisor::new(Strategy::OneForOne).child(spec);
        let supervisor = Box::pin(supervisor.start(&world.system)).await.unwrap();

        let task = world.task(&commands, world.request(Program::Hangs));
        world.wait_runs(1).await;
        let down = world.system.monitor(child.current().unwrap().pid());
        assert!(world.system.kill(down.pid()));
        down.await;
        let output = commands.run(world.request(Program::Hello)).await.unwrap();
        assert_eq!(output.stdout.text(), "hello\n");
        let answer = world.join(task).await;
        assert!(matches!(answer, Err(CommandError::Service(_))), "{answer:?}");
        world.wait_no_survivors().await;

        let task = world.task(&commands, world.request(Program::Hangs));
        world.wait_runs(3).await;
        let report = world.system.shutdown(world.deadline(Duration::from_secs(20))).await;
        assert_eq!(world.survivors(), Vec::<String>::new());
        assert!(report.killed.is_empty(), "{report:?}");
        drop((world.join(task).await, supervisor));
    });
}
