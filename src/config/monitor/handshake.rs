//! `kind = "tls"`: a handshake and what its certificate must be.

use super::{Asked, Port, Surroundings, tls};
use crate::config::defaults::{EXPIRY_WARNING_RANGE, HTTPS_PORT};
use crate::config::duration::written;
use crate::config::reader::Reader;
use crate::config::value::Table;
use crate::model::{HandshakeCheck, MonitorKind, Refused, TlsMode};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 2] = ["expiry_critical", "strict"];

/// The check of a TLS monitor. `strict` defaults to false: a certificate that a strict client turns away defers.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let policy = tls::read(reader, table, TlsMode::Implicit);
    let critical = table.get("expiry_critical");
    let expiry_critical = critical.as_ref().and_then(|value| reader.duration(value, &EXPIRY_WARNING_RANGE));
    let strict = table.get("strict").and_then(|value| reader.boolean(&value)).unwrap_or(false);
    if let (Some(value), Some(duration)) = (&critical, expiry_critical)
        && duration > policy.expiry_warning
    {
        let expected = format!("at most expiry_warning, {}", written(policy.expiry_warning));
        reader.refuse(value, expected, "write a shorter expiry_critical, or a longer expiry_warning");
    }
    for value in KEYS.iter().filter_map(|key| table.get(key)).filter(|_| !policy.verify) {
        let what = format!("{value} without effect");
        let remedy = format!("delete {} or verify = false", value.key);
        reader.warning(&value.key_span, what, "it without verify = false", remedy);
    }
    let refused = if strict { Refused::Fails } else { Refused::Defers };
    let check = HandshakeCheck { tls: policy, expiry_critical, refused };
    Asked { kind: MonitorKind::Handshake(check), port: Port::Usual(HTTPS_PORT) }
}
