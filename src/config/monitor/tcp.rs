//! `kind = "tcp"`: a bare connect, or octets sent and octets expected.

use super::http::regex;
use super::{Asked, Port, Surroundings, tls};
use crate::config::defaults::SEND_OCTETS;
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::model::{ExchangeCheck, MonitorKind, TlsMode};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 3] = ["send", "expect", "tls"];

/// The check of a TCP monitor: without `send`, `expect` and `tls` a bare connect. `tls` defaults to `none`.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let modes = [("implicit", TlsMode::Implicit), ("none", TlsMode::Off)];
    let mode = table.get("tls").and_then(|value| reader.word(&value, &modes)).unwrap_or(TlsMode::Off);
    let check = ExchangeCheck {
        send: table.get("send").and_then(|value| send(reader, &value)),
        expect: table.get("expect").and_then(|value| regex(reader, &value)),
        tls: tls::read(reader, table, mode),
    };
    let kind = match check {
        ExchangeCheck { send: None, expect: None, tls } if tls.mode == TlsMode::Off => MonitorKind::Tcp,
        check => MonitorKind::Exchange(check),
    };
    Asked { kind, port: Port::Required }
}

fn send(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if (1..=SEND_OCTETS).contains(&text.len()) {
        return Some(text.to_owned());
    }
    let expected = format!("a text of 1 to {SEND_OCTETS} octets");
    reader.refuse(value, expected, "write what is sent, as in \"PING\\r\\n\", or delete send to listen only");
    None
}
