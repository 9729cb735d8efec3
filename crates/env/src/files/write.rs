//! Replacing files such that a crash leaves the old content or the new, and locking them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{FileError, Files, Source, io_error};
use crate::fault;
use crate::sim::Shared;

/// A lock on a file, held until it is dropped or the program ends, however it ends.
#[derive(Debug)]
#[must_use = "the lock is held only as long as this lives"]
pub struct FileLock(Held);

#[derive(Debug)]
enum Held {
    Disk { _file: File },
    Memory { shared: std::sync::Arc<Shared>, path: PathBuf },
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Held::Memory { shared, path } = &self.0 {
            shared.disk().locked.remove(path);
        }
    }
}

/// How a simulated disk treats the next replacement; see
/// [`Simulation::fail_next_replace`](crate::sim::Simulation::fail_next_replace).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplaceFault {
    /// It is refused, and the old content stays.
    Refused,
    /// The new content is there, but the disk does not say so.
    InDoubt,
}

impl Files {
    /// Creates a folder and those around it, for its owner only, unless it is there.
    ///
    /// # Errors
    /// [`FileError::Io`] if it cannot be created; [`FileError::Blocking`] at shutdown.
    pub async fn create_folder(&self, folder: impl Into<PathBuf>) -> Result<(), FileError> {
        let (source, folder) = (self.source.clone(), folder.into());
        self.env.blocking(move || source.create_folder(&folder)).await?
    }

    /// Writes a file, readable by its owner only, in place of an earlier one of that name, so that a crash at any
    /// moment leaves the whole of the old content or the whole of the new; once it has returned, the new. A
    /// neighbour whose name ends in `.new` is used on the way.
    ///
    /// # Errors
    /// [`FileError::Io`] if nothing has changed; [`FileError::InDoubt`] if a crash may leave either;
    /// [`FileError::Blocking`] at shutdown.
    ///
    /// # Cancel safety
    /// A dropped call may or may not have replaced the file.
    pub async fn replace(&self, path: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<(), FileError> {
        let (source, path) = (self.source.clone(), path.into());
        self.env.blocking(move || source.replace(&path, &bytes)).await?
    }

    /// Locks a file against other programs and other callers of this, and writes who holds it into it.
    ///
    /// # Errors
    /// [`FileError::Locked`] with what the holder has written, if somebody holds it; [`FileError::Io`] if it cannot be
    /// opened; [`FileError::Blocking`] at shutdown.
    pub async fn lock(
        &self,
        path: impl Into<PathBuf>,
        holder: String,
    ) -> Result<FileLock, FileError> {
        let (source, path) = (self.source.clone(), path.into());
        self.env.blocking(move || source.lock(path, &holder)).await?
    }
}

impl Source {
    fn create_folder(&self, folder: &Path) -> Result<(), FileError> {
        match self {
            Self::Disk => {
                let mut builder = fs::DirBuilder::new();
                builder.recursive(true);
                #[cfg(unix)]
                std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
                builder.create(folder).map_err(|source| io_error("create", folder, source))
            }
            // Folders of the tree exist by what is below them.
            Self::Memory(_) => Ok(()),
        }
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
        match self {
            Self::Disk => disk_replace(path, bytes),
            Self::Memory(shared) => {
                let fault = shared.disk().next_replace.take();
                let failure = || io::Error::other("a planned failure of the simulated disk");
                if fault == Some(ReplaceFault::Refused) {
                    return Err(io_error("replace", path, failure()));
                }
                shared.tree().insert(path.to_owned(), bytes.to_owned());
                match fault {
                    Some(_) => Err(FileError::InDoubt { path: path.to_owned(), source: failure() }),
                    None => Ok(()),
                }
            }
        }
    }

    fn lock(&self, path: PathBuf, holder: &str) -> Result<FileLock, FileError> {
        match self {
            Self::Disk => disk_lock(path, holder),
            Self::Memory(shared) => {
                let mut disk = shared.disk();
                if let Some(holder) = disk.locked.get(&path) {
                    return Err(FileError::Locked { path, holder: holder.clone() });
                }
                disk.locked.insert(path.clone(), holder.to_owned());
                drop(disk);
                let shared = std::sync::Arc::clone(shared);
                Ok(FileLock(Held::Memory { shared, path }))
            }
        }
    }
}

/// Opens a file that only its owner may read.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn disk_replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    if fault::planted("file_written_in_place") {
        return fs::write(path, bytes).map_err(|source| io_error("replace", path, source));
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = private(options.write(true).create(true).truncate(true)).open(&new)?;
        file.write_all(bytes)?;
        // Before the rename, or a crash could leave the new name with nothing behind it.
        file.sync_all()
    };
    written().map_err(|source| io_error("write", &new, source))?;
    fs::rename(&new, path).map_err(|source| io_error("replace", path, source))?;
    // The name itself is content of the folder.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    synced.map_err(|source| FileError::InDoubt { path: path.to_owned(), source })
}

fn disk_lock(path: PathBuf, holder: &str) -> Result<FileLock, FileError> {
    let refused = |source| io_error("lock", &path, source);
    let mut options = OpenOptions::new();
    let opened = private(options.read(true).write(true).create(true).truncate(false)).open(&path);
    let mut file = opened.map_err(refused)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // What it says is for people; it may be half written.
            drop(file.take(256).read_to_string(&mut holder));
            return Err(FileError::Locked { path, holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(refused(source)),
    }
    let written = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
    written.map_err(refused)?;
    Ok(FileLock(Held::Disk { _file: file }))
}
