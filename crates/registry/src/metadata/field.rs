//! Reads a field of metadata by its path.

use foundation_types::Instant;

use super::pairs::Pairs;
use super::{Details, Labels, Metadata};
use crate::field::Field;
use crate::value::Value;

#[cfg(test)]
mod tests;

impl Metadata {
    /// Returns what stands at a path, or nothing if the path leads nowhere.
    ///
    /// | Path | Field |
    /// |---|---|
    /// | `type`, `health` | the text form of [`Kind`](crate::Kind) and [`Health`](crate::Health) |
    /// | `capability`, `affinity` | all of them, sorted; perhaps none |
    /// | `created_at`, `last_health_check` | nanoseconds on the system's clock, at most `i64::MAX`; nothing while not known |
    /// | `resources.NAME` | the amount |
    /// | `coordination.NAME`, `custom.NAME` | the value; further names lead into maps, as in `custom.model.size` |
    /// | `NAME` and nothing behind | the resource of that name, else the custom attribute |
    /// | `NAME.NAME` | what lies within the custom attribute of the first name |
    ///
    /// The first name decides, so a resource called `health` is found as `resources.health` only. Costs
    /// no allocation, and for each name of the path one search among sorted ones.
    pub fn field(&self, path: &str) -> Option<Field<'_>> {
        let (first, rest) = split(path);
        match (first, rest) {
            ("type", None) => Some(Field::Text(self.kind.as_str())),
            ("health", None) => Some(Field::Text(self.health.as_str())),
            ("capability", None) => Some(Field::Labels(&self.capabilities)),
            ("affinity", None) => {
                let affinity = self.details().map(|details| &details.affinity);
                Some(Field::Labels(affinity.unwrap_or(Labels::NONE)))
            }
            ("created_at", None) => self.created_at().map(nanos),
            ("last_health_check", None) => self.last_health_check().map(nanos),
            ("resources", Some(name)) => self.resource(name).map(Field::Number),
            ("coordination", Some(path)) => within(&self.details()?.coordination, path),
            ("custom", Some(path)) => within(&self.details()?.custom, path),
            (
                "type" | "health" | "capability" | "affinity" | "created_at" | "last_health_check"
                | "resources" | "coordination" | "custom",
                _,
            ) => None,
            (name, rest) => self.details()?.unknown(name, rest, path),
        }
    }
}

impl Details {
    /// Looks for what has no field's name.
    fn unknown(&self, name: &str, rest: Option<&str>, path: &str) -> Option<Field<'_>> {
        if rest.is_none()
            && let Some(amount) = self.resources.get(name)
        {
            return Some(Field::Number(*amount));
        }
        within(&self.custom, path)
    }
}

fn within<'a>(attributes: &'a Pairs<Value>, path: &str) -> Option<Field<'a>> {
    let (name, mut rest) = split(path);
    let mut value = attributes.get(name)?;
    while let Some(path) = rest {
        let Value::Map(map) = value else { return None };
        let (name, next) = split(path);
        (value, rest) = (map.get(name)?, next);
    }
    Some(Field::Value(value))
}

fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)))
}

fn nanos<'a>(at: Instant) -> Field<'a> {
    Field::Integer(i64::try_from(at.as_nanos()).unwrap_or(i64::MAX))
}
