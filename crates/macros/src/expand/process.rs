//! The `Process` impl.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Block, Handler, local};
use crate::method::{Mark, Method, Parameter, Returns};

pub(super) fn write(block: &Block) -> TokenStream {
    let Block { root, ty, message, .. } = block;
    let kinds = block.handlers.iter().map(Handler::kind);
    let message_kind = message_kind(block);
    let handle = handle(block);
    let hooks = [init(block), signal(block), terminate(block), budget(block), inspect(block)];
    quote! {
        impl #root::process::Process for #ty {
            type Message = #message;

            const MESSAGE_KINDS: &'static [&'static str] = &[#(#kinds),*];

            #message_kind
            #handle
            #(#hooks)*
        }
    }
}

fn message_kind(block: &Block) -> TokenStream {
    let Block { message: ty, .. } = block;
    let message = local("message");
    // The position counts handlers that a cfg leaves out as well, as the list of names does.
    let arms = block.handlers.iter().enumerate().map(|(position, handler)| {
        let (cfg, ident) = (handler.attributes("cfg"), &handler.variant);
        quote!(#(#cfg)* #ty::#ident { .. } => #position,)
    });
    let body = if block.handlers.is_empty() {
        quote!(match *#message {})
    } else {
        quote!(match #message { #(#arms)* })
    };
    quote! {
        #[inline]
        fn message_kind(#message: &#ty) -> usize {
            #body
        }
    }
}

fn handle(block: &Block) -> TokenStream {
    let Block { root, message: ty, .. } = block;
    let message = local("message");
    let context = context(block.handlers.iter().any(|handler| handler.method.takes_context()));
    let arms = block.handlers.iter().map(|handler| arm(block, handler));
    quote! {
        #[inline]
        async fn handle(
            &mut self,
            #message: #ty,
            #context: &mut #root::process::Context<#ty>,
        ) -> #root::process::Outcome {
            match #message { #(#arms)* }
        }
    }
}

fn arm(block: &Block, handler: &Handler) -> TokenStream {
    let Block { message: ty, .. } = block;
    let (cfg, ident) = (handler.attributes("cfg"), &handler.variant);
    let reply = local("reply");
    let fields = handler.parts().map(|(part, _)| {
        let here = part_here(part);
        quote!(#part: #here)
    });
    let port = handler.answer().map(|_| quote!(reply: #reply));
    let fields = fields.chain(port);
    let call = invoke(&handler.method);
    let answers_now = handler.method.mark == Mark::Call && handler.method.replies_later.is_none();
    let body = match (&handler.method.returns, answers_now) {
        (Returns::Nothing, false) => quote!(#call; ::core::result::Result::Ok(())),
        (Returns::Value(_), false) => quote!(let () = #call?; ::core::result::Result::Ok(())),
        (Returns::Nothing, true) => {
            quote!(#call; #reply.send(()); ::core::result::Result::Ok(()))
        }
        (Returns::Value(_), true) => {
            quote!(#reply.send(#call); ::core::result::Result::Ok(()))
        }
    };
    quote!(#(#cfg)* #ty::#ident { #(#fields),* } => { #body })
}

/// The call of the user's method, with what it takes under the names used here. By path: of `self.name()` the
/// compiler might take a trait's method of that name, such as one with `&mut self` before the user's with `&self`.
fn invoke(method: &Method) -> TokenStream {
    let ident = &method.ident;
    let arguments = method.parameters.iter().map(|parameter| match parameter {
        Parameter::Context => local("context"),
        Parameter::Reply => local("reply"),
        Parameter::Part(part, _) => part_here(part),
    });
    let wait = method.is_async().then(|| quote!(.await));
    quote!(Self::#ident(self #(, #arguments)*) #wait)
}

fn part_here(part: &syn::Ident) -> syn::Ident {
    local(&format!("part_{}", super::plain_name(part)))
}

/// The context parameter: named only if somebody uses it.
fn context(used: bool) -> TokenStream {
    if used {
        let context = local("context");
        quote!(#context)
    } else {
        quote!(_)
    }
}

/// The single part of a hook, if it takes it.
fn part_of(hook: &Method) -> TokenStream {
    let part = hook.parameters.iter().find_map(|parameter| match parameter {
        Parameter::Part(part, _) => Some(part_here(part)),
        Parameter::Context | Parameter::Reply => None,
    });
    part.map_or_else(|| quote!(_), |part| quote!(#part))
}

/// Ends a hook: with its error if it has one.
fn outcome(hook: &Method) -> TokenStream {
    let call = invoke(hook);
    match hook.returns {
        Returns::Nothing => quote!(#call; ::core::result::Result::Ok(())),
        Returns::Value(_) => quote!(let () = #call?; ::core::result::Result::Ok(())),
    }
}

fn init(block: &Block) -> Option<TokenStream> {
    let (root, ty) = (&block.root, &block.message);
    let hook = block.hook(Mark::Init)?;
    let cfg = hook.attributes("cfg");
    let (context, body) = (context(hook.takes_context()), outcome(hook));
    Some(quote! {
        #(#cfg)*
        async fn init(
            &mut self,
            #context: &mut #root::process::Context<#ty>,
        ) -> #root::process::Outcome {
            #body
        }
    })
}

fn signal(block: &Block) -> Option<TokenStream> {
    let (root, ty) = (&block.root, &block.message);
    let hook = block.hook(Mark::Signal)?;
    let cfg = hook.attributes("cfg");
    let (signal, context, body) = (part_of(hook), context(hook.takes_context()), outcome(hook));
    Some(quote! {
        #(#cfg)*
        async fn handle_signal(
            &mut self,
            #signal: #root::process::Signal,
            #context: &mut #root::process::Context<#ty>,
        ) -> #root::process::Outcome {
            #body
        }
    })
}

fn terminate(block: &Block) -> Option<TokenStream> {
    let (root, ty) = (&block.root, &block.message);
    let hook = block.hook(Mark::Terminate)?;
    let cfg = hook.attributes("cfg");
    let (reason, context, call) = (part_of(hook), context(hook.takes_context()), invoke(hook));
    Some(quote! {
        #(#cfg)*
        async fn terminate(
            &mut self,
            #reason: &#root::types::ExitReason,
            #context: &mut #root::process::Context<#ty>,
        ) {
            #call;
        }
    })
}

fn budget(block: &Block) -> Option<TokenStream> {
    let hook = block.hook(Mark::TerminateBudget)?;
    let cfg = hook.attributes("cfg");
    let call = invoke(hook);
    Some(quote! {
        #(#cfg)*
        fn terminate_budget(&self) -> ::core::option::Option<::core::time::Duration> {
            #call
        }
    })
}

fn inspect(block: &Block) -> Option<TokenStream> {
    let hook = block.hook(Mark::Inspect)?;
    let cfg = hook.attributes("cfg");
    let call = invoke(hook);
    Some(quote! {
        #(#cfg)*
        fn inspect(&self) -> ::std::string::String {
            #call
        }
    })
}
