//! What a query of agents finds, as text.

use foundation_node::{Found, FoundAgent};

use crate::text::{Table, counted};

/// Returns what was found as a table.
pub(crate) fn human(found: &Found) -> String {
    let count = counted(found.agents.len(), "agent", "agents");
    let what = if found.query.is_empty() { String::new() } else { format!(" for {}", found.query) };
    let more = if found.has_more { ", and more" } else { "" };
    let mut text = format!("{count}{more}{what}\n");
    if !found.agents.is_empty() {
        let mut table = Table::new(["agent", "pid", "type", "health", "load", "capabilities"]);
        for agent in &found.agents {
            let FoundAgent { id, pid, r#type, health, load, capabilities } = agent.clone();
            let load = load.map_or_else(String::new, |load| load.to_string());
            table.row([id, pid, r#type, health, load, capabilities.join(" ")]);
        }
        text.push_str(&table.render());
    }
    text.push('\n');
    text
}
