//! `[limits]`: what clients may take. Tighter at will, looser only knowingly.

use std::time::Duration;

use super::defaults::LIMIT_MOST;
use super::duration::written;
use super::reader::Reader;
use super::value::{Table, Value};
use crate::model::Limits;

const KEYS: [&str; 7] =
    ["connections", "connections_per_client", "idle", "queries_per_connection", "handshakes", "transfers", "loosen"];

/// The longest that a connection may rest, even knowingly.
const IDLE_MOST: Duration = Duration::from_secs(3_600);

/// `[limits]`. Defaults as [`Limits::default`].
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>) -> Limits {
    let default = Limits::default();
    let Some(table) = reader.section(root, "limits") else { return default };
    reader.allow(&table, &KEYS);
    let loosen = table.get("loosen").and_then(|value| reader.boolean(&value)).unwrap_or_default();
    let bounds = Bounds { table: &table, loosen };
    let limits = Limits {
        connections: bounds.count(reader, "connections", default.connections, "memory and descriptors"),
        connections_per_client: bounds.count(
            reader,
            "connections_per_client",
            default.connections_per_client,
            "all other clients from one that takes every connection",
        ),
        idle: bounds.idle(reader, default.idle),
        queries_per_connection: bounds.count(
            reader,
            "queries_per_connection",
            default.queries_per_connection,
            "memory and the order of service from one client's pipeline",
        ),
        handshakes: bounds.count(reader, "handshakes", default.handshakes, "the processor from floods of handshakes"),
        transfers: bounds.count(reader, "transfers", default.transfers, "queries from being slowed by transfers"),
    };
    if limits.connections_per_client > limits.connections
        && let Some(value) = table.get("connections")
    {
        let what = format!("connections = {} below connections_per_client", limits.connections);
        let expected = format!("at least connections_per_client = {}", limits.connections_per_client);
        reader.error(&value.span, what, expected, "lower connections_per_client as well");
    }
    limits
}

struct Bounds<'a, 'd> {
    table: &'a Table<'d>,
    /// Whether the operator said that looser values are meant.
    loosen: bool,
}

impl Bounds<'_, '_> {
    fn count(&self, reader: &mut Reader<'_>, key: &str, default: usize, protects: &str) -> usize {
        let Some(value) = self.table.get(key) else { return default };
        let Some(count) = reader.integer::<usize>(&value, 1..=LIMIT_MOST) else { return default };
        if count > default {
            self.knowingly(reader, &value, &count.to_string(), &default.to_string(), protects);
        }
        count
    }

    fn idle(&self, reader: &mut Reader<'_>, default: Duration) -> Duration {
        let Some(value) = self.table.get("idle") else { return default };
        let Some(idle) = reader.duration(&value, &(Duration::from_millis(100)..=IDLE_MOST)) else { return default };
        if idle > default {
            let protects = "connections from those that only hold them";
            self.knowingly(reader, &value, &written(idle), &written(default), protects);
        }
        idle
    }

    fn knowingly(&self, reader: &mut Reader<'_>, value: &Value<'_>, found: &str, default: &str, protects: &str) {
        if !self.loosen {
            let what = format!("{found} as {value}, looser than the default {default}, which protects {protects}");
            let remedy = "add loosen = true to [limits] if that is meant";
            reader.error(&value.span, what, format!("at most {default}"), remedy);
        }
    }
}
