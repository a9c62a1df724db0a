//! `[cookies]`: secrets of DNS Cookies.

use super::reader::Reader;
use super::value::Table;
use crate::model::CookieSettings;

/// `[cookies]`. Without `secrets` each process has a secret of its own.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>) -> CookieSettings {
    let Some(table) = reader.section(root, "cookies") else { return CookieSettings::default() };
    reader.allow(&table, &["secrets"]);
    CookieSettings { secrets: table.get("secrets").and_then(|value| reader.path(&value)) }
}
