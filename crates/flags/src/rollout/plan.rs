//! The plan of a rollout, and its form in TOML.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use foundation_env::fault;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::flag::Catalogue;
use crate::value::Value;

/// A plan: stages, and what health means.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The stages, the first first.
    pub stages: Vec<Stage>,
    /// When a sample is bad.
    pub thresholds: Thresholds,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How much can go wrong.
    pub risk: Risk,
    /// The flags that are different from the stage before.
    pub flags: BTreeMap<String, Value>,
    /// How long it must stand before the next may begin.
    pub soak: Duration,
}

/// How much can go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Risk {
    /// Hardly anything.
    Low,
    /// Something that one would see.
    #[default]
    Medium,
    /// Something that users would see.
    High,
    /// Data or availability.
    Critical,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// When a sample is bad, and what follows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Thresholds {
    /// The largest share of errors that is good; 0.05 by default.
    pub error_rate_max: f64,
    /// The most restarts in a minute that are good; 10 by default.
    pub restarts_per_minute_max: f64,
    /// How many times the baseline a latency may be; 2 by default.
    pub latency_ratio_max: f64,
    /// Bad samples in a row that take it back by one stage, and good ones that make a baseline; 3 by default.
    pub bad_samples: u32,
    /// How long after that it is not taken back again; an hour by default.
    pub cool_down: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            error_rate_max: 0.05,
            restarts_per_minute_max: 10.0,
            latency_ratio_max: 2.0,
            bad_samples: 3,
            cool_down: Duration::from_hours(1),
        }
    }
}

/// Why a text is no plan: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.said())]
pub struct PlanError {
    /// Where the text is from.
    pub file: String,
    /// What is wrong, in the order of the text; at least one.
    pub faults: Vec<PlanFault>,
}

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanFault {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

impl PlanError {
    fn said(&self) -> String {
        let each = self.faults.iter().map(|fault| {
            let PlanFault { line, column, cause, remedy } = fault;
            format!("{}:{line}:{column}: {cause}: {remedy}", self.file)
        });
        each.collect::<Vec<_>>().join("\n")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanText {
    name: Spanned<String>,
    #[serde(default)]
    thresholds: ThresholdsText,
    #[serde(default)]
    stage: Vec<Spanned<StageText>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ThresholdsText {
    error_rate_max: Option<Spanned<f64>>,
    restarts_per_minute_max: Option<Spanned<f64>>,
    latency_ratio_max: Option<Spanned<f64>>,
    bad_samples: Option<Spanned<u32>>,
    cool_down_minutes: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageText {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    risk: Risk,
    flags: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    soak_minutes: u64,
}

impl Plan {
    /// The most stages.
    pub const STAGES_MAX: usize = 100;

    /// Reads a plan and holds it against the declared flags. `file` is named in errors.
    ///
    /// # Errors
    /// [`PlanError`] with everything that is wrong.
    pub fn parse(file: &str, text: &str, catalogue: &Catalogue) -> Result<Self, PlanError> {
        let fail = |faults| PlanError { file: file.to_owned(), faults };
        let parsed: PlanText = toml::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().unwrap_or_default().start);
            let cause = error.message().to_owned();
            let remedy = "see examples/rollout/plan.toml for the form".to_owned();
            fail(vec![PlanFault { line, column, cause, remedy }])
        })?;
        let mut reader = Reader { text, faults: Vec::new() };
        let thresholds = reader.thresholds(&parsed.thresholds);
        if parsed.stage.is_empty() || parsed.stage.len() > Self::STAGES_MAX {
            let cause = format!("a plan has 1 to {} stages", Self::STAGES_MAX);
            reader.fault(parsed.name.span(), cause, "write a [[stage]] for each");
        }
        let mut names: Vec<String> = Vec::new();
        let mut stages = Vec::new();
        for stage in parsed.stage {
            let stage = stage.into_inner();
            let name = stage.name.get_ref().clone();
            if name.is_empty() || names.contains(&name) {
                let cause = format!("a stage is called {name:?}, which is empty or taken");
                reader.fault(stage.name.span(), cause, "give each stage a name of its own");
            }
            names.push(name.clone());
            stages.push(Stage {
                name,
                description: stage.description,
                risk: stage.risk,
                flags: reader.flags(stage.flags, catalogue),
                soak: Duration::from_secs(stage.soak_minutes.saturating_mul(60)),
            });
        }
        if !reader.faults.is_empty() {
            reader.faults.sort_by_key(|fault| (fault.line, fault.column));
            return Err(fail(reader.faults));
        }
        Ok(Self { name: parsed.name.into_inner(), stages, thresholds })
    }

    /// The stage of that number, from 1.
    pub fn stage(&self, number: usize) -> Option<&Stage> {
        self.stages.get(number.checked_sub(1)?)
    }

    /// The flags that any stage names.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> =
            self.stages.iter().flat_map(|stage| stage.flags.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// What each flag of the plan is in a stage: the exact set.
    pub fn values_at(&self, stage: usize) -> BTreeMap<&str, Value> {
        let mut values: BTreeMap<&str, Value> =
            self.flags().map(|flag| (flag, Value::OFF)).collect();
        for stage in self.stages.iter().take(stage) {
            values.extend(stage.flags.iter().map(|(flag, value)| (flag.as_str(), *value)));
        }
        values
    }
}

/// Collects what is wrong.
struct Reader<'a> {
    text: &'a str,
    faults: Vec<PlanFault>,
}

impl Reader<'_> {
    fn fault(&mut self, at: Range<usize>, cause: String, remedy: &str) {
        let (line, column) = place(self.text, at.start);
        self.faults.push(PlanFault { line, column, cause, remedy: remedy.to_owned() });
    }

    fn flags(
        &mut self,
        flags: BTreeMap<Spanned<String>, Spanned<String>>,
        catalogue: &Catalogue,
    ) -> BTreeMap<String, Value> {
        let mut values = BTreeMap::new();
        for (flag, value) in flags {
            if let Err(unknown) = catalogue.index(flag.get_ref())
                && !fault::planted("plan_flags_unchecked")
            {
                self.fault(flag.span(), unknown.to_string(), "name a declared flag");
            }
            match value.get_ref().parse::<Value>() {
                Ok(parsed) => {
                    values.insert(flag.into_inner(), parsed);
                }
                Err(error) => self.fault(value.span(), error.to_string(), "write \"on\""),
            }
        }
        values
    }

    fn thresholds(&mut self, text: &ThresholdsText) -> Thresholds {
        let default = Thresholds::default();
        let mut number = |given: &Option<Spanned<f64>>, default: f64, least: f64, most: f64| {
            let Some(given) = given else { return default };
            let value = *given.get_ref();
            if !(least..=most).contains(&value) {
                let cause = format!("{value} is not from {least} to {most}");
                self.fault(given.span(), cause, "give a number of that range");
            }
            value
        };
        let error_rate_max = number(&text.error_rate_max, default.error_rate_max, 0.0, 1.0);
        let restarts = &text.restarts_per_minute_max;
        let restarts_per_minute_max = number(restarts, default.restarts_per_minute_max, 0.0, 1e9);
        let latency_ratio_max =
            number(&text.latency_ratio_max, default.latency_ratio_max, 1.0, 1e6);
        let bad_samples = text.bad_samples.as_ref().map_or(default.bad_samples, |given| {
            if *given.get_ref() == 0 || *given.get_ref() > 1_000 {
                self.fault(given.span(), "it is not from 1 to 1000".to_owned(), "3 is usual");
            }
            *given.get_ref()
        });
        let minutes = text.cool_down_minutes.as_ref().map(|minutes| *minutes.get_ref());
        let cool_down = minutes
            .map_or(default.cool_down, |minutes| Duration::from_secs(minutes.saturating_mul(60)));
        Thresholds {
            error_rate_max,
            restarts_per_minute_max,
            latency_ratio_max,
            bad_samples,
            cool_down,
        }
    }
}

/// The line and column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
