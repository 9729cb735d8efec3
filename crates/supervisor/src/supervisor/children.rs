//! The table of children of a static supervisor: in start order, by id, and by pid.
//!
//! Every look-up is a look-up in a map, so that a restart costs the same with ten children and
//! with ten thousand.

use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_types::{Instant, Pid};

use crate::alarm::AlarmId;
use crate::launch::Spawned;
use crate::spec::{ChildKind, ChildSpec};
use crate::table::Table;

use super::reference::{ChildCounts, ChildInfo, ChildState};

/// What a child is doing.
pub(super) enum State {
    Running(Spawned),
    /// It will be started again: when the alarm goes off, or with the child that leads its group.
    Restarting {
        alarm: Option<AlarmId>,
    },
    Stopped,
}

/// One child.
pub(super) struct Child {
    pub(super) spec: ChildSpec,
    pub(super) state: State,
    /// When its last process had started.
    pub(super) started_at: Instant,
    /// Restarts in a row.
    pub(super) attempt: u32,
    /// The last process that ended and why; kept for the record of the restart.
    pub(super) last: Option<(Option<Pid>, foundation_types::ExitReason)>,
}

/// All children. The key is a number that grows with the start order and is never used again.
#[derive(Default)]
pub(super) struct Children {
    table: Table<Child>,
    by_id: BTreeMap<Arc<str>, u64>,
    by_pid: BTreeMap<Pid, u64>,
    /// Significant children that are not stopped.
    significant: usize,
}

impl Children {
    /// Adds a stopped child at the end. Its id is new: the caller has looked.
    pub(super) fn push(&mut self, spec: ChildSpec) -> u64 {
        let key = self.table.next_key();
        self.by_id.insert(Arc::clone(&spec.id), key);
        let child = Child {
            spec,
            state: State::Stopped,
            started_at: Instant::ORIGIN,
            attempt: 0,
            last: None,
        };
        self.table.insert(key, child);
        key
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Child> {
        drop(self.set(key, State::Stopped));
        let child = self.table.remove(key)?;
        self.by_id.remove(&child.spec.id);
        Some(child)
    }

    pub(super) fn get(&self, key: u64) -> Option<&Child> {
        self.table.get(key)
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut Child> {
        self.table.get_mut(key)
    }

    pub(super) fn find(&self, id: &str) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    pub(super) fn find_pid(&self, pid: Pid) -> Option<u64> {
        self.by_pid.get(&pid).copied()
    }

    pub(super) fn id(&self, key: u64) -> Arc<str> {
        self.get(key).map_or_else(|| Arc::from("unknown"), |child| Arc::clone(&child.spec.id))
    }

    /// Changes the state of a child and returns the one before. Keeps the map by pid and the count
    /// of significant children in step; nothing else writes either.
    pub(super) fn set(&mut self, key: u64, state: State) -> Option<State> {
        let child = self.table.get_mut(key)?;
        let now_up = !matches!(state, State::Stopped);
        let was_up = !matches!(child.state, State::Stopped);
        if child.spec.significant {
            self.significant += usize::from(now_up);
            self.significant -= usize::from(was_up);
        }
        if let State::Running(running) = &child.state {
            self.by_pid.remove(&running.pid);
        }
        if let State::Running(running) = &state {
            self.by_pid.insert(running.pid, key);
        }
        Some(std::mem::replace(&mut child.state, state))
    }

    /// Significant children that run or are being restarted, without this one.
    pub(super) fn significant_beside(&self, key: u64) -> usize {
        let own = self
            .get(key)
            .is_some_and(|child| child.spec.significant && !matches!(child.state, State::Stopped));
        self.significant - usize::from(own)
    }

    /// The keys in start order.
    pub(super) fn keys(&self) -> Vec<u64> {
        self.keys_from(0)
    }

    /// The keys from this one on, in start order.
    pub(super) fn keys_from(&self, key: u64) -> Vec<u64> {
        self.table.from(key).map(|(key, _)| key).collect()
    }

    pub(super) fn infos(&self) -> Vec<ChildInfo> {
        self.table.all().map(|(_, child)| child.info()).collect()
    }

    #[cfg(test)]
    pub(super) fn steps(&self) -> crate::steps::Steps {
        self.table.steps()
    }

    pub(super) fn counts(&self) -> ChildCounts {
        let mut counts = ChildCounts::default();
        for (_, child) in self.table.all() {
            counts.add(child.spec.kind, matches!(child.state, State::Running(_)));
        }
        counts
    }
}

impl Child {
    fn info(&self) -> ChildInfo {
        ChildInfo {
            id: Arc::clone(&self.spec.id),
            state: match &self.state {
                State::Running(running) => ChildState::Running(running.pid),
                State::Restarting { .. } => ChildState::Restarting,
                State::Stopped => ChildState::Stopped,
            },
            kind: self.spec.kind,
            ready: self.spec.role().is_ready(),
        }
    }
}

impl ChildCounts {
    pub(crate) fn add(&mut self, kind: ChildKind, active: bool) {
        self.specs += 1;
        self.active += usize::from(active);
        match kind {
            ChildKind::Worker => self.workers += 1,
            ChildKind::Supervisor => self.supervisors += 1,
        }
    }
}
