//! `kind = "json"`: a value from a JSON document.

use super::{Asked, Port, Surroundings, levels};
use crate::config::defaults::{EQUALS_OCTETS, HTTP_PATH, HTTP_PORT, HTTPS_PORT, POINTER_OCTETS};
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::model::{Expected, JsonCheck, JsonPointer, MonitorKind, TlsMode};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 2] = ["pointer", "equals"];

/// The check of a JSON monitor: `pointer`, and either `equals` or thresholds. `path` defaults to `/`, `missing` to `defer`.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let wanted = reader.required(table, "pointer", "where the value is (RFC 6901)", "\"/queue/deferred\"");
    let pointer = wanted.and_then(|value| pointer(reader, &value));
    let levels = levels::levels(reader, table);
    let has_levels = table.get("warn").or(table.get("fail")).is_some();
    let expected = match table.get("equals") {
        Some(value) if has_levels => {
            let what = format!("{value} beside warn or fail");
            reader.error(&value.key_span, what, "either a value or thresholds of a number", "delete one of them");
            None
        }
        Some(value) => equals(reader, &value),
        None if has_levels => None,
        None => {
            reader.missing(
                table,
                "warn, fail and equals",
                "what the value must be",
                "add warn = \"> 500\", or equals = \"ok\"",
            );
            None
        }
    };
    let page = levels::page(reader, table, HTTP_PATH);
    let port = if page.tls.mode == TlsMode::Off { HTTP_PORT } else { HTTPS_PORT };
    let check = JsonCheck {
        page,
        // Stands in where the configuration is refused anyway.
        pointer: pointer.unwrap_or_default(),
        expected: expected.unwrap_or(Expected::Number(levels)),
        missing: levels::missing(reader, table),
    };
    Asked { kind: MonitorKind::Json(check), port: Port::Usual(port) }
}

fn pointer(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<JsonPointer> {
    let text = reader.string(value)?;
    let fault = match text.parse::<JsonPointer>() {
        Ok(_) if text.len() > POINTER_OCTETS => format!("it has more than {POINTER_OCTETS} octets"),
        Ok(pointer) => return Some(pointer),
        Err(fault) => fault.to_string(),
    };
    let remedy = "write names and positions behind slashes, as in \"/queue/deferred\" or \"/hosts/0/state\"";
    reader.refuse(value, format!("a JSON pointer ({fault})"), remedy);
    None
}

fn equals(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Expected> {
    if let Some(truth) = value.item.as_bool() {
        return Some(Expected::Boolean(truth));
    }
    let text = value.as_text().filter(|text| text.len() <= EQUALS_OCTETS);
    if text.is_none() {
        let expected = format!("a text of at most {EQUALS_OCTETS} octets in quotes, true or false");
        let remedy = match value.as_integer() {
            Some(_) => "hold a number against thresholds: warn = \"> 500\", fail = \"> 5000\"",
            None => "write it as in \"ok\" or true",
        };
        reader.refuse(value, expected, remedy);
    }
    text.map(|text| Expected::Text(text.to_owned()))
}
