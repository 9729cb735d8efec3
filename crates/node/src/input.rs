//! The folder a run works on.

use std::io;
use std::path::Path;

use foundation_types::{Code, Error};

/// Checks that a path leads to a folder that can be read, before anything is started for it.
///
/// # Errors
/// `data_not_found` or `invalid_input` with the path and what to do.
pub fn check_input(path: &Path) -> Result<(), Error> {
    let found = std::fs::read_dir(path).map(|_entries| ());
    found.map_err(|cause| {
        let (code, message, remedy) = match cause.kind() {
            io::ErrorKind::NotFound => (
                Code::DataNotFound,
                "the input folder does not exist",
                "name a folder that exists; a relative path starts at the current folder",
            ),
            io::ErrorKind::NotADirectory => (
                Code::InvalidInput,
                "the input is not a folder",
                "name the folder that holds the file",
            ),
            io::ErrorKind::PermissionDenied => (
                Code::InvalidInput,
                "the input folder may not be read",
                "give this user the right to read and enter it",
            ),
            _ => (
                Code::InvalidInput,
                "the input folder cannot be read",
                "check the folder and the disk it is on",
            ),
        };
        Error::new(code, message).with_place(path.display()).with_remedy(remedy).caused_by(cause)
    })
}
