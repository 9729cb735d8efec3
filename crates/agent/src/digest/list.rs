//! `files.list`: which files a digest reads.

use std::io;
use std::path::Path;
use std::sync::Arc;

use foundation_types::{Code, Error};
use ignore::{DirEntry, WalkBuilder};
use serde::{Deserialize, Serialize};

use super::rules::Rules;
use crate::action::Action;
use crate::context::ActionContext;

#[cfg(test)]
mod tests;

/// Lists the files below the context's root, ordered by the bytes of their relative paths.
///
/// It honours `.gitignore` files of the folder and its sub-folders, whether or not there is a git repository,
/// and inside one those of its parents up to its top. It passes over hidden files and folders, and follows no
/// symbolic link. The user's global
/// ignore file is not read, so that two people get the same list. Whether a file is text is decided by
/// `text.stats`, which opens it anyway.
#[derive(Debug, Clone, Copy)]
pub struct ListFiles;

/// One file to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedFile {
    /// The path below the root, with `/` between its parts.
    pub path: String,
    /// Why the file cannot be read, when that is known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
}

impl Action for ListFiles {
    type Input = ();
    type Output = Vec<ListedFile>;

    fn name(&self) -> &'static str {
        "files.list"
    }

    fn summary(&self) -> &'static str {
        "Lists the files below the input folder that .gitignore does not exclude."
    }

    fn run(&self, (): (), context: &ActionContext) -> Result<Vec<ListedFile>, Error> {
        let root = context.root();
        check_root(root)?;
        let rules = Arc::new(Rules::new(root)?);
        let mut files: Vec<(Vec<u8>, ListedFile)> = Vec::new();
        for entry in walker(root, &rules) {
            context.check()?;
            let Some(file) = listed(root, entry)? else { continue };
            if files.len() == context.limits().files_max {
                return Err(too_many_files(root, context.limits().files_max));
            }
            files.push(file);
        }
        if let Some(error) = rules.failure() {
            return Err(error);
        }
        // The walk sorts each folder; the order of whole paths differs where a name continues past
        // another one ("a.txt" stands before "a/b").
        files.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(files.into_iter().map(|(_, file)| file).collect())
    }
}

fn walker(root: &Path, rules: &Arc<Rules>) -> ignore::Walk {
    let rules = Arc::clone(rules);
    WalkBuilder::new(root)
        .standard_filters(false)
        .hidden(true)
        .filter_entry(move |entry| {
            rules.admit(entry.path(), entry.file_type().is_some_and(|kind| kind.is_dir()))
        })
        .follow_links(false)
        // A fixed order, so that of two unreadable folders the same one is reported each time.
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build()
}

/// A missing root and a root that is a file would otherwise be listed as nothing or as one file.
fn check_root(root: &Path) -> Result<(), Error> {
    match std::fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(Error::new(Code::InvalidInput, "the input is not a folder")
            .with_place(root.display())
            .with_remedy("name the folder that holds the file")),
        Err(error) => Err(folder_error(root, error)),
    }
}

fn listed(
    root: &Path,
    entry: Result<DirEntry, ignore::Error>,
) -> Result<Option<(Vec<u8>, ListedFile)>, Error> {
    let entry = match entry {
        Ok(entry) => entry,
        // A folder that was there a moment ago: whoever removes it, a build perhaps, changes no list by it.
        Err(error) if error.depth().is_some_and(|depth| depth > 0) && is_missing(&error) => {
            return Ok(None);
        }
        Err(error) => return Err(walk_error(root, error)),
    };
    if !entry.file_type().is_some_and(|kind| kind.is_file()) {
        return Ok(None);
    }
    let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
    let bytes = slashed(relative);
    let file = match String::from_utf8(bytes.clone()) {
        Ok(path) => ListedFile { path, skip: None },
        Err(_) => ListedFile {
            path: bytes.escape_ascii().to_string(),
            skip: Some("its name is not UTF-8".to_owned()),
        },
    };
    Ok(Some((bytes, file)))
}

/// Joins the parts of a path with `/` on every platform.
fn slashed(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.as_os_str().len());
    for part in path.components() {
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(part.as_os_str().as_encoded_bytes());
    }
    bytes
}

fn walk_error(root: &Path, error: ignore::Error) -> Error {
    let folder = path_of(&error).unwrap_or(root).to_owned();
    match error.into_io_error() {
        Some(cause) => folder_error(&folder, cause),
        None => Error::new(Code::InvalidInput, "the folder cannot be walked")
            .with_place(folder.display())
            .with_remedy("check the folder and its .gitignore files"),
    }
}

fn is_missing(error: &ignore::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}

fn folder_error(folder: &Path, cause: io::Error) -> Error {
    let (code, remedy) = match cause.kind() {
        io::ErrorKind::NotFound => (
            Code::DataNotFound,
            "name a folder that exists; relative paths start at the current folder",
        ),
        io::ErrorKind::PermissionDenied => (
            Code::InvalidInput,
            "give this user the right to read and enter it, or exclude it in a .gitignore above it",
        ),
        _ => (Code::InvalidInput, "check the folder and the disk it is on"),
    };
    Error::new(code, "the folder cannot be read")
        .with_place(folder.display())
        .with_remedy(remedy)
        .caused_by(cause)
}

fn too_many_files(root: &Path, files_max: usize) -> Error {
    Error::new(Code::ConstraintViolation, "the folder has more files than one run may list")
        .with("files_max", files_max)
        .with_place(root.display())
        .with_remedy(
            "choose a smaller folder, exclude files in a .gitignore, or raise limits.files_max",
        )
}
