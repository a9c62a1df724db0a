//! `[audit]`: how long the journal and what past answers are explained from are kept.

use super::defaults::{AUDIT_EVENTS_RANGE, AUDIT_HISTORY_RANGE, AUDIT_KEEP_RANGE};
use super::reader::Reader;
use super::value::Table;
use crate::model::AuditSettings;

const KEYS: [&str; 4] = ["keep", "events", "archive", "history"];

/// `[audit]`. Defaults as [`AuditSettings::default`].
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>) -> AuditSettings {
    let default = AuditSettings::default();
    let Some(table) = reader.section(root, "audit") else { return default };
    reader.allow(&table, &KEYS);
    let keep = table.get("keep").and_then(|value| reader.duration(&value, &AUDIT_KEEP_RANGE));
    let events = table.get("events").and_then(|value| reader.integer(&value, AUDIT_EVENTS_RANGE));
    let history = table.get("history").and_then(|value| reader.integer(&value, AUDIT_HISTORY_RANGE));
    AuditSettings {
        keep: keep.unwrap_or(default.keep),
        events: events.unwrap_or(default.events),
        archive: table.get("archive").and_then(|value| reader.path(&value)),
        history: history.unwrap_or(default.history),
    }
}
