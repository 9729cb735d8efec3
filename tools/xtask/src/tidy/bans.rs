//! Calls and words that may not stand in code, each with what to use instead.
//!
//! clippy holds some of these too and knows types, but not inside macros and not in code that is
//! compiled only under a model checker's flag. This looks at tokens, whatever is compiled.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{self, Config};
use crate::finding::Finding;
use crate::source::{Source, Token};
use crate::tree::Tree;

#[cfg(test)]
mod tests;

/// One banned sequence of tokens.
struct Ban {
    /// Name of the rule, for `[[allow]]`.
    rule: &'static str,
    /// The tokens, with a space between; `(` stands for any opening delimiter.
    tokens: &'static str,
    remedy: &'static str,
}

impl Ban {
    /// Returns the tokens as somebody would write them.
    fn spelled(&self) -> String {
        let tight = self.tokens.replace("# (", "#[").replace(" : : ", "::").replace(' ', "");
        tight.trim_end_matches(['(', ')']).trim_end_matches("::<").to_owned()
    }
}

const SLEEP: &str = "wait for an event or a level (wait_for); outside tests env.sleep_until";
const STUB: &str = "write it, or leave the function out until it is written";
const BOUND: &str = "use a channel with a bound and say what happens when it is full";
const SPAWN: &str = "use env.spawn, env.blocking or a supervised process";
const RUN: &str = "run it in the gate or delete it; a slow test gets a job of its own";

/// A flat table: rule, tokens, remedy.
const BANS: [Ban; 21] = [
    ban("sleep", "thread : : sleep", SLEEP),
    ban("sleep", "time : : sleep", SLEEP),
    ban("sleep", "sleep (", SLEEP),
    ban("sleep", "thread : : sleep_ms", SLEEP),
    ban("stub", "todo ! (", STUB),
    ban("stub", "unimplemented ! (", STUB),
    ban("debug", "dbg ! (", "remove it, or emit an event"),
    ban("unbounded", "unbounded_channel", BOUND),
    ban("unbounded", "UnboundedSender", BOUND),
    ban("unbounded", "UnboundedReceiver", BOUND),
    ban("unbounded", "unbounded (", BOUND),
    ban("unbounded", "unbounded : : <", BOUND),
    // std's channel without a number is the unbounded one; tokio's and sync_channel take a bound.
    ban("unbounded", "mpsc : : channel ( )", BOUND),
    ban("unbounded", "mpsc : : channel : : <", BOUND),
    ban("ignore", "# ( ignore", RUN),
    ban("spawn", "tokio : : spawn", SPAWN),
    ban("spawn", "task : : spawn", SPAWN),
    ban("spawn", "spawn_blocking", SPAWN),
    ban("spawn", "JoinSet", SPAWN),
    ban("unsafe", "unsafe", "find a safe way, or list the file in tidy.toml with its reason"),
    ban("seqcst", "SeqCst", "say on the line before why acquire and release do not do"),
];

const fn ban(rule: &'static str, tokens: &'static str, remedy: &'static str) -> Ban {
    Ban { rule, tokens, remedy }
}

/// Checks every Rust file against the table, and every `[[allow]]` against what it excuses.
pub(super) fn check(
    tree: &Tree,
    sources: &BTreeMap<&str, Source>,
    config: &Config,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for (path, source) in sources {
        let text = tree.text(path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        for start in 0..source.tokens.len() {
            let Some((ban, token)) = match_at(source, start, &lines) else { continue };
            let excuse = config.allowances.iter().position(|allow| {
                allow.rule == ban.rule && allow.covers(path) && (allow.tests || !token.in_test)
            });
            if let Some(index) = excuse {
                used.insert(index);
                continue;
            }
            let cause = format!("`{}` is banned here", ban.spelled());
            findings.push(Finding::new(ban.rule, (path, token.line), cause, ban.remedy));
        }
    }
    for (index, allow) in config.allowances.iter().enumerate() {
        if !used.contains(&index) {
            findings.push(Finding::new(
                "allow",
                (config::PATH, 0),
                format!("[[allow]] of {} for {} excuses nothing", allow.rule, allow.path),
                "remove the entry, or correct its rule or path",
            ));
        }
    }
    findings
}

/// Returns the first ban that matches at the token with the given index.
fn match_at<'a>(
    source: &'a Source,
    start: usize,
    lines: &[&str],
) -> Option<(&'static Ban, &'a Token)> {
    let token = source.tokens.get(start)?;
    let before = start.checked_sub(1).and_then(|index| source.tokens.get(index));
    BANS.iter().find_map(|ban| {
        let mut wanted = ban.tokens.split(' ').enumerate();
        let matches = wanted.all(|(offset, wanted)| {
            source.tokens.get(start + offset).is_some_and(|found| {
                found.text == wanted || wanted == "(" && matches!(found.text.as_str(), "[" | "{")
            })
        });
        let excused = match ban.tokens {
            // A method of that name belongs to somebody's clock, and `::` was judged by the path.
            "sleep (" => {
                before.is_some_and(|before| matches!(before.text.as_str(), "." | "fn" | ":"))
            }
            "mpsc : : channel : : <" => has_arguments(source, start + 6),
            "SeqCst" => is_explained(token, lines),
            _ => false,
        };
        (matches && !excused).then_some((ban, token))
    })
}

/// Returns whether the call whose type arguments open at the token `open` has arguments.
fn has_arguments(source: &Source, open: usize) -> bool {
    let mut depth = 0_usize;
    let rest = source.tokens.iter().skip(open);
    let mut after = rest.skip_while(|token| {
        match token.text.as_str() {
            "<" => depth += 1,
            ">" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 0
    });
    // The closing angle, the parenthesis, and then an argument or the end.
    after.nth(2).is_some_and(|token| token.text != ")")
}

/// Returns whether a comment stands above the token, above its statement, or behind it.
fn is_explained(token: &Token, lines: &[&str]) -> bool {
    let line = |number: usize| number.checked_sub(1).and_then(|index| lines.get(index));
    let is_comment = |number: usize| line(number).is_some_and(|text| text.trim().starts_with("//"));
    is_comment(token.line.saturating_sub(1))
        || is_comment(token.statement.saturating_sub(1))
        || line(token.line).is_some_and(|text| text.contains("// "))
}
