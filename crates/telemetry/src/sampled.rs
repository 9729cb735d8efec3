//! Saying less than happens: once per key and window, in batches, and by samples.

mod batch;
mod once;
mod reservoir;
mod sampler;

pub use batch::{Batch, BatchOptions};
pub use once::OncePer;
pub use reservoir::Reservoir;
pub use sampler::{Sampler, SamplerStats, Sampling, SamplingError};
