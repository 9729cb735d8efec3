//! What a method of the block is to the process, and whether it has the form for it.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItemFn, Meta, Pat, PatType, PathArguments,
    PathSegment, ReceiverKind, Result, ReturnType, Safety, Type,
};

/// The marks, in the words of the docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Call,
    Cast,
    Init,
    Signal,
    Terminate,
    TerminateBudget,
    Inspect,
}

impl Mark {
    fn of(attribute: &Attribute) -> Option<Self> {
        let name = attribute.path().get_ident()?.to_string();
        Some(match name.as_str() {
            "call" => Self::Call,
            "cast" => Self::Cast,
            "init" => Self::Init,
            "signal" => Self::Signal,
            "terminate" => Self::Terminate,
            "terminate_budget" => Self::TerminateBudget,
            "inspect" => Self::Inspect,
            _ => return None,
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Cast => "cast",
            Self::Init => "init",
            Self::Signal => "signal",
            Self::Terminate => "terminate",
            Self::TerminateBudget => "terminate_budget",
            Self::Inspect => "inspect",
        }
    }
}

/// A parameter, in its place.
pub(crate) enum Parameter {
    /// The context of the process.
    Context,
    /// The way back to the caller.
    Reply,
    /// A part of the message; for hooks, the signal or reason.
    Part(Ident, Box<Type>),
}

/// What a handler or hook gives back.
pub(crate) enum Returns {
    Nothing,
    /// For a call the answer; for everything else a `Result<(), E>`.
    Value(Box<Type>),
}

/// A marked method.
pub(crate) struct Method {
    pub(crate) mark: Mark,
    pub(crate) ident: Ident,
    pub(crate) function: ImplItemFn,
    pub(crate) parameters: Vec<Parameter>,
    /// The `T` of a `Reply<T>` among the parameters.
    pub(crate) replies_later: Option<Type>,
    pub(crate) returns: Returns,
}

/// Takes the mark off a method and checks its form; none for a method without a mark.
pub(crate) fn read(function: &mut ImplItemFn) -> Result<Option<Method>> {
    let Some(mark) = take_mark(&mut function.attrs)? else {
        return refuse_lookalike(function).map(|()| None);
    };
    check_signature(mark, function)?;
    let mut method = Method {
        mark,
        ident: function.sig.ident.clone(),
        function: function.clone(),
        parameters: Vec::new(),
        replies_later: None,
        returns: Returns::Nothing,
    };
    let mut has_context = false;
    for input in &function.sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        let parameter = method.read_parameter(input)?;
        if matches!(parameter, Parameter::Context) && std::mem::replace(&mut has_context, true) {
            return Err(Error::new(input.span(), "the context is already a parameter"));
        }
        method.parameters.push(parameter);
    }
    method.returns = method.read_returns(&function.sig.output)?;
    method.check_parts()?;
    Ok(Some(method))
}

/// Removes all marks, so that what is left compiles when an error is reported.
pub(crate) fn strip(function: &mut ImplItemFn) {
    function.attrs.retain(|attribute| Mark::of(attribute).is_none());
}

fn take_mark(attributes: &mut Vec<Attribute>) -> Result<Option<Mark>> {
    let mut found = None;
    for attribute in attributes.iter() {
        let Some(mark) = Mark::of(attribute) else { continue };
        if !matches!(attribute.meta, Meta::Path(_)) {
            let text = format!("#[{}] takes no arguments", mark.name());
            return Err(Error::new(attribute.meta.span(), text));
        }
        if found.replace(mark).is_some() {
            return Err(Error::new(attribute.span(), "a method has one mark: remove the others"));
        }
    }
    attributes.retain(|attribute| Mark::of(attribute).is_none());
    Ok(found)
}

/// A method with the name of a hook and without its mark would silently never run. One with the name of what
/// the attribute writes would be taken for it.
fn refuse_lookalike(function: &ImplItemFn) -> Result<()> {
    let ident = &function.sig.ident;
    let name = ident.to_string();
    let mark = match name.as_str() {
        "init" => Mark::Init,
        "handle_signal" => Mark::Signal,
        "terminate" => Mark::Terminate,
        "terminate_budget" => Mark::TerminateBudget,
        "inspect" => Mark::Inspect,
        "handle" | "message_kind" => {
            let text = format!(
                "the attribute writes `{name}` of the process, and this is not it: give it another name"
            );
            return Err(Error::new(ident.span(), text));
        }
        _ => return Ok(()),
    };
    if function.sig.receiver().is_none() {
        return Ok(());
    }
    let text = format!("nobody calls this: mark it #[{}], or give it another name", mark.name());
    Err(Error::new(ident.span(), text))
}

fn check_signature(mark: Mark, function: &ImplItemFn) -> Result<()> {
    let signature = &function.sig;
    let refuse = |span: Span, text: &str| Err(Error::new(span, text));
    if !signature.generics.params.is_empty() {
        let text = "a message has one type: this method cannot be generic";
        return refuse(signature.generics.span(), text);
    }
    if let Some(clause) = &signature.generics.where_clause {
        return refuse(clause.span(), "this method cannot have a where clause");
    }
    if !matches!(signature.safety, Safety::Default) {
        return refuse(signature.ident.span(), "the process calls this method: it must be safe");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi.span(), "the process calls this method: it cannot be `extern`");
    }
    let Some(receiver) = signature.receiver() else {
        let text = "the process calls this method on itself: it needs `&mut self` or `&self`";
        return refuse(signature.ident.span(), text);
    };
    let ReceiverKind::Reference(_, _, mutability) = &receiver.kind else {
        let text = "a process keeps its state: take `&mut self` or `&self`";
        return refuse(receiver.span(), text);
    };
    let is_exclusive = mutability.is_some();
    let looks = matches!(mark, Mark::Inspect | Mark::TerminateBudget);
    if looks && (is_exclusive || signature.asyncness.is_some()) {
        let name = mark.name();
        let text = format!("#[{name}] only looks at the state: use `&self`, and no `async`");
        return refuse(signature.ident.span(), &text);
    }
    Ok(())
}

impl Method {
    fn read_parameter(&mut self, input: &PatType) -> Result<Parameter> {
        if is_context(&input.ty) {
            return Ok(Parameter::Context);
        }
        if let Some(answer) = reply_of(&input.ty)
            && matches!(self.mark, Mark::Call | Mark::Cast)
        {
            if self.mark == Mark::Cast {
                let text = "nobody waits for the answer of a cast: mark the method #[call]";
                return Err(Error::new(input.span(), text));
            }
            if self.replies_later.replace(answer.clone()).is_some() {
                return Err(Error::new(input.span(), "a call has one answer"));
            }
            return Ok(Parameter::Reply);
        }
        let is_message = matches!(self.mark, Mark::Call | Mark::Cast);
        let ident = match &*input.pat {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
                field_name(&pattern.ident)
            }
            _ if !is_message => Ident::new("part", Span::mixed_site()),
            other => {
                let text = "give this argument a name: it becomes a field of the message";
                return Err(Error::new(other.span(), text));
            }
        };
        if is_message {
            check_part(&input.ty, "a message owns its parts: take an owned type, as `String`")?;
        }
        Ok(Parameter::Part(ident, input.ty.clone()))
    }

    fn read_returns(&self, output: &ReturnType) -> Result<Returns> {
        let ReturnType::Type(_, ty) = output else { return Ok(Returns::Nothing) };
        if matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty()) {
            return Ok(Returns::Nothing);
        }
        if self.mark == Mark::Terminate {
            let text = "the process ends whatever this says: it returns nothing";
            return Err(Error::new(ty.span(), text));
        }
        check_part(ty, "an answer goes to another process: return an owned type")?;
        Ok(Returns::Value(ty.clone()))
    }

    /// Counts what is neither context nor reply, and keeps fields from having one name.
    fn check_parts(&self) -> Result<()> {
        let parts: Vec<&Ident> = self
            .parameters
            .iter()
            .filter_map(|parameter| match parameter {
                Parameter::Part(ident, _) => Some(ident),
                Parameter::Context | Parameter::Reply => None,
            })
            .collect();
        let refuse = |text: &str| Err(Error::new(self.ident.span(), text));
        match (self.mark, parts.as_slice()) {
            (Mark::Call, parts) => match parts.iter().find(|ident| **ident == "reply") {
                Some(ident) => {
                    let text = "the answer's port has this name: choose another";
                    Err(Error::new(ident.span(), text))
                }
                None => Ok(()),
            },
            (Mark::Inspect | Mark::TerminateBudget, _)
                if self.takes_context() || !parts.is_empty() =>
            {
                refuse(&format!("#[{}] takes `&self` only", self.mark.name()))
            }
            (Mark::TerminateBudget, _) if matches!(self.returns, Returns::Nothing) => {
                refuse("#[terminate_budget] returns `Option<Duration>`; `None` is without limit")
            }
            (Mark::Cast | Mark::Inspect | Mark::TerminateBudget, _)
            | (Mark::Init, [])
            | (Mark::Signal, [_])
            | (Mark::Terminate, [] | [_]) => Ok(()),
            (Mark::Init, _) => refuse("#[init] takes the context or nothing"),
            (Mark::Signal, _) => {
                refuse("#[signal] takes one `Signal`, and the context if it likes")
            }
            (Mark::Terminate, _) => {
                refuse("#[terminate] takes `&ExitReason` and the context, or less")
            }
        }
    }

    /// The attributes of this name that stand on the method.
    pub(crate) fn attributes(&self, name: &'static str) -> impl Iterator<Item = &Attribute> {
        self.function.attrs.iter().filter(move |attribute| attribute.path().is_ident(name))
    }

    pub(crate) fn is_async(&self) -> bool {
        self.function.sig.asyncness.is_some()
    }

    pub(crate) fn takes_context(&self) -> bool {
        self.parameters.iter().any(|parameter| matches!(parameter, Parameter::Context))
    }
}

/// The name of an argument without the underscores that say the handler does not use it: whoever
/// sends the message does.
fn field_name(ident: &Ident) -> Ident {
    let name = ident.to_string();
    let mut used: Ident = match syn::parse_str(name.trim_start_matches('_')) {
        Ok(used) => used,
        Err(_) => return ident.clone(),
    };
    used.set_span(ident.span());
    used
}

fn check_part(ty: &Type, owned: &str) -> Result<()> {
    match ty {
        Type::Reference(reference)
            if reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static") =>
        {
            Err(Error::new(ty.span(), owned))
        }
        Type::ImplTrait(_) => {
            Err(Error::new(ty.span(), "a message needs a type with a name, not `impl Trait`"))
        }
        _ => Ok(()),
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    last_segment(&reference.elem).is_some_and(|segment| segment.ident == "Context")
}

/// The `T` of a `Reply<T>`.
fn reply_of(ty: &Type) -> Option<&Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == "Reply")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(answer)) => Some(answer),
        _ => None,
    }
}
