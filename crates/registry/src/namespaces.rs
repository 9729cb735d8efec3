//! The list of namespaces.

use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, OnceLock};

use foundation_env::fault;
use foundation_env::sync::{TimedMutex, TimedMutexGuard};

use crate::namespace::{Cells, Chunks, Load, Namespace, Settings};
use crate::patience::{Busy, Patience};

/// All namespaces. They stay until the registry is dropped, so one is found without a lock and without
/// counting a reference.
pub(crate) struct Namespaces {
    len_max: usize,
    settings: Settings,
    cells: Cells,
    /// In the order in which they came.
    list: Chunks<OnceLock<Arc<Namespace>>, 2>,
    /// Held by whoever adds one.
    writer: TimedMutex<Load>,
}

/// Why there is no such namespace.
pub(crate) enum NoNamespace {
    /// There are as many as there may be.
    TooMany(usize),
    /// It is new, and the list was held for too long.
    Busy(Busy),
}

impl Namespaces {
    pub(crate) fn new(len_max: usize, settings: Settings) -> Self {
        let (cells, list) = (Cells::new(), Chunks::new());
        let writer = TimedMutex::new(Load::default());
        Self { len_max, settings, cells, list, writer }
    }

    /// Keeps new namespaces out, for the audit.
    pub(crate) fn hold(&self) -> TimedMutexGuard<'_, Load> {
        self.writer.lock()
    }

    #[inline]
    pub(crate) fn get(&self, label: impl AsRef<[u8]>) -> Option<&Arc<Namespace>> {
        if fault::planted("registry_namespace_ignored") {
            return self.nth(0);
        }
        // Most systems have one namespace that is used more than all others, and it comes first: for that one
        // nothing is hashed.
        let first = self.nth(0).filter(|first| is_same(first.label.as_bytes(), label.as_ref()));
        if first.is_some() {
            return first;
        }
        self.find(self.hash(label.as_ref()), label.as_ref())
    }

    /// Returns the namespace with a label, which is new if there are fewer than there may be.
    pub(crate) fn get_or_new(
        &self,
        label: &str,
        patience: &mut Patience<'_>,
    ) -> Result<&Arc<Namespace>, NoNamespace> {
        if let Some(namespace) = self.get(label) {
            return Ok(namespace);
        }
        let hash = self.hash(label.as_bytes());
        let mut writer = patience.lock(&self.writer, label).map_err(NoNamespace::Busy)?;
        // Somebody else may have been faster.
        if let Some(namespace) = self.find(hash, label.as_bytes()) {
            return Ok(namespace);
        }
        let too_many = NoNamespace::TooMany(self.len_max);
        if writer.used() >= self.len_max {
            return Err(too_many);
        }
        // A place may be taken by one that a crash kept out of the table.
        let first = u32::try_from(writer.used()).unwrap_or(u32::MAX);
        let number =
            (first..=u32::MAX).find(|number| self.nth(*number).is_none()).unwrap_or(u32::MAX);
        let Some(place) = self.list.grow(number) else { return Err(too_many) };
        let namespace = Namespace::new(label.into(), self.settings.clone());
        let namespace = place.get_or_init(|| Arc::new(namespace));
        self.cells.insert(&mut writer, hash, number);
        Ok(namespace)
    }

    /// Returns every namespace in the order of labels.
    pub(crate) fn all(&self) -> Vec<&Arc<Namespace>> {
        let mut all: Vec<_> = (0..).map_while(|number| self.nth(number)).collect();
        all.sort_unstable_by(|a, b| a.label.cmp(&b.label));
        all
    }

    #[inline]
    fn find(&self, hash: u64, label: &[u8]) -> Option<&Arc<Namespace>> {
        let is_it = |found: &&Arc<Namespace>| found.label.as_bytes() == label;
        self.cells.find(hash, |number| self.nth(number).filter(is_it))
    }

    #[inline]
    fn hash(&self, label: &[u8]) -> u64 {
        let mut hasher = self.settings.seed.build_hasher();
        hasher.write(label);
        hasher.finish()
    }

    #[inline]
    fn nth(&self, number: u32) -> Option<&Arc<Namespace>> {
        self.list.get(number)?.get()
    }
}

/// Compares two labels without a call if they are short, as most are.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let ends = |label: &[u8]| Some((*label.first_chunk::<4>()?, *label.last_chunk::<4>()?));
    match a.len() {
        len if len != b.len() => false,
        4..=8 => ends(a) == ends(b),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn labels_are_the_same_if_all_their_bytes_are() {
        let text = b"abcdefghijk";
        for len in 0..=text.len() {
            let label = &text[..len];
            assert!(is_same(label, label));
            assert!(len == 0 || !is_same(label, &label[1..]));
            for at in 0..len {
                let mut other = label.to_vec();
                other[at] = b'-';
                assert!(!is_same(label, &other), "{len} bytes, the one at {at} differs");
            }
        }
    }
}
