//! What an event is: a name, integers with their units, and metadata.

use std::borrow::Cow;
use std::fmt;

use foundation_env::fault;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::Value;
use crate::events::Events;

/// An event that a program can emit: declared once, as a static, with the names of its `M` measurements and
/// `D` metadata. The compiler holds every emission to their number.
///
/// A name is segments with dots between them, the subject first and what happened to it last. A measurement
/// carries its unit at the end of its name, as in `duration_ns` or `queue_len`. Those of the platform stand in
/// [`catalogue`](crate::catalogue).
///
/// ```
/// use foundation_env::sim::{SimOptions, Simulation};
/// use foundation_telemetry::{Event, Telemetry};
///
/// static PAID: Event<1, 1> =
///     Event::new("shop.order.paid", ["amount_cents"], ["currency"], "An order was paid.");
///
/// let telemetry = Telemetry::new(Simulation::new(7, SimOptions::default()).env());
/// let mut paid = telemetry.events().subscribe("shop.*", 16)?;
/// PAID.emit(telemetry.events(), || ([1_999], ["EUR".into()]));
/// let event = paid.try_next().expect("it was heard");
/// assert_eq!(event.measurement("amount_cents"), Some(1_999));
/// # Ok::<(), foundation_telemetry::AttachError>(())
/// ```
#[derive(Debug)]
pub struct Event<const M: usize, const D: usize> {
    descriptor: Descriptor,
    measurements: [&'static str; M],
    metadata: [&'static str; D],
}

/// What is known of an event whatever its shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptor {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    /// The group of its first segment; see [`group_of`].
    pub(crate) group: usize,
}

/// Groups of events by their first segment: whether anybody listens to a group is one bit of a word.
pub(crate) const GROUPS: usize = 64;

/// The group of a name or pattern: FNV-1a of its first segment (Fowler, Noll and Vo), which is `const`.
pub(crate) const fn group_of(name: &str) -> usize {
    let bytes = name.as_bytes();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        if *byte == b'.' {
            break;
        }
        hash = (hash ^ (*byte as u64)).wrapping_mul(0x0100_0000_01b3);
        rest = after;
    }
    (hash >> 58) as usize
}

impl<const M: usize, const D: usize> Event<M, D> {
    /// Declares an event. `help` is one sentence: when it is emitted.
    pub const fn new(
        name: &'static str,
        measurements: [&'static str; M],
        metadata: [&'static str; D],
        help: &'static str,
    ) -> Self {
        let descriptor = Descriptor { name, help, group: group_of(name) };
        Self { descriptor, measurements, metadata }
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.descriptor.name
    }

    /// Whether an emission now would be heard, or a listener of its group only might hear it.
    #[inline]
    pub fn may_be_heard(&self, events: &Events) -> bool {
        events.may_hear(self.descriptor.group)
    }

    /// Tells everybody who listens. `make` is called only if somebody might: it says the measurements and
    /// the metadata, in the order of the declaration.
    ///
    /// Handlers run here and now, under no lock; a panic in one reaches nobody.
    #[inline]
    pub fn emit<'a>(&self, events: &Events, make: impl FnOnce() -> ([i64; M], [Value<'a>; D])) {
        if self.may_be_heard(events) {
            let (measurements, metadata) = make();
            events.tell(
                self.descriptor.group,
                &Emission {
                    name: self.descriptor.name,
                    measurement_names: &self.measurements,
                    measurements: &measurements,
                    metadata_names: &self.metadata,
                    metadata: &metadata,
                },
            );
        }
    }
}

/// An event of any shape, for lists.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EventInfo {
    /// Its name.
    pub name: &'static str,
    /// What it measures, each with its unit.
    pub measurements: &'static [&'static str],
    /// What else it says.
    pub metadata: &'static [&'static str],
    /// When it is emitted.
    pub help: &'static str,
}

impl<const M: usize, const D: usize> Event<M, D> {
    /// What is known of it, for lists.
    pub const fn info(&'static self) -> EventInfo {
        EventInfo {
            name: self.descriptor.name,
            measurements: &self.measurements,
            metadata: &self.metadata,
            help: self.descriptor.help,
        }
    }
}

/// One emission, as a handler sees it: borrowed, to be copied by who keeps it.
#[derive(Clone, Copy)]
pub struct Emission<'a> {
    name: &'static str,
    measurement_names: &'a [&'static str],
    measurements: &'a [i64],
    metadata_names: &'a [&'static str],
    metadata: &'a [Value<'a>],
}

impl<'a> Emission<'a> {
    /// The name of the event.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The measurements, with their names.
    pub fn measurements(&self) -> impl Iterator<Item = (&'static str, i64)> + use<'a> {
        self.measurement_names.iter().copied().zip(self.measurements.iter().copied())
    }

    /// The metadata, with their names.
    pub fn metadata(&self) -> impl Iterator<Item = (&'static str, &'a Value<'a>)> + use<'a> {
        self.metadata_names.iter().copied().zip(self.metadata)
    }

    /// One measurement.
    pub fn measurement(&self, name: &str) -> Option<i64> {
        self.measurements().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// One of the metadata.
    pub fn get(&self, name: &str) -> Option<&'a Value<'a>> {
        self.metadata().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A copy to keep. Texts are cut at [`Value::TEXT_BYTES_MAX`].
    pub fn to_record(&self) -> EventRecord {
        EventRecord {
            name: self.name,
            measurements: self.measurements().collect(),
            metadata: self
                .metadata()
                .map(|(name, value)| (name, value.clone().into_owned()))
                .collect(),
        }
    }
}

/// As a log line shows it: the name, then `key=value` for each measurement and metadatum.
impl fmt::Display for Emission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.measurements().try_for_each(|(name, value)| write!(f, " {name}={value}"))?;
        self.metadata().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl fmt::Debug for Emission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emission({self})")
    }
}

/// One emission that was kept. Serialized as a map of `name`, `measurements` and `metadata`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    name: &'static str,
    measurements: Vec<(&'static str, i64)>,
    metadata: Vec<(&'static str, Value<'static>)>,
}

impl EventRecord {
    /// The name of the event.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The measurements, with their names.
    pub fn measurements(&self) -> &[(&'static str, i64)] {
        &self.measurements
    }

    /// The metadata, with their names.
    pub fn metadata(&self) -> &[(&'static str, Value<'static>)] {
        &self.metadata
    }

    /// One measurement.
    pub fn measurement(&self, name: &str) -> Option<i64> {
        self.measurements.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// One of the metadata.
    pub fn get(&self, name: &str) -> Option<&Value<'static>> {
        self.metadata.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

struct Map<'a, V>(&'a [(&'static str, V)]);

impl<V: Serialize> Serialize for Map<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for EventRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("name", self.name)?;
        map.serialize_entry("measurements", &Map(&self.measurements))?;
        map.serialize_entry("metadata", &Map(&self.metadata))?;
        map.end()
    }
}

/// Which events a handler hears: one by its name, all below a prefix (`registry.*`), or all (`*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Cow<'static, str>);

/// A text that is no [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is neither the name of an event, nor a prefix and \".*\", nor \"*\"")]
pub struct PatternError {
    /// The text.
    pub pattern: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`] if a segment is empty, or has other characters than `a-z`, `0-9` and `_`, or if `*`
    /// is not the last segment.
    pub fn new(pattern: impl Into<Cow<'static, str>>) -> Result<Self, PatternError> {
        let pattern = pattern.into();
        let prefix = match &*pattern {
            "*" => return Ok(Self(pattern)),
            other => other.strip_suffix(".*").unwrap_or(other),
        };
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let good = |segment: &str| !segment.is_empty() && segment.bytes().all(plain);
        if prefix.split('.').all(good) {
            Ok(Self(pattern))
        } else {
            Err(PatternError { pattern: pattern.into_owned() })
        }
    }

    /// Whether it hears events of that name.
    pub fn matches(&self, name: &str) -> bool {
        match &*self.0 {
            "*" => true,
            pattern => match pattern.strip_suffix(".*") {
                None => pattern == name,
                Some(prefix) => {
                    let below = |rest: &str| {
                        rest.starts_with('.') || fault::planted("pattern_matches_inside_segment")
                    };
                    name.strip_prefix(prefix).is_some_and(below)
                }
            },
        }
    }

    /// The groups that it hears, as bits.
    pub(crate) fn groups(&self) -> u64 {
        if self.0 == "*" { u64::MAX } else { 1 << group_of(&self.0) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
