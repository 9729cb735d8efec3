//! Labels, many in one text.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Labels in the order of their texts, each once: capabilities, or the nodes a process prefers.
///
/// Cheap to clone; all clones share one block, in which the labels stand one behind the other. They are found by
/// reading it, which for the few a process has is faster than following a pointer for each.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Labels(Option<Arc<str>>);

/// No label has white space.
const SEPARATOR: char = '\n';

impl Labels {
    /// None at all.
    pub(crate) const NONE: &'static Self = &Self(None);

    /// Returns the labels in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|text| text.split(SEPARATOR))
    }

    /// Tells whether a label is among them.
    pub fn contains(&self, label: &str) -> bool {
        self.iter().any(|one| one == label)
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |text| text.matches(SEPARATOR).count() + 1)
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Tells whether both are the same block, so that they are equal without a look.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }

    pub(super) fn to_set(&self) -> BTreeSet<Arc<str>> {
        self.iter().map(Arc::from).collect()
    }
}

/// Of labels that have been checked.
impl From<&BTreeSet<Arc<str>>> for Labels {
    fn from(labels: &BTreeSet<Arc<str>>) -> Self {
        let mut text = String::with_capacity(labels.iter().map(|label| label.len() + 1).sum());
        for label in labels {
            if !text.is_empty() {
                text.push(SEPARATOR);
            }
            text.push_str(label);
        }
        Self((!text.is_empty()).then(|| text.into()))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Labels {
        Labels::from(&texts.iter().copied().map(Arc::from).collect::<BTreeSet<_>>())
    }

    #[test]
    fn labels_come_back_in_order() {
        for texts in [&[][..], &["a"], &["b", "a"], &["text.read", "text", "read"]] {
            let labels = labels(texts);
            let mut sorted = texts.to_vec();
            sorted.sort_unstable();
            assert_eq!(labels.iter().collect::<Vec<_>>(), sorted);
            assert_eq!(labels.is_empty(), texts.is_empty());
            assert_eq!((labels.len(), labels.to_set().len()), (texts.len(), texts.len()));
        }
    }

    #[test]
    fn a_part_of_a_label_is_not_among_them() {
        let labels = labels(&["text.read", "text.write"]);
        assert!(labels.contains("text.read") && labels.contains("text.write"));
        for missing in ["text", "read", "", "text.read\ntext.write", "text.wri"] {
            assert!(!labels.contains(missing), "{missing:?}");
        }
    }

    #[test]
    fn clones_share_their_block() {
        let one = labels(&["a", "b"]);
        assert!(
            one.is_shared_with(&one.clone()) && Labels::NONE.is_shared_with(&Labels::default())
        );
        assert!(!one.is_shared_with(&labels(&["a", "b"])) && !one.is_shared_with(Labels::NONE));
    }
}
