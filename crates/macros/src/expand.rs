//! Writes what the attribute stands for.

mod handle;
mod message;
mod process;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Ident, ImplItem, ItemImpl, Path, Result, Type, Visibility, parse_quote,
};

use crate::arguments::Arguments;
use crate::method::{self, Mark, Method, Parameter, Returns};

/// Methods that every handle has.
const HANDLE_METHODS: [&str; 2] = ["address", "until"];

/// A handler: a marked method that answers or takes a message.
struct Handler {
    method: Method,
    variant: Ident,
}

/// Everything that is known of the block.
struct Block {
    root: Path,
    ty: Type,
    name: Ident,
    message: Ident,
    handle: Ident,
    /// Of the handle.
    visibility: Visibility,
    /// Of the messages, which must be as visible as the type is: the compiler refuses less.
    message_visibility: Visibility,
    handlers: Vec<Handler>,
    hooks: Vec<Method>,
}

pub(crate) fn process(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let mut block: ItemImpl = match syn::parse2(item.clone()) {
        Ok(block) => block,
        Err(error) => {
            let error = Error::new(error.span(), "#[process] belongs on an `impl` block");
            let error = error.into_compile_error();
            return quote!(#error #item);
        }
    };
    let written = syn::parse2(arguments).and_then(|arguments| {
        let block = Block::read(arguments, &mut block)?;
        let (message, process, handle) =
            (message::write(&block), process::write(&block), handle::write(&block));
        Ok(quote!(#message #process #handle))
    });
    let written = written.unwrap_or_else(|error| {
        // The methods without their marks stay, so that nothing is reported but the cause.
        for item in &mut block.items {
            if let ImplItem::Fn(function) = item {
                method::strip(function);
            }
        }
        error.into_compile_error()
    });
    quote!(#block #written)
}

impl Block {
    /// Checks the block and takes the marks off its methods. Reports all errors at once.
    fn read(arguments: Arguments, block: &mut ItemImpl) -> Result<Self> {
        check_block(block)?;
        let name = name_of(&block.self_ty)?;
        let mut errors: Option<Error> = None;
        let mut note = |error: Error| match &mut errors {
            Some(errors) => errors.combine(error),
            None => errors = Some(error),
        };
        let (mut handlers, mut hooks): (Vec<Handler>, Vec<Method>) = (Vec::new(), Vec::new());
        for item in &mut block.items {
            let ImplItem::Fn(function) = item else { continue };
            match method::read(function) {
                Ok(None) => {}
                Ok(Some(method)) if matches!(method.mark, Mark::Call | Mark::Cast) => {
                    match Handler::new(method, &handlers) {
                        Ok(handler) => handlers.push(handler),
                        Err(error) => note(error),
                    }
                }
                Ok(Some(hook)) => {
                    if hooks.iter().any(|other| other.mark == hook.mark) {
                        let text = format!("there is already an #[{}]", hook.mark.name());
                        note(Error::new(hook.ident.span(), text));
                    }
                    hooks.push(hook);
                }
                Err(error) => note(error),
            }
        }
        if let Some(errors) = errors {
            return Err(errors);
        }
        let chosen = arguments.visibility;
        let message_visibility = chosen.clone().unwrap_or_else(|| parse_quote!(pub));
        let visibility = chosen.unwrap_or_else(|| widest(&handlers));
        Ok(Self {
            root: arguments.root.unwrap_or_else(|| parse_quote!(::foundation)),
            ty: (*block.self_ty).clone(),
            message: arguments.message.unwrap_or_else(|| format_ident!("{name}Message")),
            handle: arguments.handle.unwrap_or_else(|| format_ident!("{name}Handle")),
            name,
            visibility,
            message_visibility,
            handlers,
            hooks,
        })
    }

    fn hook(&self, mark: Mark) -> Option<&Method> {
        self.hooks.iter().find(|hook| hook.mark == mark)
    }

    /// A type as it is written outside the block, where `Self` is something else.
    fn outside(&self, ty: &Type) -> TokenStream {
        replace_self(ty.to_token_stream(), &self.ty.to_token_stream())
    }
}

impl Handler {
    fn new(method: Method, others: &[Self]) -> Result<Self> {
        let name = plain_name(&method.ident);
        let variant: String = name.split('_').map(capitalized).collect();
        let refuse = |text: String| Err(Error::new(method.ident.span(), text));
        if HANDLE_METHODS.contains(&name.as_str()) {
            return refuse(format!("every handle has a method `{name}`: choose another name"));
        }
        if variant.is_empty() || variant == "Self" || variant.starts_with(|c: char| c.is_numeric())
        {
            return refuse("no message can be named after this: choose another name".to_owned());
        }
        if let Some(other) = others.iter().find(|other| other.variant == variant) {
            let other = &other.method.ident;
            return refuse(format!("`{other}` makes a message of the same name, `{variant}`"));
        }
        let variant = Ident::new(&variant, method.ident.span());
        Ok(Self { method, variant })
    }

    /// The name shown to people.
    fn kind(&self) -> String {
        plain_name(&self.method.ident)
    }

    /// The arguments that travel in the message.
    fn parts(&self) -> impl Iterator<Item = (&Ident, &Type)> {
        self.method.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Part(ident, ty) => Some((ident, &**ty)),
            Parameter::Context | Parameter::Reply => None,
        })
    }

    /// The type of the answer; none for a cast.
    fn answer(&self) -> Option<Type> {
        if self.method.mark == Mark::Cast {
            return None;
        }
        Some(match (&self.method.replies_later, &self.method.returns) {
            (Some(later), _) => later.clone(),
            (None, Returns::Value(now)) => (**now).clone(),
            (None, Returns::Nothing) => parse_quote!(()),
        })
    }

    fn attributes(&self, name: &'static str) -> impl Iterator<Item = &Attribute> {
        self.method.attributes(name)
    }
}

fn check_block(block: &ItemImpl) -> Result<()> {
    if let Some((path, _)) = &block.trait_ {
        let text =
            "#[process] writes the `Process` impl itself: put it on `impl Type`, without a trait";
        return Err(Error::new(path.span(), text));
    }
    let generics = &block.generics;
    if !generics.params.is_empty() {
        let text = "a generic process is not supported: write its `Process` impl by hand";
        return Err(Error::new(generics.span(), text));
    }
    Ok(())
}

fn name_of(ty: &Type) -> Result<Ident> {
    let segment = match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    let name = segment.map(|segment| segment.ident.clone());
    name.ok_or_else(|| Error::new(ty.span(), "a process is a type with a name"))
}

/// The widest visibility among the handlers; what is used by others is then as visible as they need.
fn widest(handlers: &[Handler]) -> Visibility {
    let rank = |visibility: &Visibility| match visibility {
        Visibility::Public(_) => 2,
        Visibility::Restricted(_) => 1,
        Visibility::Inherited => 0,
    };
    let all = handlers.iter().map(|handler| &handler.method.function.vis);
    all.max_by_key(|visibility| rank(visibility)).cloned().unwrap_or(Visibility::Inherited)
}

fn plain_name(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn replace_self(tokens: TokenStream, with: &TokenStream) -> TokenStream {
    let each = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => with.clone(),
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), replace_self(group.stream(), with));
            inner.set_span(group.span());
            inner.to_token_stream()
        }
        other => other.to_token_stream(),
    });
    each.collect()
}

/// A name that the user's code cannot meet.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

#[cfg(test)]
mod tests;
