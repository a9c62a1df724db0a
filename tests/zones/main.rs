//! Zone files as BIND and ldns read them. Broken, an operator who moves here would serve other records than before, or
//! could not move at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod every_type;
mod odd_zones;
mod programs;
