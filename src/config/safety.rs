//! `[safety]`: what orders of operators are held against, beyond what each service says.

use super::defaults::{SETTLE, SETTLE_RANGE};
use super::reader::Reader;
use super::value::Table;
use crate::model::SafetySettings;

/// `[safety]`. `settle` defaults to 5 s; `"0s"` turns that rule off.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>) -> SafetySettings {
    let default = SafetySettings { settle: SETTLE };
    let Some(table) = reader.section(root, "safety") else { return default };
    reader.allow(&table, &["settle"]);
    let settle = table.get("settle").and_then(|value| reader.duration(&value, &SETTLE_RANGE));
    SafetySettings { settle: settle.unwrap_or(default.settle) }
}
