//! The side of whoever asks.

use std::io;
use std::path::{Path, PathBuf};

use foundation_env::{Either, Env, select_biased};
use foundation_types::Deadline;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::command::{Command, ControlError, Reply};
use super::{SOCKET, VERSION};

/// Bytes of an answer: some ten thousand processes.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No system runs with that folder.
    #[error("no system runs with the folder {}: start one with `foundation run FILE --data {}`", folder.display(), folder.display())]
    NotRunning {
        /// The folder.
        folder: PathBuf,
    },
    /// The connection failed.
    #[error("the connection to the system failed")]
    Io(#[from] io::Error),
    /// There was no answer until the deadline.
    #[error("the system did not answer in time")]
    Late,
    /// The answer cannot be read.
    #[error("the answer of the system cannot be read; use the program that started it")]
    Malformed(#[from] serde_json::Error),
    /// It was not done.
    #[error(transparent)]
    Refused(#[from] ControlError),
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    #[serde(flatten)]
    command: &'a Command,
}

/// Asks the system that runs with a data folder.
///
/// # Errors
/// See [`AskError`].
///
/// # Cancel safety
/// A dropped call may have been carried out.
pub async fn ask(
    env: &Env,
    folder: &Path,
    command: &Command,
    deadline: Deadline,
) -> Result<Reply, AskError> {
    let asking = Box::pin(exchange(folder, command));
    let reply = match deadline.instant() {
        None => asking.await?,
        Some(at) => match select_biased(asking, env.sleep_until(at)).await {
            Either::First(reply) => reply?,
            Either::Second(()) => return Err(AskError::Late),
        },
    };
    match reply {
        Reply::Error(error) => Err(error.into()),
        reply => Ok(reply),
    }
}

async fn exchange(folder: &Path, command: &Command) -> Result<Reply, AskError> {
    let stream = UnixStream::connect(folder.join(SOCKET)).await;
    let mut stream = stream.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            AskError::NotRunning { folder: folder.to_owned() }
        }
        _ => AskError::Io(error),
    })?;
    let mut line = serde_json::to_vec(&Line { version: VERSION, command })?;
    line.push(b'\n');
    // One that is refused is told so before it has asked.
    let asked = stream.write_all(&line).await;
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
    if answer.is_empty() {
        asked.and(read.map(drop))?;
    }
    Ok(serde_json::from_slice(&answer)?)
}
