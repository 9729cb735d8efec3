//! What every error of Foundation has beside its code.

/// Makes errors of types that have a `code()` and implement [`Display`](std::fmt::Display).
///
/// Each gets `is_retryable()`, as its code says, [`std::error::Error`], and a conversion into
/// [`Error`](crate::Error). As its source it names its code, where [`Error::of`](crate::Error::of) finds it: so
/// code and advice on retry survive whoever knows only that it is some error, as `?` does in a handler. An error
/// with a cause of its own implements all that itself.
///
/// A doc comment before a type is added to that of its `is_retryable`.
///
/// ```
/// use std::fmt;
/// use foundation_types::{Code, Error, coded_errors};
///
/// #[derive(Debug)]
/// struct NoRoom;
///
/// impl NoRoom {
///     fn code(&self) -> Code {
///         Code::ResourceExhausted
///     }
/// }
///
/// impl fmt::Display for NoRoom {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("there is no room")
///     }
/// }
///
/// coded_errors! {
///     NoRoom;
/// }
///
/// assert!(NoRoom.is_retryable());
/// let some: Box<dyn std::error::Error + Send + Sync> = Box::new(NoRoom);
/// assert!(some.source().is_some_and(|source| source.is::<Code>()));
/// assert_eq!(Error::from(NoRoom).code(), Code::ResourceExhausted);
/// ```
#[macro_export]
macro_rules! coded_errors {
    ($($(#[$doc:meta])* $error:ty;)+) => {
        $(
            impl $error {
                /// Whether another try can succeed without anybody's doing, as the code says.
                $(#[$doc])*
                pub fn is_retryable(&self) -> bool {
                    self.code().retry().is_retryable()
                }
            }

            impl ::std::error::Error for $error {
                fn source(&self) -> ::std::option::Option<&(dyn ::std::error::Error + 'static)> {
                    ::std::option::Option::Some(self.code().as_source())
                }
            }

            impl ::std::convert::From<$error> for $crate::Error {
                fn from(error: $error) -> Self {
                    Self::of(error)
                }
            }
        )+
    };
}
