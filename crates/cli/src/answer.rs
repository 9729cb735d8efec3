//! What a command says when it is done, for people and for programs.

use std::io::{self, Write};

use serde_json::json;

use crate::exit::Exit;
use crate::text::printable;

/// What is printed when a command is done.
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) json: serde_json::Value,
}

/// Prints an answer, or why there is none with its causes.
pub(crate) fn print(
    answer: anyhow::Result<Answer>,
    as_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    match answer {
        Ok(answer) if as_json => writeln!(out, "{}", answer.json).map(|()| Exit::Success),
        Ok(answer) => out.write_all(answer.text.as_bytes()).map(|()| Exit::Success),
        Err(error) => {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            if as_json {
                writeln!(out, "{}", json!({ "error": causes.join(": ") }))?;
            }
            for (index, cause) in causes.iter().enumerate() {
                let label = if index == 0 { "error" } else { "  cause" };
                let lines: Vec<String> = cause.lines().map(printable).collect();
                writeln!(err, "{label}: {}", lines.join("\n"))?;
            }
            Ok(Exit::Failed)
        }
    }
}
