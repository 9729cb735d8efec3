//! Reads the `[[pool]]` and `[[agent]]` tables.

use std::collections::BTreeMap;
use std::time::Duration;

use foundation_agent::{ActionHandle, Actions, Capability};
use foundation_workflow::Task;

use crate::diagnostic::Findings;
use crate::spec::{PoolSpec, RestartSpec, RestartType};
use crate::table::{Table, Text};
use foundation_types::nearest;

/// Most agents in one pool.
const POOL_SIZE_MAX: u64 = 4_096;
/// Most pools and agents in one file.
const POOLS_MAX: usize = 1_024;

pub(crate) const POOL_FIELDS: [&str; 5] = ["name", "capabilities", "action", "size", "restart"];
pub(crate) const AGENT_FIELDS: [&str; 4] = ["name", "capabilities", "action", "restart"];
const RESTART_FIELDS: [&str; 4] = ["type", "intensity", "period_ms", "backoff_ms"];

/// The capabilities that pools offer.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    /// Also those of pools with faults, so that one fault is not reported again at each task.
    pub(crate) all: Vec<String>,
    /// Those that an action stands behind.
    pub(crate) recommended: Vec<String>,
}

/// Reads the pools; returns them with every capability they offer.
pub(crate) fn read_pools(
    pool_tables: &[Table<'_>],
    actions: &Actions,
    findings: &mut Findings<'_>,
) -> (Vec<PoolSpec>, Offered) {
    if let Some(table) = pool_tables.get(POOLS_MAX) {
        let cause = format!("there are more than {POOLS_MAX} pools and agents");
        findings.report(&table.span, cause, "join pools with the same capabilities");
    }
    let mut names = Names::default();
    let mut pools = Vec::new();
    let mut offered = Offered::default();
    for table in pool_tables {
        let name = table.required_text("name", "\"readers\"", findings);
        if let Some(name) = &name {
            names.add(name, findings);
        }
        let listed = table.texts("capabilities", "[\"text.stats\"]", findings);
        if table.value("capabilities").is_none() {
            table.missing("capabilities", "[\"text.stats\"]", findings);
        } else if listed.is_empty() {
            let cause = "an agent without capabilities gets no work";
            let span = table.span_of("capabilities");
            findings.report(&span, cause, "name at least one, such as \"text.stats\"");
        }
        let bound = bind(table, &listed, actions, findings);
        let size = match table.value("size") {
            None => table.is_agent().then_some(1),
            Some(_) => table
                .number("size", 1..=POOL_SIZE_MAX, findings)
                .and_then(|size| usize::try_from(size).ok()),
        };
        let restart = read_restart(table, findings);
        // What no action stands behind is offered too, but is nothing to recommend.
        offered.recommended.extend(bound.keys().map(|capability| capability.as_str().to_owned()));
        offered.all.extend(listed.into_iter().map(|text| text.value));
        if let Some(name) = name {
            pools.push(PoolSpec { name: name.value, size, actions: bound, restart });
        }
    }
    (pools, offered)
}

/// Finds the action behind each capability: the one the pool names, else the one with the same name.
fn bind(
    table: &Table<'_>,
    listed: &[Text],
    actions: &Actions,
    findings: &mut Findings<'_>,
) -> BTreeMap<Capability, ActionHandle> {
    let named = table.text("action", "\"text.stats\"", findings);
    let chosen = named.as_ref().and_then(|text| known_action(text, "action", actions, findings));
    let mut bound = BTreeMap::new();
    for text in listed {
        let capability = match Capability::new(&text.value) {
            Ok(capability) => capability,
            Err(error) => {
                let cause = format!("{:?} is not a capability: {error}", text.value);
                findings.report(&text.span, cause, "write a name such as \"text.stats\"");
                continue;
            }
        };
        let action = match &named {
            Some(_) => chosen.clone(),
            None => known_action(text, "capability", actions, findings),
        };
        let Some(action) = action else { continue };
        if bound.insert(capability, action).is_some() {
            let cause = format!("the capability {:?} is listed twice", text.value);
            findings.report(&text.span, cause, "remove one of them");
        }
    }
    bound
}

fn known_action(
    text: &Text,
    role: &str,
    actions: &Actions,
    findings: &mut Findings<'_>,
) -> Option<ActionHandle> {
    let found = actions.get(&text.value).cloned();
    if found.is_none() {
        let cause = format!("unknown {role} {:?}: no action has this name", text.value);
        let known: Vec<&str> = actions.names().collect();
        let or = if role == "capability" { ", or set action to the one to carry out" } else { "" };
        let remedy = match nearest(&text.value, known.iter().copied()) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("use one of the actions {}{or}", known.join(", ")),
        };
        findings.report(&text.span, cause, remedy);
    }
    found
}

fn read_restart(table: &Table<'_>, findings: &mut Findings<'_>) -> RestartSpec {
    let mut spec = RestartSpec::default();
    let Some(value) = table.value("restart") else { return spec };
    let Some(restart) = Table::new("restart", value, &RESTART_FIELDS, findings) else {
        return spec;
    };
    if let Some(text) = restart.text("type", "\"permanent\"", findings) {
        match text.value.as_str() {
            "permanent" => spec.restart_type = RestartType::Permanent,
            "transient" => spec.restart_type = RestartType::Transient,
            "temporary" => spec.restart_type = RestartType::Temporary,
            other => {
                let known = ["permanent", "transient", "temporary"];
                let remedy = match nearest(other, known) {
                    Some(meant) => format!("did you mean {meant:?}?"),
                    None => format!("use one of {}", known.join(", ")),
                };
                findings.report(&text.span, format!("unknown restart type {other:?}"), remedy);
            }
        }
    }
    if let Some(number) = restart.number("intensity", 0..=1_000_000, findings) {
        spec.intensity = u32::try_from(number).unwrap_or(u32::MAX);
    }
    if let Some(number) = restart.number("period_ms", 1..=86_400_000, findings) {
        spec.period = Duration::from_millis(number);
    }
    if let Some(number) = restart.number("backoff_ms", 0..=86_400_000, findings) {
        spec.backoff = Duration::from_millis(number);
    }
    spec
}

/// The names given so far; pools and agents share them.
#[derive(Default)]
struct Names {
    given: Vec<Text>,
}

impl Names {
    fn add(&mut self, name: &Text, findings: &mut Findings<'_>) {
        if !check_name(name, findings) {
            return;
        }
        if self.given.iter().any(|given| given.value == name.value) {
            let cause = format!("the name {:?} is given twice", name.value);
            findings.report(&name.span, cause, "give each pool and agent a name of its own");
            return;
        }
        self.given.push(name.clone());
    }
}

/// Checks the form of a name: it is shown in tables and used in commands, as those of tasks are.
pub(crate) fn check_name(name: &Text, findings: &mut Findings<'_>) -> bool {
    let good = Task::is_name(&name.value);
    if !good {
        let cause = format!("{:?} is not a name", name.value);
        let remedy = format!("use {}", Task::NAME_RULE);
        findings.report(&name.span, cause, remedy);
    }
    good
}
