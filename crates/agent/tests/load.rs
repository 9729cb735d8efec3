//! What the entry of an agent says while it works.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use foundation_agent::{
    Action, ActionContext, ActionHandle, Agent, AgentMessage, AnswerPort, CancelFlag, Capability,
    Directory, Job, Payload,
};
use foundation_env::sync::Mutex;
use foundation_process::System;
use foundation_registry::{Name, Patch, Registry};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::Error;

/// Tells who is at work while it runs.
struct Look(Directory);

impl Action for Look {
    type Input = ();
    type Output = Vec<String>;

    fn name(&self) -> &'static str {
        "test.look"
    }

    fn summary(&self) -> &'static str {
        "tells who is at work"
    }

    fn run(&self, (): (), _: &ActionContext) -> Result<Vec<String>, Error> {
        Ok(at_work(&self.0))
    }
}

fn at_work(directory: &Directory) -> Vec<String> {
    let found = directory.query(&"load>0 health:healthy".parse().unwrap());
    found.registrations.iter().map(|found| found.name.local_id().to_owned()).collect()
}

/// An entry once said the same from its agent's start to its end, so a query could find nobody who works.
#[test]
fn an_agent_is_found_at_work_while_it_works() {
    sim_seeds(0..5, |env, _| async move {
        let system = System::new(env);
        let registry = Registry::new(system.clone());
        let directory = Directory::new(system.clone(), registry.clone(), "agents");
        let capability = Capability::new("test.look").unwrap();
        let look = ActionHandle::new(Look(directory.clone()));
        let actions = Arc::new(BTreeMap::from([(capability.clone(), look)]));
        let agents = ["idle", "busy"].map(|name| {
            let context = ActionContext::new(".");
            let agent = Agent::new(name, Arc::clone(&actions), context, directory.clone());
            system.spawn(agent).unwrap()
        });
        let [_, busy] = &agents;
        let answers = Arc::new(Mutex::new(Vec::new()));
        for number in 1..=3 {
            if number == 2 {
                let patch = Patch::new().custom("owner", "search");
                registry.patch(&Name::new("agents", "busy").unwrap(), busy.pid(), &patch).unwrap();
            }
            let (kept, looks) = (Arc::clone(&answers), directory.clone());
            let answer = AnswerPort::new(move |result| {
                let during: Vec<String> = result.unwrap().decode().unwrap();
                kept.lock().push((during, at_work(&looks)));
            });
            let (input, cancelled) = (Payload::null(), CancelFlag::default());
            let capability = capability.clone();
            let job = Job { capability, input, cancelled, death: None, answer };
            assert!(busy.try_send(AgentMessage::Work(job)).is_ok());
            let deadline = system.deadline(Duration::from_secs(1));
            wait_for(system.env(), "the answer", deadline, || match answers.lock().len() {
                len if len == number => Ok(()),
                len => Err(format!("{len} answers")),
            })
            .await;
        }
        let expected = (vec!["busy".to_owned()], Vec::new());
        assert_eq!(*answers.lock(), [expected.clone(), expected.clone(), expected]);
        let entry = registry.lookup(&Name::new("agents", "busy").unwrap()).unwrap();
        assert_eq!(entry.metadata.resource("load"), Some(0.0));
        assert!(entry.metadata.field("custom.owner").is_some(), "what others add stays");
        assert!(entry.metadata.last_health_check() >= entry.metadata.created_at());
    });
}
