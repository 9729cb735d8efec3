//! Methods as messages: the attribute `#[process]`.
//!
//! Use it through the crate `foundation`, where it is documented with examples.
//!
//! It promises that the code it writes is the code one would write by hand: one enum of messages,
//! one `match`, no box and no dynamic call. It does not promise anything about types: what it cannot
//! see in the text (a message that is not `Send`, a handler that holds something over an await) the
//! compiler says, at the place in question.

#![forbid(unsafe_code)]

mod arguments;
mod method;

mod expand;

use proc_macro::TokenStream;

/// Makes a process, its messages and a typed handle of an `impl` block.
///
/// # On the block
///
/// `#[process]`, or with any of these, separated by commas:
///
/// | argument | sets | default |
/// |---|---|---|
/// | a visibility, as `pub(crate)` | the visibility of messages and handle | messages `pub`, since those of a `pub` type must be; handle the widest of the handlers |
/// | `message = Name` | the name of the enum of messages | `<Type>Message` |
/// | `handle = Name` | the name of the handle | `<Type>Handle` |
/// | `crate = path` | where `foundation` is found | `::foundation` |
///
/// # On its methods
///
/// A method without a mark stays what it is. Marked methods stay callable too, and are called by the
/// process:
///
/// | mark | called | form |
/// |---|---|---|
/// | `#[call]` | for each call of the handle's method of that name | returns the answer, or takes a `Reply<T>` and answers later |
/// | `#[cast]` | for each message; nobody waits | returns nothing, or a `Result<(), E>` whose error ends the process |
/// | `#[init]` | before the first message | returns nothing, or a `Result<(), E>` whose error fails the start |
/// | `#[signal]` | for each DOWN and each trapped exit signal | takes a `Signal`; returns as `#[cast]` |
/// | `#[terminate]` | before an orderly end | may take `&ExitReason`; returns nothing |
/// | `#[terminate_budget]` | before `#[terminate]`: how long that may take | takes `&self`, returns `Option<Duration>` |
/// | `#[inspect]` | when an operator asks for the state | takes `&self`, returns `String` |
///
/// All but the last two may be `async`, and may take the context as `&mut Context<TypeMessage>`. What an
/// `async` method borrows must be `Send`: take `&mut self` and `&mut Context` there unless the type is
/// `Sync`. An error `E` is any error, or an `ExitReason`.
///
/// Parameters are recognised by the last word of their type: `&mut Context<..>` is the context, and in a
/// call `Reply<..>` is the way back.
///
/// # What it writes
///
/// For a type `Counter`: the enum `CounterMessage` with a variant per handler, whose fields are the
/// handler's arguments and, for a call, `reply`; the `Process` impl, with the names of the messages for
/// introspection; and `CounterHandle`, made from an address with `From`. Its methods are `async`, carry
/// the handlers' names, visibility and docs, and return
///
/// * for a call `Result<T, CallError>`, with `T` as the handler returns it, also if that is a `Result`;
/// * for a cast `Result<(), SendError<CounterMessage>>`.
///
/// `handle.until(deadline)` is the same handle with a deadline for its calls and waits; without, each
/// takes at most five seconds. `handle.address()` is the address.
///
/// # What it refuses
///
/// Generic types and methods, arguments that borrow, patterns as arguments, `self` by value; and methods without
/// a mark that have the name of what the `Process` impl has, as `handle` or `init`: they would be taken for it. Write the
/// `Process` impl by hand there; the two forms mix in one system.
#[proc_macro_attribute]
pub fn process(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::process(arguments.into(), &item.into()).into()
}
