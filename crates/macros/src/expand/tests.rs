use proc_macro2::TokenStream;

use super::{Block, process};

/// Returns each error as its message and the text it points at.
fn errors(arguments: &str, item: &str) -> Vec<(String, String)> {
    let mut block = syn::parse_str(item).expect("the block parses");
    let read = syn::parse_str(arguments).and_then(|arguments| Block::read(arguments, &mut block));
    let Err(errors) = read else { return Vec::new() };
    let each = errors.into_iter().map(|error| {
        let place = error.span().source_text().unwrap_or_default();
        (error.to_string(), place)
    });
    each.collect()
}

/// Checks that a method is refused, with a message that contains `text`, at `place`.
fn refused(method: &str, text: &str, place: &str) {
    let found = errors("", &format!("impl Counter {{ {method} }}"));
    assert_eq!(found.len(), 1, "{method}: {found:?}");
    let (message, at) = &found[0];
    assert!(message.contains(text), "{method}: {message}");
    assert_eq!(at, place, "{method}: {message}");
}

#[test]
fn what_cannot_be_a_message_is_refused_where_it_stands() {
    let owned = "owns its parts";
    refused("#[cast] fn set(&mut self, name: &str) {}", owned, "&str");
    refused("#[cast] fn set(&mut self, name: &'a str) {}", owned, "&'a str");
    refused("#[cast] fn set(&mut self, of: impl Fn()) {}", "not `impl Trait`", "impl Fn()");
    refused(
        "#[cast] fn set(&mut self, (a, b): (u8, u8)) {}",
        "give this argument a name",
        "(a, b)",
    );
    refused("#[call] fn get(&self) -> &str { \"\" }", "return an owned type", "&str");
    refused("#[call] fn get(&self, reply: u8) -> u8 { 0 }", "choose another", "reply");
    refused("#[cast] fn set<T>(&mut self, value: T) {}", "cannot be generic", "<T>");
    refused(
        "#[cast] fn tell(&mut self, to: Reply<u8>) {}",
        "mark the method #[call]",
        "to: Reply<u8>",
    );
}

#[test]
fn a_handler_must_have_a_form_the_process_can_call() {
    refused("#[cast] fn set(self) {}", "take `&mut self` or `&self`", "self");
    refused("#[cast] fn set(self: Box<Self>) {}", "`&mut self` or `&self`", "self: Box<Self>");
    refused("#[call] fn get() -> u8 { 0 }", "it needs `&mut self` or `&self`", "get");
    refused("#[call] unsafe fn get(&self) -> u8 { 0 }", "must be safe", "get");
    refused("#[call] extern \"C\" fn get(&self) -> u8 { 0 }", "cannot be `extern`", "extern \"C\"");
    refused("#[call] fn get(&self) -> u8 where u8: Copy { 0 }", "where clause", "where u8: Copy");
    let two = "a: &mut Context<M>, b: &mut Context<M>";
    let second = "b: &mut Context<M>";
    refused(&format!("#[cast] fn x(&self, {two}) {{}}"), "already a parameter", second);
    refused("#[call] fn x(&self, a: Reply<u8>, b: Reply<u8>) {}", "one answer", "b: Reply<u8>");
}

#[test]
fn marks_and_hooks_are_checked() {
    refused("#[call(now)] fn get(&self) -> u8 { 0 }", "takes no arguments", "call(now)");
    refused("#[call] #[cast] fn get(&self) {}", "one mark", "#[cast]");
    refused("#[init] fn a(&self) {} #[init] fn b(&self) {}", "already an #[init]", "b");
    refused("#[init] fn start(&mut self, n: u8) {}", "the context or nothing", "start");
    refused("#[signal] fn told(&mut self) {}", "takes one `Signal`", "told");
    refused("#[terminate] fn end(&mut self) -> u8 { 0 }", "returns nothing", "u8");
    refused("#[inspect] fn look(&mut self) -> String {}", "use `&self`", "look");
    let context = "#[inspect] fn look(&self, c: &mut Context<M>) -> String {}";
    refused(context, "`&self` only", "look");
    let budget = "returns `Option<Duration>`";
    refused("#[terminate_budget] fn patience(&self) {}", budget, "patience");
    let option = "Option<Duration> { None }";
    let method = format!("#[terminate_budget] fn patience(&mut self) -> {option}");
    refused(&method, "use `&self`", "patience");
    let method = format!("#[terminate_budget] fn patience(&self, of: u8) -> {option}");
    refused(&method, "`&self` only", "patience");
    for name in ["init", "handle_signal", "terminate", "terminate_budget", "inspect"] {
        refused(&format!("fn {name}(&self) {{}}"), "nobody calls this", name);
    }
    refused("fn handle(&mut self, line: &str) {}", "another name", "handle");
    refused("fn message_kind(_: &M) -> usize { 0 }", "another name", "message_kind");
}

#[test]
fn names_that_would_clash_are_refused() {
    refused("#[call] fn address(&self) -> u8 { 0 }", "every handle has", "address");
    refused("#[call] fn until(&self) -> u8 { 0 }", "every handle has", "until");
    refused("#[call] fn self_(&self) -> u8 { 0 }", "named after this", "self_");
    refused("#[cast] fn a_b(&self) {} #[cast] fn a__b(&self) {}", "same name, `AB`", "a__b");
}

#[test]
fn blocks_that_are_no_process_are_refused() {
    let cases = [
        ("", "impl Clone for Counter {}", "without a trait", "Clone"),
        ("", "impl<T> Counter<T> {}", "generic process", "<T>"),
        ("", "impl (u8, u8) {}", "type with a name", "(u8, u8)"),
        ("name = X", "impl Counter {}", "expected a visibility", "name"),
        ("pub, pub", "impl Counter {}", "set twice", "pub"),
        ("message = A, message = B", "impl Counter {}", "set twice", "message"),
    ];
    for (arguments, item, text, place) in cases {
        let found = errors(arguments, item);
        assert!(found.len() == 1 && found[0].0.contains(text), "{item}: {found:?}");
        assert_eq!(found[0].1, place, "{item}");
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let found = errors("", "impl C { #[cast] fn a(self) {} #[call] fn b(&self, c: &u8) {} }");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn after_an_error_the_methods_are_still_there() {
    let item: TokenStream =
        "impl C { #[cast] fn a(self) {} #[call] fn b(&self) -> u8 { 1 } }".parse().expect("tokens");
    let written = process(TokenStream::new(), &item).to_string();
    assert!(written.contains("compile_error"), "{written}");
    assert!(written.contains("fn a (self)") && written.contains("fn b (& self)"), "{written}");
    assert!(!written.contains("# [call]") && !written.contains("# [cast]"), "{written}");
}

#[test]
fn what_is_no_block_is_said_to_be_none() {
    let written = process(TokenStream::new(), &"struct C;".parse().expect("tokens")).to_string();
    assert!(written.contains("belongs on an `impl` block"), "{written}");
    assert!(written.ends_with("struct C ;"), "{written}");
}
