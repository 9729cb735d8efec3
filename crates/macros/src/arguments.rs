//! The arguments of the attribute itself.

use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Path, Result, Token, Visibility};

/// What stands in the parentheses of `#[process(...)]`.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) visibility: Option<Visibility>,
    pub(crate) message: Option<Ident>,
    pub(crate) handle: Option<Ident>,
    pub(crate) root: Option<Path>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            arguments.parse_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        let start = input.span();
        let twice = |again: bool| {
            if again { Err(Error::new(start, "this is set twice: remove one")) } else { Ok(()) }
        };
        if input.peek(Token![pub]) {
            return twice(self.visibility.replace(input.parse()?).is_some());
        }
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            return twice(self.root.replace(Path::parse_mod_style(input)?).is_some());
        }
        let known = "expected a visibility, `message = Name`, `handle = Name` or `crate = path`";
        let key: Ident = input.parse().map_err(|error| Error::new(error.span(), known))?;
        let slot = match key.to_string().as_str() {
            "message" => &mut self.message,
            "handle" => &mut self.handle,
            _ => return Err(Error::new(key.span(), known)),
        };
        input.parse::<Token![=]>()?;
        twice(slot.replace(input.parse()?).is_some())
    }
}
