mod bounds;
mod expression;
mod language;
mod properties;
