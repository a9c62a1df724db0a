//! What resolvers and mail servers see: answers by RFC, of the tables directly and of a server on the loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod rfc1034_lookup;
mod rfc1035_messages;
mod rfc2181_truncation;
mod rfc2308_negative_answers;
mod rfc4592_wildcards;
mod rfc6672_dname;
mod rfc6891_edns;
mod rfc7766_streams;
mod rfc7871_client_subnet;
mod rfc8482_any;
mod rfc8914_extended_errors;
mod steering;
mod support;
mod templates;
