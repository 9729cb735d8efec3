//! Which files of a folder its `.gitignore` files exclude.
//!
//! The pattern language is the `ignore` crate's. What is ours is reading the files: they come from whoever
//! filled the folder, and the crate follows symbolic links, waits for pipes, reads files of any size, and
//! passes over what it cannot read, which would change a list without a word.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foundation_env::sync::Mutex;
use foundation_types::{Code, Error};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

#[cfg(test)]
mod tests;

/// Bytes in the largest `.gitignore` that is read.
const RULES_BYTES_MAX: u64 = 1 << 20;

/// The rules of one walk; they are read as its folders are entered.
pub(super) struct Rules {
    root: PathBuf,
    /// The root's absolute path, below which the patterns are matched.
    absolute: PathBuf,
    /// Rules from the root's parents, nearest first: those of the repository the root is in.
    above: Vec<Arc<Level>>,
    /// Keyed by absolute path.
    levels: Mutex<BTreeMap<PathBuf, Arc<Level>>>,
    /// The first rules that could not be read.
    failure: Mutex<Option<Error>>,
}

/// The rules of one folder.
struct Level {
    patterns: Gitignore,
    /// It is the top of a repository: what stands in folders above it is about another one.
    is_top: bool,
}

impl Rules {
    /// Reads the rules above and in a folder. Parents count up to the top of the repository the folder is in;
    /// without a repository none does.
    ///
    /// # Errors
    /// When a `.gitignore` cannot be read or is too large.
    pub(super) fn new(root: &Path) -> Result<Self, Error> {
        let absolute = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let mut above = Vec::new();
        if let Some(top) = absolute.ancestors().find(|folder| is_top(folder)) {
            let parents = absolute.ancestors().skip(1);
            for folder in parents.take_while(|folder| folder.starts_with(top)) {
                above.push(Arc::new(Level::read(folder)?));
            }
        }
        Ok(Self {
            root: root.to_owned(),
            absolute,
            above,
            levels: Mutex::new(BTreeMap::new()),
            failure: Mutex::new(None),
        })
    }

    /// Whether a file or folder of the walk is to be seen. The nearest rules decide.
    pub(super) fn admit(&self, path: &Path, is_folder: bool) -> bool {
        let Ok(relative) = path.strip_prefix(&self.root) else { return true };
        if relative.as_os_str().is_empty() {
            return true;
        }
        let path = self.absolute.join(relative);
        let below = path.ancestors().skip(1).take_while(|dir| dir.starts_with(&self.absolute));
        for folder in below {
            match self.level(folder) {
                Ok(level) => {
                    if let Some(admitted) = level.judge(&path, is_folder) {
                        return admitted;
                    }
                    if level.is_top {
                        return true;
                    }
                }
                Err(error) => {
                    self.failure.lock().get_or_insert(error);
                    return false;
                }
            }
        }
        let judged = self.above.iter().find_map(|level| level.judge(&path, is_folder));
        judged.unwrap_or(true)
    }

    /// The first failure to read rules, which makes the walk worthless.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failure.lock().take()
    }

    fn level(&self, folder: &Path) -> Result<Arc<Level>, Error> {
        if let Some(level) = self.levels.lock().get(folder) {
            return Ok(Arc::clone(level));
        }
        // Without the lock: this reads a file. The walk has one thread, so nothing is read twice.
        let level = Arc::new(Level::read(folder)?);
        let mut levels = self.levels.lock();
        // The walk goes depth first: what is not above this folder is behind it. So however many folders
        // there are, no more rules are kept than the deepest path is long.
        levels.retain(|known, _| folder.starts_with(known));
        levels.insert(folder.to_owned(), Arc::clone(&level));
        Ok(level)
    }
}

impl Level {
    fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(".gitignore");
        let mut patterns = GitignoreBuilder::new(folder);
        let text = read(&path).map_err(|error| unreadable(&path, error))?;
        // A pattern that does not parse is passed over, as git does; so is a byte that is not UTF-8, and
        // neither takes the other lines along.
        for line in String::from_utf8_lossy(&text).lines() {
            drop(patterns.add_line(None, line));
        }
        let patterns = patterns.build().unwrap_or_else(|_| Gitignore::empty());
        Ok(Self { patterns, is_top: is_top(folder) })
    }

    fn judge(&self, path: &Path, is_folder: bool) -> Option<bool> {
        let found = self.patterns.matched(path, is_folder);
        if found.is_none() { None } else { Some(found.is_whitelist()) }
    }
}

/// Whether a repository begins here. In a worktree or a submodule `.git` is a file.
fn is_top(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(".git")).is_ok()
}

/// Reads a regular file; anything else holds no rules, as for git.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(text),
        Err(error) => return Err(error),
    }
    File::open(path)?.take(RULES_BYTES_MAX + 1).read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|size| size > RULES_BYTES_MAX) {
        let cause = format!("it is larger than {RULES_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, cause));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(Code::InvalidInput, "the ignore rules of a folder cannot be read")
        .with_place(path.display())
        .with_remedy("make this file readable and short, or remove it")
        .caused_by(error)
}
