//! Files: on the disk by way of the blocking pool, or in a simulation's in-memory tree.

mod write;

use crate::blocking::BlockingError;
use crate::env::Env;
use crate::sim::{Shared, Tree};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use write::{FileLock, ReplaceFault};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, which is never followed while listing or walking.
    Link,
    /// A device, a socket or a pipe.
    Other,
}

/// What is known of a path without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// What stands there.
    pub kind: FileKind,
    /// The length in bytes; 0 for anything but a regular file.
    pub len_bytes: u64,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct FolderEntry {
    /// The full path: the folder's, joined with the entry's name.
    pub path: PathBuf,
    /// What stands there.
    pub kind: FileKind,
}

/// Why a file or folder could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {operation} {}: check that the path exists and may be read", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The file is longer than the caller allows.
    #[error("{} is longer than {bytes_max} bytes: raise the limit or leave the file out", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// There are more entries than the caller allows.
    #[error("more than {entries_max} entries below {}: raise the limit or name a smaller folder", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The limit, counting files and folders.
        entries_max: usize,
    },
    /// The new content is there, and whether a crash leaves it there is not known.
    #[error("cannot say whether {} was replaced for good: look at it before going on", path.display())]
    InDoubt {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Somebody holds the lock.
    #[error("{} is locked by {holder:?}: end that first", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// What the holder has written of himself.
        holder: String,
    },
    /// The work could not be done on the blocking pool.
    #[error("file work was not carried out")]
    Blocking(#[from] BlockingError),
}

impl FileError {
    /// Returns the kind of the operating system's answer, if there was one.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            _ => None,
        }
    }
}

/// Access to files, from [`Env::files`]. Every call is one piece of work on the blocking pool.
///
/// # Cancel safety
/// Methods that only read change nothing when dropped; the others say what they may have done.
///
/// # Consistency
/// A folder that changes while it is read may show an entry that is gone, or miss a new one.
#[derive(Clone, Debug)]
pub struct Files {
    env: Env,
    source: Source,
}

/// Where the files are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Disk,
    Memory(Arc<Shared>),
}

impl Files {
    pub(crate) const fn new(env: Env, source: Source) -> Self {
        Self { env, source }
    }

    /// Reads a whole file of at most `bytes_max` bytes. Links are followed.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] if it is longer, without having read more than the limit;
    /// [`FileError::Io`] if it cannot be read; [`FileError::Blocking`] at shutdown.
    pub async fn read(
        &self,
        path: impl Into<PathBuf>,
        bytes_max: u64,
    ) -> Result<Vec<u8>, FileError> {
        let (source, path) = (self.source.clone(), path.into());
        self.env.blocking(move || source.read(&path, bytes_max)).await?
    }

    /// Returns what stands at a path, following links.
    ///
    /// # Errors
    /// [`FileError::Io`] if it cannot be read; [`FileError::Blocking`] at shutdown.
    pub async fn metadata(&self, path: impl Into<PathBuf>) -> Result<FileInfo, FileError> {
        let (source, path) = (self.source.clone(), path.into());
        self.env.blocking(move || source.metadata(&path)).await?
    }

    /// Lists the direct entries of a folder, sorted by path.
    ///
    /// # Errors
    /// [`FileError::TooMany`] if there are more than `entries_max`; [`FileError::Io`] if it cannot be read;
    /// [`FileError::Blocking`] at shutdown.
    pub async fn list(
        &self,
        folder: impl Into<PathBuf>,
        entries_max: usize,
    ) -> Result<Vec<FolderEntry>, FileError> {
        let (source, folder) = (self.source.clone(), folder.into());
        self.env.blocking(move || source.list(&folder, &folder, entries_max)).await?
    }

    /// Finds every regular file below a folder, at any depth, sorted by path. Links are not followed, so
    /// the walk ends; `entries_max` counts files, folders and everything else met on the way.
    ///
    /// # Errors
    /// [`FileError::TooMany`] if there are more than `entries_max` entries; [`FileError::Io`] if a folder
    /// cannot be read; [`FileError::Blocking`] at shutdown.
    pub async fn walk(
        &self,
        folder: impl Into<PathBuf>,
        entries_max: usize,
    ) -> Result<Vec<PathBuf>, FileError> {
        let (source, folder) = (self.source.clone(), folder.into());
        self.env.blocking(move || source.walk(&folder, entries_max)).await?
    }
}

impl Source {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
        let bytes = match self {
            Self::Disk => read_at_most(path, bytes_max.saturating_add(1)),
            Self::Memory(shared) => memory_read(&shared.tree(), path),
        };
        let bytes = bytes.map_err(|source| io_error("read", path, source))?;
        if bytes.len() as u64 > bytes_max {
            return Err(FileError::TooLarge { path: path.to_owned(), bytes_max });
        }
        Ok(bytes)
    }

    fn metadata(&self, path: &Path) -> Result<FileInfo, FileError> {
        let info = match self {
            Self::Disk => fs::metadata(path).map(|metadata| {
                let kind = kind_of(metadata.file_type());
                let len_bytes = if kind == FileKind::File { metadata.len() } else { 0 };
                FileInfo { kind, len_bytes }
            }),
            Self::Memory(shared) => memory_metadata(&shared.tree(), path),
        };
        info.map_err(|source| io_error("read the metadata of", path, source))
    }

    /// Lists `folder`; a failure by too many entries names `root`.
    fn list(
        &self,
        folder: &Path,
        root: &Path,
        entries_max: usize,
    ) -> Result<Vec<FolderEntry>, FileError> {
        let entries = match self {
            Self::Disk => disk_list(folder, entries_max.saturating_add(1)),
            Self::Memory(shared) => memory_list(&shared.tree(), folder),
        };
        let mut entries = entries.map_err(|source| io_error("list", folder, source))?;
        if entries.len() > entries_max {
            return Err(FileError::TooMany { path: root.to_owned(), entries_max });
        }
        entries.sort_unstable();
        Ok(entries)
    }

    fn walk(&self, root: &Path, entries_max: usize) -> Result<Vec<PathBuf>, FileError> {
        let too_many = || FileError::TooMany { path: root.to_owned(), entries_max };
        let mut files = Vec::new();
        let mut left = entries_max;
        // A list and not recursion: the depth is the file system's choice.
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match self.list(&folder, root, left) {
                Err(FileError::TooMany { .. }) => return Err(too_many()),
                entries => entries?,
            };
            left -= entries.len();
            for entry in entries {
                match entry.kind {
                    FileKind::File => files.push(entry.path),
                    FileKind::Folder => folders.push(entry.path),
                    FileKind::Link | FileKind::Other => {}
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

fn io_error(operation: &'static str, path: &Path, source: io::Error) -> FileError {
    FileError::Io { operation, path: path.to_owned(), source }
}

fn kind_of(file_type: fs::FileType) -> FileKind {
    if file_type.is_file() {
        FileKind::File
    } else if file_type.is_dir() {
        FileKind::Folder
    } else if file_type.is_symlink() {
        FileKind::Link
    } else {
        FileKind::Other
    }
}

/// Reads up to `bytes_max` bytes. The file's own length is not trusted: it may grow meanwhile.
fn read_at_most(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn disk_list(folder: &Path, entries_max: usize) -> io::Result<Vec<FolderEntry>> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        Ok(FolderEntry { path: entry.path(), kind: kind_of(entry.file_type()?) })
    };
    fs::read_dir(folder)?.take(entries_max).map(entry).collect()
}

/// Reports what stands at a path of the in-memory tree; folders exist by what is below them.
fn memory_metadata(tree: &Tree, path: &Path) -> io::Result<FileInfo> {
    if let Some(bytes) = tree.get(path) {
        return Ok(FileInfo { kind: FileKind::File, len_bytes: bytes.len() as u64 });
    }
    if tree.range(path.to_owned()..).next().is_some_and(|(found, _)| found.starts_with(path)) {
        return Ok(FileInfo { kind: FileKind::Folder, len_bytes: 0 });
    }
    Err(io::ErrorKind::NotFound.into())
}

fn memory_read(tree: &Tree, path: &Path) -> io::Result<Vec<u8>> {
    match memory_metadata(tree, path)?.kind {
        FileKind::File => Ok(tree.get(path).cloned().unwrap_or_default()),
        _ => Err(io::ErrorKind::IsADirectory.into()),
    }
}

fn memory_list(tree: &Tree, folder: &Path) -> io::Result<Vec<FolderEntry>> {
    if memory_metadata(tree, folder)?.kind == FileKind::File {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let below = tree.range(folder.to_owned()..).take_while(|(path, _)| path.starts_with(folder));
    let mut entries = BTreeMap::new();
    for (path, _) in below {
        let mut rest = path.strip_prefix(folder).into_iter().flat_map(Path::components);
        if let Some(name) = rest.next() {
            let kind = if rest.next().is_some() { FileKind::Folder } else { FileKind::File };
            entries.insert(folder.join(name), kind);
        }
    }
    Ok(entries.into_iter().map(|(path, kind)| FolderEntry { path, kind }).collect())
}

#[cfg(test)]
mod tests;
