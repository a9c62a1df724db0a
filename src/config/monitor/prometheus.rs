//! `kind = "prometheus"`: a number from a page of metrics.

use super::{Asked, Port, Surroundings, levels};
use crate::config::defaults::{EXPORTER_PORT, METRICS_PATH, SERIES_OCTETS};
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::model::{Combine, Levels, MonitorKind, PrometheusCheck, Series};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 3] = ["series", "combine", "divide_by"];

/// The check of a Prometheus monitor. `path` defaults to `/metrics`, `combine` to `max`, `missing` to `defer`; at least one of
/// `warn` and `fail` is required, for without them no value means anything.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let wanted = reader.required(table, "series", "which samples count", "'postfix_queue_length{queue=\"deferred\"}'");
    let series = wanted.and_then(|value| series(reader, &value));
    let levels = levels::levels(reader, table);
    if levels == Levels::default() && table.get("warn").or(table.get("fail")).is_none() {
        reader.missing(table, "warn and fail", "at least one threshold", "add warn = \"> 500\"");
    }
    let ways = [("max", Combine::Max), ("min", Combine::Min), ("sum", Combine::Sum)];
    let check = PrometheusCheck {
        page: levels::page(reader, table, METRICS_PATH),
        // Stands in where the configuration is refused anyway.
        series: series.unwrap_or(Series { name: String::new(), labels: Vec::new() }),
        combine: table.get("combine").and_then(|value| reader.word(&value, &ways)).unwrap_or_default(),
        divide_by: table.get("divide_by").and_then(|value| self::series(reader, &value)),
        levels,
        missing: levels::missing(reader, table),
    };
    Asked { kind: MonitorKind::Prometheus(check), port: Port::RequiredLike(EXPORTER_PORT) }
}

fn series(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Series> {
    let text = reader.string(value)?;
    let fault = match text.parse::<Series>() {
        Ok(_) if text.len() > SERIES_OCTETS => format!("it has more than {SERIES_OCTETS} octets"),
        Ok(series) => return Some(series),
        Err(fault) => fault.to_string(),
    };
    let remedy = "write it as in 'node_load1' or 'postfix_queue_length{queue=\"deferred\"}', in single quotes";
    reader.refuse(value, format!("a metric with labels that must be equal ({fault})"), remedy);
    None
}
