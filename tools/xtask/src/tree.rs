//! The checkout in memory: rules read this and never the disk, so that their tests need no disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Text files above this size are data, not sources; nothing in the checkout should come near it.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Hidden folders that belong to the project; every other hidden folder is somebody's tool.
const HIDDEN_FOLDERS: [&str; 3] = [".cargo", ".ci", ".github"];

/// All text files of the checkout, keyed by path below the root with forward slashes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads every text file below `root`; build output and foreign hidden folders are left out.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let place = || format!("cannot read {}", folder.display());
            for entry in fs::read_dir(&folder).with_context(place)? {
                let entry = entry.with_context(place)?;
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                let kind = entry.file_type().with_context(place)?;
                if kind.is_dir() && folder_belongs(&name) {
                    folders.push(path);
                } else if kind.is_file() {
                    tree.read_file(root, &path)?;
                }
            }
        }
        Ok(tree)
    }

    fn read_file(&mut self, root: &Path, path: &Path) -> Result<()> {
        let place = || format!("cannot read {}", path.display());
        if fs::metadata(path).with_context(place)?.len() > TEXT_BYTES_MAX {
            return Ok(());
        }
        // Whatever is not UTF-8 is not text, and no rule has a say about it.
        if let Ok(text) = String::from_utf8(fs::read(path).with_context(place)?) {
            let below = path.strip_prefix(root).with_context(place)?;
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            self.files.insert(parts.join("/"), text);
        }
        Ok(())
    }

    /// Returns the text of the file at `path`, if it is there.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Returns whether `path` is a file or a folder that holds one.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.files.contains_key(path)
            || self
                .files
                .range(format!("{path}/")..)
                .next()
                .is_some_and(|(next, _)| next.starts_with(&format!("{path}/")))
    }

    /// Returns the folder of the package with this name.
    pub(crate) fn package_folder(&self, package: &str) -> Option<&str> {
        let (path, _) = self.ending("/Cargo.toml").find(|(_, text)| {
            let document = toml_edit::Document::parse(*text).ok();
            let name = document.as_ref().and_then(|document| document.get("package")?.get("name"));
            name.and_then(toml_edit::Item::as_str) == Some(package)
        })?;
        Some(folder(path))
    }

    /// Iterates over all files, in the order of their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Iterates over the files whose name ends with `ending`, such as `.rs`.
    pub(crate) fn ending<'a>(
        &'a self,
        ending: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files().filter(move |(path, _)| path.ends_with(ending))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Tree {
    fn from(files: [(&str, &str); N]) -> Self {
        let owned = files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned()));
        Self { files: owned.collect() }
    }
}

fn folder_belongs(name: &str) -> bool {
    name != "target" && (!name.starts_with('.') || HIDDEN_FOLDERS.contains(&name))
}

/// Finds the root of the checkout: two folders above this package.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).context("xtask must lie at tools/xtask of the checkout")?;
    ensure!(
        root.join("Cargo.toml").is_file(),
        "no Cargo.toml at {}; the checkout has moved: run `cargo clean --package xtask`",
        root.display()
    );
    Ok(root.to_path_buf())
}

/// Resolves `path` from the folder `base` without looking at the disk.
///
/// Both are below the root. Returns `None` when the result would lie outside the root.
pub(crate) fn resolve(base: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let start = if path.starts_with('/') { "" } else { base };
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Returns the folder of `path`, empty for a file at the root.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns what stands behind the last full stop of `path`, empty when there is none.
pub(crate) fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}
