//! `[dnssec]`: where the keys of signed zones lie.

use std::path::PathBuf;

use super::defaults::KEYS_PATH;
use super::reader::Reader;
use super::value::Table;
use crate::model::DnssecSettings;

/// `[dnssec]`. `keys` defaults to /var/lib/waypost/keys. Whether the directory is there shows when a zone needs it.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>) -> DnssecSettings {
    let default = || PathBuf::from(KEYS_PATH);
    let Some(table) = reader.section(root, "dnssec") else { return DnssecSettings { keys: default() } };
    reader.allow(&table, &["keys"]);
    let keys = table.get("keys").map(|value| reader.path(&value).unwrap_or_default());
    DnssecSettings { keys: keys.unwrap_or_else(default) }
}
