//! The side of the running system.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use foundation_env::{Either, Env, fault, select_biased};
use foundation_process::System;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};

use super::command::{Command, ControlError, Reply};
use super::handle::Controlled;
use super::{SOCKET, VERSION};
use crate::node::Node;
use crate::switches::Switches;

/// Connections at one time; a further one is told so and closed.
const CONNECTIONS_MAX: usize = 32;
/// Bytes of a command.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Time from a connection to its command, and again from there to its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time until the next attempt, when no connection can be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on the control socket until it is dropped, which also removes the socket.
#[derive(Debug)]
#[must_use = "it listens only as long as this lives"]
pub struct Control {
    path: PathBuf,
    /// Its end tells the task to end.
    _stop: oneshot::Sender<()>,
}

impl Control {
    /// Listens in the data folder, whose lock `switches` hold: a socket that is there belongs to nobody any more.
    ///
    /// # Errors
    /// The operating system's, if it cannot listen there.
    pub fn listen(
        system: &System,
        node: &Node,
        name: &str,
        switches: Switches,
        folder: &Path,
    ) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        // The folder is its owner's alone already; who changed that finds the socket closed.
        let mode = if fault::planted("control_for_everybody") { 0o666 } else { 0o600 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        let owner = std::fs::metadata(&path)?.uid();
        let env = system.env().clone();
        let controlled = Arc::new(Controlled {
            system: system.clone(),
            node: node.clone(),
            name: name.to_owned(),
            switches,
            started: env.now(),
        });
        let (stop, stopped) = oneshot::channel();
        env.clone().spawn(async move {
            let accepting = Box::pin(accept(listener, controlled, owner, env));
            select_biased(stopped, accepting).await;
        });
        Ok(Self { path, _stop: stop })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // One that is gone already is as well.
        drop(std::fs::remove_file(&self.path));
    }
}

async fn accept(listener: UnixListener, controlled: Arc<Controlled>, owner: u32, env: Env) {
    let is_endless = fault::planted("control_without_limit");
    let most = if is_endless { Semaphore::MAX_PERMITS } else { CONNECTIONS_MAX };
    let places = Arc::new(Semaphore::new(most));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, most likely: they become fewer.
            env.sleep_until(env.now().saturating_add(ACCEPT_PAUSE)).await;
            continue;
        };
        let place = Arc::clone(&places).try_acquire_owned();
        let (controlled, task_env) = (Arc::clone(&controlled), env.clone());
        env.spawn(async move {
            let served = Box::pin(async {
                let reply = match place {
                    Ok(_) if !is_owner(&stream, owner) => {
                        Err(ControlError::new("refused", "only the owner of the system may ask"))
                    }
                    Ok(_) => Ok(()),
                    Err(_) => {
                        let message = format!("{CONNECTIONS_MAX} others are asking: try again");
                        Err(ControlError::new("busy", message))
                    }
                };
                serve(stream, reply, &controlled, &task_env).await;
                drop(place);
            });
            served.await;
        });
    }
}

fn is_owner(stream: &UnixStream, owner: u32) -> bool {
    // Root may do everything anyway.
    stream.peer_cred().is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0)
}

/// Reads a command and answers it; who has gone is not told anything.
async fn serve(
    mut stream: UnixStream,
    welcome: Result<(), ControlError>,
    controlled: &Controlled,
    env: &Env,
) {
    let reply = match welcome {
        Err(refused) => Reply::Error(refused),
        Ok(()) => match within(env, Box::pin(command(&mut stream))).await {
            Ok(Ok(command)) => match within(env, Box::pin(controlled.answer(command))).await {
                Ok(reply) => reply,
                Err(late) => Reply::Error(late),
            },
            Ok(Err(error)) | Err(error) => Reply::Error(error),
        },
    };
    let mut line = serde_json::to_vec(&reply).unwrap_or_default();
    line.push(b'\n');
    let written = Box::pin(async {
        stream.write_all(&line).await?;
        stream.shutdown().await
    });
    drop(within(env, written).await);
}

async fn within<F: Future + Unpin>(env: &Env, future: F) -> Result<F::Output, ControlError> {
    let late = env.sleep_until(env.now().saturating_add(TIMEOUT));
    match select_biased(future, late).await {
        Either::First(output) => Ok(output),
        Either::Second(()) => {
            let message = format!("nothing came within {} s", TIMEOUT.as_secs());
            Err(ControlError::new("late", message))
        }
    }
}

/// The version of a line, whatever else is in it.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

async fn command(stream: &mut UnixStream) -> Result<Command, ControlError> {
    let malformed = |message: String| ControlError::new("malformed", message);
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(LINE_BYTES_MAX));
    let read = reader.read_until(b'\n', &mut line).await;
    read.map_err(|error| malformed(format!("the command cannot be read: {error}")))?;
    if line.last() != Some(&b'\n') {
        let message = format!("a command is one line of at most {LINE_BYTES_MAX} bytes");
        return Err(malformed(message));
    }
    let version: Versioned = serde_json::from_slice(&line)
        .map_err(|error| malformed(format!("not an object with a version: {error}")))?;
    if version.version != VERSION {
        let message = format!("this system speaks version {VERSION}: use its own program");
        return Err(ControlError::new("version", message));
    }
    serde_json::from_slice(&line).map_err(|error| malformed(format!("not a command: {error}")))
}
