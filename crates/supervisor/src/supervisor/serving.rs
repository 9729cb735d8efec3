//! What a static supervisor does when it is asked.

use std::sync::Arc;

use foundation_process::{Context, Outcome};
use foundation_types::{ExitReason, Pid};

use crate::error::SupervisorError;
use crate::restart::Restart;
use crate::spec::ChildSpec;

use super::children::State;
use super::reference::Request;
use super::{Supervisor, SupervisorMessage};

impl Supervisor {
    /// Starts a stopped child. If it does not start it is stopped as before, also for those who wait at its
    /// role.
    async fn start_again(
        &mut self,
        key: u64,
        context: &mut Context<SupervisorMessage>,
    ) -> Result<Pid, SupervisorError> {
        let result = self.start_for_call(key, context).await;
        if let Err(SupervisorError::NotStarted { reason, .. }) = &result {
            self.rest(key, reason);
        }
        result
    }

    pub(super) async fn serve(
        &mut self,
        request: Request,
        context: &mut Context<SupervisorMessage>,
    ) -> Outcome {
        match request {
            Request::Start(spec, reply) => {
                let result = self.add_child(*spec, context).await;
                reply.send(result);
            }
            Request::Terminate(id, reply) => reply.send(self.terminate_child(id, context).await),
            Request::Restart(id, reply) => {
                let result = match self.stopped(id) {
                    Ok(key) => self.start_again(key, context).await,
                    Err(error) => Err(error),
                };
                reply.send(result);
            }
            Request::Delete(id, reply) => {
                let stopped = self.stopped(id);
                reply.send(stopped.map(|key| self.discard(key, ExitReason::SHUTDOWN)));
            }
            Request::Which(reply) => reply.send(self.children.infos()),
            Request::Count(reply) => reply.send(self.children.counts()),
            Request::Restarts(reply) => reply.send(self.audit.records()),
            Request::Find(id, reply) => {
                let child = self.children.find(&id).and_then(|key| self.children.get(key));
                reply.send(child.map(|child| child.spec.starter.typed_role()));
            }
            Request::Alarm => return Box::pin(self.alarm(context)).await,
        }
        Ok(())
    }

    async fn add_child(
        &mut self,
        spec: ChildSpec,
        context: &mut Context<SupervisorMessage>,
    ) -> Result<Pid, SupervisorError> {
        self.check(&spec)?;
        let child = Arc::clone(&spec.id);
        if self.children.find(&child).is_some() {
            return match self.stopped(Arc::clone(&child)) {
                Ok(_) => Err(SupervisorError::AlreadyPresent { child }),
                Err(error) => Err(error),
            };
        }
        let key = self.enlist(spec, context.system());
        let started = self.start_for_call(key, context).await;
        if let Err(SupervisorError::NotStarted { reason, .. }) = &started {
            self.discard(key, reason.clone());
        }
        started
    }

    async fn terminate_child(
        &mut self,
        id: Arc<str>,
        context: &mut Context<SupervisorMessage>,
    ) -> Result<(), SupervisorError> {
        let Some(key) = self.children.find(&id) else {
            return Err(SupervisorError::NotFound { child: id });
        };
        let reason = self.stop_child(key, context.system()).await;
        let reason = reason.unwrap_or(ExitReason::SHUTDOWN);
        match self.children.get(key).map(|child| child.spec.restart) {
            Some(Restart::Temporary) => self.discard(key, reason),
            _ => self.rest(key, &reason),
        }
        self.abandon_followers();
        Ok(())
    }

    /// When no restart waits any more, nobody will start those that were to restart with it.
    fn abandon_followers(&mut self) {
        let keys = self.children.keys();
        let restarting = |alarmed: bool| {
            let children = &self.children;
            keys.iter().copied().filter(move |key| match children.get(*key).map(|c| &c.state) {
                Some(State::Restarting { alarm }) => alarm.is_some() == alarmed,
                _ => false,
            })
        };
        if restarting(true).next().is_some() {
            return;
        }
        let followers: Vec<u64> = restarting(false).collect();
        for key in followers {
            self.rest(key, &ExitReason::SHUTDOWN);
        }
    }

    /// The key of a child that is stopped.
    fn stopped(&self, id: Arc<str>) -> Result<u64, SupervisorError> {
        let found = self.children.find(&id).and_then(|key| Some((key, self.children.get(key)?)));
        let Some((key, child)) = found else { return Err(SupervisorError::NotFound { child: id }) };
        match &child.state {
            State::Stopped => Ok(key),
            State::Restarting { .. } => Err(SupervisorError::Restarting { child: id }),
            State::Running(running) => {
                Err(SupervisorError::Running { child: id, pid: running.pid })
            }
        }
    }
}
