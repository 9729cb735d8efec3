//! What a query of agents finds, for people and other programs.

use foundation_registry::{Page, Query};
use serde::{Deserialize, Serialize};

/// The agents that match a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The query.
    pub query: String,
    /// The revision of the registry of which this is the answer.
    pub revision: u64,
    /// Whether there are more than its limit.
    pub has_more: bool,
    /// Who matches, in the order of the query.
    pub agents: Vec<FoundAgent>,
}

/// An agent that matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundAgent {
    /// Its name among the agents.
    pub id: String,
    /// Its pid.
    pub pid: String,
    /// What it is.
    pub r#type: String,
    /// How well it does.
    pub health: String,
    /// How many jobs it is at; `null` if its entry does not say.
    pub load: Option<f64>,
    /// What it can do.
    pub capabilities: Vec<String>,
}

impl Found {
    /// Takes the answer to a query over.
    pub fn new(query: &Query, page: &Page) -> Self {
        let agents = page.registrations.iter().map(|found| FoundAgent {
            id: found.name.local_id().to_owned(),
            pid: found.pid.to_string(),
            r#type: found.metadata.kind().as_str().to_owned(),
            health: found.metadata.health().as_str().to_owned(),
            load: found.metadata.resource("load"),
            capabilities: found.metadata.capabilities().map(str::to_owned).collect(),
        });
        Self {
            query: query.to_string(),
            revision: page.revision.get(),
            has_more: page.next.is_some(),
            agents: agents.collect(),
        }
    }
}
