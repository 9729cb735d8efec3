//! The typed handle.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::{Block, Handler, local};

pub(super) fn write(block: &Block) -> TokenStream {
    let Block { root, message, handle, visibility, name, .. } = block;
    let methods = block.handlers.iter().map(|handler| method(block, handler));
    let doc = format!(
        "A typed handle to one incarnation of a [`{name}`], made from its address.\n\nCheap to clone."
    );
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        #visibility struct #handle {
            address: #root::process::Address<#message>,
            deadline: ::core::option::Option<#root::types::Deadline>,
        }

        #[allow(dead_code, reason = "a handle is an interface that need not be used up")]
        impl #handle {
            #(#methods)*

            /// The address of the process.
            #visibility fn address(&self) -> &#root::process::Address<#message> {
                &self.address
            }

            /// The same handle, whose calls and waits end at `deadline` instead of after five seconds.
            #[must_use]
            #visibility fn until(&self, deadline: #root::types::Deadline) -> Self {
                Self {
                    address: ::core::clone::Clone::clone(&self.address),
                    deadline: ::core::option::Option::Some(deadline),
                }
            }
        }

        impl ::core::convert::From<#root::process::Address<#message>> for #handle {
            fn from(address: #root::process::Address<#message>) -> Self {
                Self { address, deadline: ::core::option::Option::None }
            }
        }
    }
}

fn method(block: &Block, handler: &Handler) -> TokenStream {
    let (cfg, docs) = (handler.attributes("cfg"), docs(handler));
    let (visibility, ident) = (&handler.method.function.vis, &handler.method.ident);
    let arguments = handler.parts().map(|(part, ty)| {
        let ty = block.outside(ty);
        quote!(#part: #ty)
    });
    let (returns, body) = match handler.answer() {
        Some(answer) => call(block, handler, &answer),
        None => cast(block, handler),
    };
    quote! {
        #(#cfg)*
        #docs
        #visibility async fn #ident(&self #(, #arguments)*) -> #returns {
            #body
        }
    }
}

fn call(block: &Block, handler: &Handler, answer: &syn::Type) -> (TokenStream, TokenStream) {
    let Block { root, message, .. } = block;
    let (variant, answer) = (&handler.variant, block.outside(answer));
    let parts = handler.parts().map(|(part, _)| part);
    let (deadline, reply) = (local("deadline"), local("reply"));
    let returns = quote!(::core::result::Result<#answer, #root::process::CallError>);
    let body = quote! {
        let #deadline = match self.deadline {
            ::core::option::Option::Some(#deadline) => #deadline,
            ::core::option::Option::None => {
                self.address.system().deadline(#root::process::DEFAULT_TIMEOUT)
            }
        };
        self.address
            .call_until(move |#reply| #message::#variant { #(#parts,)* reply: #reply }, #deadline)
            .await
    };
    (returns, body)
}

fn cast(block: &Block, handler: &Handler) -> (TokenStream, TokenStream) {
    let Block { root, message: ty, .. } = block;
    let variant = &handler.variant;
    let parts = handler.parts().map(|(part, _)| part);
    let (deadline, message) = (local("deadline"), local("message"));
    let returns = quote!(::core::result::Result<(), #root::process::SendError<#ty>>);
    let body = quote! {
        let #message = #ty::#variant { #(#parts),* };
        match self.deadline {
            ::core::option::Option::Some(#deadline) => {
                self.address.send_until(#message, #deadline).await
            }
            ::core::option::Option::None => self.address.send(#message).await,
        }
    };
    (returns, body)
}

/// The handler's docs, and what the way there adds to them.
fn docs(handler: &Handler) -> TokenStream {
    let own = handler.attributes("doc");
    let is_call = handler.answer().is_some();
    let lead = (handler.attributes("doc").next().is_none()).then(|| {
        let verb = if is_call { "Calls" } else { "Casts" };
        format!("{verb} `{}`.\n", handler.kind())
    });
    let lead = lead.map(|lead| quote!(#[doc = #lead]));
    let way = if is_call { "call_until" } else { "send_until" };
    let errors = format!(
        "\n# Errors\n\nWhen the process does not take it: see `Address::{way}`.\n\n\
         # Cancel safety\n\nAs `Address::{way}`."
    );
    let says = |part: &str| {
        handler.attributes("doc").any(|line| line.to_token_stream().to_string().contains(part))
    };
    if says("# Errors") {
        return quote!(#(#own)*);
    }
    quote!(#lead #(#own)* #[doc = #errors])
}
