//! `warn`, `fail` and `missing` of monitors that read a value, and the page that it is read from.

use std::time::Duration;

use super::{http, tls};
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::config::words::quoted;
use crate::model::{HttpCheck, Levels, Missing, Threshold, TlsMode, TlsPolicy};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 6] = ["host", "path", "tls", "warn", "fail", "missing"];

/// The page that a value is read from: `path`, with `tls = "none"` (the default) or `"implicit"`.
pub(super) fn page(reader: &mut Reader<'_>, table: &Table<'_>, path: &str) -> HttpCheck {
    let modes = [("none", TlsMode::Off), ("implicit", TlsMode::Implicit)];
    let mode = table.get("tls").and_then(|value| reader.word(&value, &modes)).unwrap_or(TlsMode::Off);
    let policy: TlsPolicy = tls::read(reader, table, mode);
    // Without TLS nothing of it is looked at.
    let expiry_warning = if mode == TlsMode::Off { Duration::ZERO } else { policy.expiry_warning };
    HttpCheck {
        host: table.get("host").and_then(|value| reader.host(&value)),
        path: table.get("path").and_then(|value| http::path(reader, &value)).unwrap_or_else(|| path.to_owned()),
        status: Vec::new(),
        body: None,
        tls: TlsPolicy { expiry_warning, ..policy },
    }
}

/// The thresholds; none where the section has none.
pub(super) fn levels(reader: &mut Reader<'_>, table: &Table<'_>) -> Levels {
    let [warn, fail] = ["warn", "fail"].map(|key| table.get(key));
    let levels = Levels {
        warn: warn.as_ref().and_then(|value| threshold(reader, value)),
        fail: fail.and_then(|value| threshold(reader, &value)),
    };
    if let (Some(value), Levels { warn: Some(warn), fail: Some(fail) }) = (&warn, levels)
        && fail.includes(warn)
    {
        let what = format!("{} without effect", value.as_found());
        let expected = format!("a threshold that is met before that of fail, {}", quoted(&fail.to_string()));
        reader.warning(&value.span, what, expected, "correct one of them, or delete warn");
    }
    levels
}

/// What a missing value means; deferring by default.
pub(super) fn missing(reader: &mut Reader<'_>, table: &Table<'_>) -> Missing {
    let meanings = [("defer", Missing::Defer), ("fail", Missing::Fail), ("ok", Missing::Ok)];
    table.get("missing").and_then(|value| reader.word(&value, &meanings)).unwrap_or_default()
}

fn threshold(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Threshold> {
    let text = reader.string(value)?;
    let threshold = text.parse().ok();
    if threshold.is_none() {
        let remedy = match text.trim().trim_start_matches('=').trim().parse::<f64>() {
            Ok(number) if number.is_finite() => format!("write \"> {number}\" or \"< {number}\""),
            _ => "write it as in \"> 500\" or \"< 0.1\"".to_owned(),
        };
        reader.refuse(value, "one of >, >=, <, <= with a number", remedy);
    }
    threshold
}
