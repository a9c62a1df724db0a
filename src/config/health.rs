//! `health` of a service: how its monitors add up.

use std::ops::Range;

use super::defaults::POSITIONS;
use super::reader::Reader;
use super::roster::Roster;
use super::service::push_once;
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{HealthMode, HealthRule, MonitorIx, MonitorPart};

/// The inside of a table that says it all.
const EXAMPLE: &str = "mode = \"quorum\", quorum = 2, required = [\"smtp\"], monitor_only = [\"disk\"]";

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    All,
    Any,
    Quorum,
}

/// The rule of a service with `monitors`; by default all of them count and the worst decides.
pub(super) fn read(
    reader: &mut Reader<'_>,
    service: &Table<'_>,
    monitors: &[MonitorIx],
    roster: &Roster,
) -> HealthRule {
    let Some(value) = service.get("health") else { return HealthRule::default() };
    let Some(table) = reader.table(&value, EXAMPLE) else { return HealthRule::default() };
    reader.allow(&table, &["mode", "quorum", "required", "monitor_only"]);
    if monitors.is_empty() && service.get("monitors").is_some_and(|monitors| monitors.is_array()) {
        let what = format!("{value} without effect");
        let remedy = "name monitors in monitors of the service, or delete health";
        reader.warning(&value.key_span, what, "it together with monitors only", remedy);
    }
    let required = members(reader, &table, "required", monitors, roster);
    let monitor_only = members(reader, &table, "monitor_only", monitors, roster);
    apart(reader, &table, &required, &monitor_only, roster);
    let mut rule = HealthRule { mode: HealthMode::All, required, monitor_only };
    let counted = monitors.iter().filter(|ix| rule.part_of(**ix) == MonitorPart::Counted).count();
    rule.mode = mode(reader, &table, counted);
    warn_of_no_effect(reader, &table, &rule, monitors, counted);
    rule
}

/// Monitors of the service, each once.
fn members(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    key: &str,
    monitors: &[MonitorIx],
    roster: &Roster,
) -> Vec<MonitorIx> {
    let listed = table.get(key).and_then(|value| reader.list(&value)).unwrap_or_default();
    let mut members = Vec::with_capacity(listed.len());
    for member in listed {
        let Some(position) = roster.resolve(reader, &member) else { continue };
        let Ok(ix) = u16::try_from(position).map(MonitorIx) else { continue };
        if monitors.contains(&ix) {
            push_once(reader, &member, &mut members, ix);
        } else if reader.is_whole() {
            let what = format!("monitor {} as {member}, which is not in its monitors", quoted(roster.name(position)));
            let remedy = "add it to monitors of the service, or delete it here";
            reader.error(&member.span, what, "a monitor of the service", remedy);
        }
    }
    members
}

/// A monitor that is never counted cannot be required.
fn apart(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    required: &[MonitorIx],
    monitor_only: &[MonitorIx],
    roster: &Roster,
) {
    for ix in required.iter().filter(|ix| monitor_only.contains(ix)) {
        let what =
            format!("monitor {} in required and in monitor_only of {}", quoted(roster.name(ix.get())), table.title);
        reader.error(&at(table, "monitor_only"), what, "it in one of the two", "delete it from one of the two");
    }
}

/// `mode` with its `quorum`, over `counted` monitors.
fn mode(reader: &mut Reader<'_>, table: &Table<'_>, counted: usize) -> HealthMode {
    let words = [("all", Mode::All), ("any", Mode::Any), ("quorum", Mode::Quorum)];
    let mode = match table.get("mode") {
        Some(value) => reader.word(&value, &words),
        None => Some(Mode::All),
    };
    let quorum = table.get("quorum");
    match (mode, quorum) {
        (Some(Mode::Quorum), Some(value)) => HealthMode::Quorum(self::quorum(reader, &value, counted)),
        (Some(Mode::Quorum), None) => {
            let what = "quorum, which mode \"quorum\" goes by";
            reader.missing(table, "quorum", what, format!("add quorum = {}", (counted / 2 + 1).min(counted).max(1)));
            HealthMode::All
        }
        (Some(mode), Some(value)) => {
            // Ignored, it would count more monitors than the operator wants.
            let remedy = "write mode = \"quorum\", or delete quorum";
            reader.error(&value.key_span, format!("{value} without mode \"quorum\""), "both or none", remedy);
            if mode == Mode::Any { HealthMode::Any } else { HealthMode::All }
        }
        (Some(Mode::Any), None) => HealthMode::Any,
        (Some(Mode::All) | None, _) => HealthMode::All,
    }
}

/// At most as many as can be well at once.
fn quorum(reader: &mut Reader<'_>, value: &Value<'_>, counted: usize) -> usize {
    let Some(quorum) = reader.integer(value, 1..=i64::try_from(POSITIONS).unwrap_or(i64::MAX)) else { return 1 };
    if quorum > counted && reader.is_whole() {
        let expected = format!("at most {counted}, the monitors that are neither required nor monitor_only");
        let remedy = match counted {
            0 => "leave monitors out of required, or delete health".to_owned(),
            _ => format!("write quorum = {counted}, or add monitors"),
        };
        reader.refuse(value, expected, remedy);
    }
    quorum
}

/// Warns of what is written and changes nothing.
fn warn_of_no_effect(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    rule: &HealthRule,
    monitors: &[MonitorIx],
    counted: usize,
) {
    if !monitors.is_empty() && monitors.iter().all(|ix| rule.part_of(*ix) == MonitorPart::MonitorOnly) {
        let what = format!("all monitors in monitor_only of {}", table.title);
        let expected = "one that counts; without any, every endpoint counts as up";
        reader.warning(&at(table, "monitor_only"), what, expected, "leave one out, or add another to monitors");
    } else if rule.mode == HealthMode::Any && counted < 2 && !monitors.is_empty() {
        let what = format!("mode \"any\" over {counted} monitors in {}", table.title);
        let expected = "two or more that are neither required nor monitor_only";
        reader.warning(&at(table, "mode"), what, expected, "add monitors, or delete mode");
    }
    if rule.mode == HealthMode::All && !rule.required.is_empty() {
        let what = format!("required of {} without effect", table.title);
        let expected = "it with mode \"any\" or \"quorum\" only; with \"all\" every monitor is required";
        reader.warning(&at(table, "required"), what, expected, "write mode = \"any\", or delete required");
    }
}

/// Where `key` stands, or the table without it.
fn at(table: &Table<'_>, key: &str) -> Range<usize> {
    table.get(key).map_or(table.span.clone(), |value| value.key_span)
}
