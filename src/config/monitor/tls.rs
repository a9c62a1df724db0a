//! `verify`, `ca`, `server_name` and `expiry_warning` of a monitor: what of a certificate is checked.

use crate::config::defaults::{EXPIRY_WARNING, EXPIRY_WARNING_RANGE};
use crate::config::reader::Reader;
use crate::config::value::Table;
use crate::model::{ProbeFileKind, TlsMode, TlsPolicy};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 4] = ["verify", "ca", "server_name", "expiry_warning"];

/// The words of `tls`, the default first.
pub(super) const MODES: [(&str, TlsMode); 3] =
    [("starttls", TlsMode::Starttls), ("implicit", TlsMode::Implicit), ("none", TlsMode::Off)];

/// When the handshake happens: one of `modes`, the first of them by default.
pub(super) fn mode(reader: &mut Reader<'_>, table: &Table<'_>, modes: &[(&str, TlsMode)]) -> TlsMode {
    let default = modes.first().map_or(TlsMode::Off, |(_, mode)| *mode);
    table.get("tls").and_then(|value| reader.word(&value, modes)).unwrap_or(default)
}

/// What is checked in `mode`. Defaults: everything is verified against the system's roots, and a certificate that
/// ends within 7 days is trouble. Trouble with a certificate defers and never withdraws (DESIGN section 5).
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, mode: TlsMode) -> TlsPolicy {
    let verify = table.get("verify").and_then(|value| reader.boolean(&value)).unwrap_or(true);
    let ca = table.get("ca").and_then(|value| {
        // Where nothing is verified nobody opens it, which is warned of below.
        let is_read = verify && mode != TlsMode::Off;
        if is_read { reader.probe_file(&value, ProbeFileKind::Anchors) } else { reader.path(&value) }
    });
    let name = table.get("server_name").and_then(|value| reader.host(&value));
    let expiry = table.get("expiry_warning").and_then(|value| reader.duration(&value, &EXPIRY_WARNING_RANGE));
    for value in KEYS.iter().filter_map(|key| table.get(key)) {
        let cause = match (mode, verify) {
            (TlsMode::Off, _) => "tls = \"none\"",
            // The name is still sent in the handshake.
            (_, false) if value.key != "verify" && value.key != "server_name" => "verify = false",
            _ => continue,
        };
        let what = format!("{value} without effect");
        let (expected, remedy) = if table.get("tls").is_none() && mode == TlsMode::Off {
            ("it with TLS".to_owned(), format!("delete {}, or turn TLS on with tls", value.key))
        } else {
            (format!("it without {cause}"), format!("delete {} or {cause}", value.key))
        };
        reader.warning(&value.key_span, what, expected, remedy);
    }
    TlsPolicy { mode, verify, ca, name, expiry_warning: expiry.unwrap_or(EXPIRY_WARNING) }
}
