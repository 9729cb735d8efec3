//! The catalogue: every kind of failure with its number, severity and advice on retry.
//!
//! All decisions about a kind stand in one row of the table below. Numbers are stable: they appear
//! in logs, alerts and other languages, so a row is added but never renumbered or reused. The
//! first digit is the category. Two rules hold for every row and are tested:
//!
//! - what fails the same way each time is never retried: configuration, authentication,
//!   validation, corrupted data, business rules;
//! - what is severe is never retried at once, since that is a hot loop on a system in trouble.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

#[cfg(test)]
mod tests;

/// Names the side on which a failure arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// The settings; somebody has to change them.
    Config,
    /// This system: its services and processes.
    System,
    /// What was passed in or stored.
    Data,
    /// A system beyond this one.
    External,
    /// Nobody has classified the failure.
    Unknown,
}

impl Category {
    /// Returns the name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::System => "system",
            Self::Data => "data",
            Self::External => "external",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Grades how much a failure matters, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// One request is affected and its caller can mend it.
    Low,
    /// One request is affected.
    Medium,
    /// A service is affected; somebody should know.
    High,
    /// The system is affected; somebody must act.
    Critical,
}

impl Severity {
    /// Returns the name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Tells whether somebody beyond the caller has to hear of it: high or critical.
    pub const fn should_escalate(self) -> bool {
        matches!(self, Self::High | Self::Critical)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Advises whether and when to try again.
///
/// It is advice for one caller: it says nothing about how often, which a retry budget decides, and
/// has no jitter, which needs a source of randomness. Serialized with delays in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "class", rename_all = "lowercase")]
#[non_exhaustive]
pub enum RetryClass {
    /// The next try fails as well.
    Never,
    /// The next try may succeed at once.
    Immediate,
    /// The cause takes about this long to go away.
    Fixed {
        /// The time before each try.
        #[serde(rename = "delay_ms", serialize_with = "as_millis")]
        delay: Duration,
    },
    /// The cause may be load: each try leaves twice the room of the one before.
    Exponential {
        /// The time before the first retry.
        #[serde(rename = "base_ms", serialize_with = "as_millis")]
        base: Duration,
        /// The longest time before a retry.
        #[serde(rename = "max_ms", serialize_with = "as_millis")]
        max: Duration,
    },
}

impl RetryClass {
    /// Returns how long to wait before a retry, or `None` if there should be none.
    ///
    /// `attempt` counts the retries already made: 0 asks for the delay before the first one.
    pub fn delay(self, attempt: u32) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Immediate => Some(Duration::ZERO),
            Self::Fixed { delay } => Some(delay),
            Self::Exponential { base, max } => {
                let factor = 2_u32.saturating_pow(attempt);
                Some(base.saturating_mul(factor).min(max))
            }
        }
    }

    /// Tells whether there should be a retry at all.
    pub const fn is_retryable(self) -> bool {
        !matches!(self, Self::Never)
    }
}

fn as_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Never, for the table.
const NEVER: RetryClass = RetryClass::Never;

/// A restart of a process or a hiccup of a peer is over in about a second.
const FIXED: RetryClass = RetryClass::Fixed { delay: Duration::from_secs(1) };

/// One second doubles to half a minute: long enough for a failover, short enough to notice its end.
const EXPONENTIAL: RetryClass =
    RetryClass::Exponential { base: Duration::from_secs(1), max: Duration::from_secs(30) };

struct Row {
    name: &'static str,
    category: Category,
    severity: Severity,
    retry: RetryClass,
}

/// Makes the enum and its lookups from the table, so that a row cannot be forgotten in one of them.
macro_rules! catalogue {
    ($($(#[$doc:meta])+ $number:literal $code:ident $name:literal
        $category:ident $severity:ident $retry:ident;)+) => {
        /// Names one kind of failure.
        ///
        /// Written as `E4301 timeout`; serialized as the number.
        ///
        /// It is an error itself, so that an error type can name its code to whoever knows only
        /// that it is some error: as its `source`, by [`Code::as_source`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])+ $code = $number,)+
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// Returns the code with that number, or `None` if the catalogue has none.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$code),)+
                    _ => None,
                }
            }

            /// Returns the code as the `source` of an error that has this code and no cause.
            ///
            /// [`Error::of`](crate::Error::of) finds it there; our reports leave it out, since
            /// it stands at their beginning.
            pub const fn as_source(self) -> &'static (dyn StdError + 'static) {
                match self {
                    $(Self::$code => &Self::$code,)+
                }
            }

            const fn row(self) -> Row {
                match self {
                    $(Self::$code => Row {
                        name: $name,
                        category: Category::$category,
                        severity: Severity::$severity,
                        retry: $retry,
                    },)+
                }
            }
        }
    };
}

catalogue! {
    /// The configuration has the wrong shape.
    1101 InvalidConfigStructure "invalid_config_structure" Config High NEVER;
    /// The configuration lacks a field.
    1102 MissingRequiredField "missing_required_field" Config High NEVER;
    /// A setting has a value that it cannot have.
    1201 InvalidConfigValue "invalid_config_value" Config Medium NEVER;
    /// Settings contradict each other or a rule.
    1202 ConstraintViolation "constraint_violation" Config Medium NEVER;
    /// A setting is outside its range.
    1203 RangeError "range_error" Config Low NEVER;
    /// There is no such configuration.
    1301 ConfigNotFound "config_not_found" Config High NEVER;
    /// The setting cannot be changed while the system runs.
    1401 ConfigUpdateForbidden "config_update_forbidden" Config Medium NEVER;

    /// A part of the system did not start. The supervisor decides on another start.
    2101 InitializationFailed "initialization_failed" System Critical NEVER;
    /// A service does not answer for now: it starts, restarts, drains or is overloaded.
    2102 ServiceUnavailable "service_unavailable" System High EXPONENTIAL;
    /// The registry has not been set up; trying again does not set it up.
    2103 RegistryNotConfigured "registry_not_configured" System High NEVER;
    /// A bound is reached for now: memory, entries, permits, queue length. It may recover.
    2201 ResourceExhausted "resource_exhausted" System High EXPONENTIAL;
    /// Something the service depends on failed.
    2301 DependencyFailed "dependency_failed" System High EXPONENTIAL;
    /// A bug: an invariant does not hold.
    2401 InternalError "internal_error" System Critical NEVER;
    /// The process is dead; its successor can be found under the same name.
    2402 ProcessNotAlive "process_not_alive" System Medium FIXED;

    /// A value has no serialized form.
    3101 SerializationFailed "serialization_failed" Data Medium NEVER;
    /// Bytes are not the serialized form of a value.
    3102 DeserializationFailed "deserialization_failed" Data Medium NEVER;
    /// A value has another type than expected.
    3201 TypeMismatch "type_mismatch" Data Low NEVER;
    /// A text does not have the expected form.
    3202 FormatError "format_error" Data Low NEVER;
    /// A value breaks a rule of its schema.
    3203 ValidationFailed "validation_failed" Data Medium NEVER;
    /// An argument is not acceptable.
    3204 InvalidInput "invalid_input" Data Low NEVER;
    /// Stored data fails its check; reading it again does not mend it.
    3301 DataCorruption "data_corruption" Data Critical NEVER;
    /// There is no such record. That is an answer, not an outage.
    3401 DataNotFound "data_not_found" Data Low NEVER;
    /// A rule of the application forbids the operation.
    3501 BusinessRuleViolation "business_rule_violation" Data Low NEVER;

    /// The network failed on the way.
    4101 NetworkError "network_error" External Medium EXPONENTIAL;
    /// A service beyond this system answered with a failure of its own.
    4201 ExternalServiceError "external_service_error" External Medium FIXED;
    /// No answer came before the deadline.
    4301 Timeout "timeout" External Medium EXPONENTIAL;
    /// The credentials were refused; the same ones are refused again.
    4401 AuthenticationFailed "authentication_failed" External High NEVER;

    /// Nobody has classified the failure, so nobody knows whether a second try is harmless.
    9999 Unknown "unknown" Unknown Medium NEVER;
}

impl Code {
    /// Returns the stable number, as in the `4301` of `E4301`.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Returns the stable name in snake case.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns the side on which the failure arose.
    pub const fn category(self) -> Category {
        self.row().category
    }

    /// Returns how much the failure matters.
    pub const fn severity(self) -> Severity {
        self.row().severity
    }

    /// Returns the advice on retry.
    pub const fn retry(self) -> RetryClass {
        self.row().retry
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{} {}", self.number(), self.name())
    }
}

impl StdError for Code {}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}
