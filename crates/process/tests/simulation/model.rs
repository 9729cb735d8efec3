//! The reference: what the system must look like after each operation, in plain maps.

use std::collections::{BTreeMap, BTreeSet};

use foundation_types::{MonitorId, Pid};

use crate::actor::Seen;

/// Reasons by the names of their kinds; the model needs to know only whether one is normal.
pub(crate) const NORMAL: &str = "normal";
pub(crate) const NO_PROCESS: &str = "noproc";

#[derive(Debug, Default, Clone)]
pub(crate) struct Row {
    pub(crate) number: u64,
    pub(crate) traps: bool,
    pub(crate) links: BTreeSet<Pid>,
    /// Monitors that this process holds.
    pub(crate) monitors: BTreeMap<MonitorId, Pid>,
    /// Armed timers: number and due time in milliseconds.
    pub(crate) timers: Vec<(u64, u64)>,
}

/// Living processes, why the dead ones died, and what the living must have seen since the last
/// look, in any order.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) living: BTreeMap<Pid, Row>,
    pub(crate) dead: BTreeMap<Pid, &'static str>,
    pub(crate) expected: Vec<(u64, Seen)>,
}

impl Model {
    pub(crate) fn spawn(&mut self, pid: Pid, number: u64, traps: bool) {
        self.living.insert(pid, Row { number, traps, ..Row::default() });
    }

    pub(crate) fn expect(&mut self, pid: Pid, seen: Seen) {
        if let Some(row) = self.living.get(&pid) {
            self.expected.push((row.number, seen));
        }
    }

    pub(crate) fn link(&mut self, own: Pid, peer: Pid) {
        if !self.living.contains_key(&own) {
            return;
        }
        self.expect(own, Seen::Linked(peer));
        if own == peer {
            return;
        }
        match self.living.get_mut(&peer) {
            Some(row) => {
                row.links.insert(own);
                if let Some(row) = self.living.get_mut(&own) {
                    row.links.insert(peer);
                }
            }
            None => self.exit_signal(own, peer, NO_PROCESS),
        }
    }

    pub(crate) fn unlink(&mut self, own: Pid, peer: Pid) {
        self.expect(own, Seen::Unlinked(peer));
        for (a, b) in [(own, peer), (peer, own)] {
            if let Some(row) = self.living.get_mut(&a) {
                row.links.remove(&b);
            }
        }
    }

    pub(crate) fn monitor(&mut self, own: Pid, id: MonitorId, target: Pid) {
        self.expect(own, Seen::Placed(id, target));
        if self.living.contains_key(&target) {
            if let Some(row) = self.living.get_mut(&own) {
                row.monitors.insert(id, target);
            }
        } else {
            self.expect(own, Seen::Down(id, target, NO_PROCESS.to_owned()));
        }
    }

    pub(crate) fn demonitor(&mut self, own: Pid, id: MonitorId) {
        self.expect(own, Seen::Demonitored(id));
        if let Some(row) = self.living.get_mut(&own) {
            row.monitors.remove(&id);
        }
    }

    /// An exit signal reaches a process; one from outside of processes comes `from` itself.
    pub(crate) fn exit_signal(&mut self, to: Pid, from: Pid, reason: &'static str) {
        let Some(row) = self.living.get(&to) else { return };
        if row.traps && from == to {
            self.expect(to, Seen::Told(reason.to_owned()));
        } else if row.traps {
            self.expect(to, Seen::Exit(from, reason.to_owned()));
        } else if reason != NORMAL {
            self.die(to, reason);
        }
    }

    /// A process ends, and with it whoever is linked to it and does not trap.
    pub(crate) fn die(&mut self, pid: Pid, reason: &'static str) {
        let Some(row) = self.living.remove(&pid) else { return };
        self.dead.insert(pid, reason);
        let downs: Vec<(Pid, MonitorId)> = self
            .living
            .iter()
            .flat_map(|(own, row)| {
                row.monitors.iter().map(move |(id, target)| (*own, *id, *target))
            })
            .filter(|(_, _, target)| *target == pid)
            .map(|(own, id, _)| (own, id))
            .collect();
        for (own, id) in downs {
            self.expect(own, Seen::Down(id, pid, reason.to_owned()));
            if let Some(row) = self.living.get_mut(&own) {
                row.monitors.remove(&id);
            }
        }
        for peer in row.links {
            if let Some(row) = self.living.get_mut(&peer) {
                row.links.remove(&pid);
            }
            self.exit_signal(peer, pid, reason);
        }
    }

    /// Time passes to `now`, in milliseconds.
    pub(crate) fn advance(&mut self, now: u64) {
        for row in self.living.values_mut() {
            let number = row.number;
            row.timers.retain(|(n, due)| {
                let fires = *due <= now;
                if fires {
                    self.expected.push((number, Seen::Timer(*n)));
                }
                !fires
            });
        }
    }
}
