//! The enum of messages.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Block, Handler};

pub(super) fn write(block: &Block) -> TokenStream {
    let Block { message, message_visibility: visibility, name, .. } = block;
    let variants = block.handlers.iter().map(|handler| variant(block, handler));
    let doc = format!("What a [`{name}`] can be told.");
    let debug = debug(block);
    quote! {
        #[doc = #doc]
        #[allow(dead_code, reason = "messages are part of an interface that need not be used up")]
        #[allow(
            private_interfaces,
            unreachable_pub,
            rustdoc::private_intra_doc_links,
            reason = "the message of a `pub` process has to be `pub`, and nobody knows here whether it is one"
        )]
        #visibility enum #message {
            #(#variants)*
        }
        #debug
    }
}

fn variant(block: &Block, handler: &Handler) -> TokenStream {
    let root = &block.root;
    let ident = &handler.variant;
    let (cfg, docs) = (handler.attributes("cfg"), handler.attributes("doc"));
    let docs = if handler.attributes("doc").next().is_some() {
        quote!(#(#docs)*)
    } else {
        let doc = format!("The message of `{}`.", handler.kind());
        quote!(#[doc = #doc])
    };
    let mut fields: Vec<TokenStream> = handler
        .parts()
        .map(|(part, ty)| {
            let (ty, doc) = (block.outside(ty), format!("The argument `{part}`."));
            quote!(#[doc = #doc] #part: #ty)
        })
        .collect();
    if let Some(answer) = handler.answer() {
        let answer = block.outside(&answer);
        fields.push(
            quote!(#[doc = "The way back to the caller."] reply: #root::process::Reply<#answer>),
        );
    }
    if fields.is_empty() {
        return quote!(#(#cfg)* #docs #ident,);
    }
    quote!(#(#cfg)* #docs #ident { #(#fields),* },)
}

/// Prints the kind only: arguments need not be printable, and may be secret.
fn debug(block: &Block) -> TokenStream {
    let message = &block.message;
    let arms = block.handlers.iter().map(|handler| {
        let (cfg, ident) = (handler.attributes("cfg"), &handler.variant);
        let text = format!("{ident}(..)");
        quote!(#(#cfg)* Self::#ident { .. } => #text,)
    });
    let body = if block.handlers.is_empty() {
        quote!(let _ = formatter; match *self {})
    } else {
        quote!(formatter.write_str(match self { #(#arms)* }))
    };
    quote! {
        impl ::core::fmt::Debug for #message {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #body
            }
        }
    }
}
