//! The entry points that hostile input reaches, each with what must hold of the outcome.
//!
//! The fuzz targets run them with a clock; `tests/corpus` runs every seed through them in each test run.

pub mod config;
pub mod ecs;
pub mod message;
pub mod mmdb;
pub mod tsig;
pub mod world;
pub mod zone;

/// Watches how long work takes.
pub trait Watch {
    /// Does `work`, perhaps more than once, and gives its outcome.
    fn timed<T>(&self, what: &str, work: impl Fn() -> T) -> T;
}
