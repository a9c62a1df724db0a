//! `kind = "http"` and `kind = "https"`: a GET.

use std::time::Duration;

use super::{Asked, Port, Surroundings, tls};
use crate::config::defaults::{HTTP_PATH, HTTP_PORT, HTTPS_PORT, REGEX_COMPILED, REGEX_OCTETS};
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::config::words::quoted;
use crate::model::{HttpCheck, MonitorKind, TlsMode, TlsPolicy};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 4] = ["host", "path", "status", "body"];

/// HTTP as it is.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    Asked { kind: check(reader, table, TlsMode::Off), port: Port::Usual(HTTP_PORT) }
}

/// HTTP over TLS.
pub(super) fn read_secure(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    Asked { kind: check(reader, table, TlsMode::Implicit), port: Port::Usual(HTTPS_PORT) }
}

/// The check of an HTTP monitor. `host` defaults to the endpoint's address, `path` to `/`, `status` to 200 to 299.
fn check(reader: &mut Reader<'_>, table: &Table<'_>, mode: TlsMode) -> MonitorKind {
    let tls = match mode {
        TlsMode::Off => TlsPolicy { mode, verify: true, ca: None, name: None, expiry_warning: Duration::ZERO },
        _ => tls::read(reader, table, mode),
    };
    MonitorKind::Http(HttpCheck {
        host: table.get("host").and_then(|value| reader.host(&value)),
        path: table.get("path").and_then(|value| self::path(reader, &value)).unwrap_or_else(|| HTTP_PATH.to_owned()),
        status: table.get("status").map(|value| status(reader, &value)).unwrap_or_default(),
        body: table.get("body").and_then(|value| regex(reader, &value)),
        tls,
    })
}

/// An absolute path with query (RFC 9112 section 3.2.1). It is sent as it is, so nothing that ends the line passes.
pub(super) fn path(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if text.starts_with('/') && text.chars().all(|letter| letter.is_ascii_graphic() && letter != '#') {
        return Some(text.to_owned());
    }
    let remedy = match text.split_once("://").and_then(|(_, rest)| rest.split_once('/')) {
        Some((_, path)) => format!("write {}; the host goes into host", quoted(&format!("/{path}"))),
        None => "write it as in \"/healthz\", other characters as %XX".to_owned(),
    };
    reader.refuse(value, "a path that starts with /, in visible ASCII", remedy);
    None
}

/// One status code or several, ascending.
fn status(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<u16> {
    let members = if value.is_array() {
        reader.some_list(value, "at least one status code", "200").unwrap_or_default()
    } else {
        vec![value.clone()]
    };
    let mut codes: Vec<u16> = members.iter().filter_map(|member| reader.integer(member, 100..=599)).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// A regular expression, bounded in octets and in what it takes compiled.
pub(super) fn regex(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    let fault = if text.len() > REGEX_OCTETS {
        format!("it has more than {REGEX_OCTETS} octets")
    } else {
        match regex::RegexBuilder::new(text).size_limit(REGEX_COMPILED).build() {
            Ok(_) => return Some(text.to_owned()),
            // The last line says what is wrong, those above draw it.
            Err(error) => error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        }
    };
    let remedy = "correct it; characters that are meant literally take a backslash, and single quotes keep it";
    reader.refuse(value, format!("a regular expression ({fault})"), remedy);
    None
}
