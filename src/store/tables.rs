//! The tables of the embedded store: JSON values under text keys, so that a person can read them and a later version
//! may add fields.

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::embedded::Fault;
use crate::model::{EndpointKey, Scope};

/// A table of JSON documents.
pub(super) type Documents = TableDefinition<'static, &'static str, &'static str>;

/// Counters: [`SCHEMA_KEY`], [`REVISION`], [`EPOCH`], [`LAST_EVENT`].
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Standing orders by scope.
pub(super) const INTENTS: Documents = TableDefinition::new("intents");
/// Verdicts by endpoint and monitor.
pub(super) const VERDICTS: Documents = TableDefinition::new("verdicts");
/// How zones are served, by source. Not in files that earlier versions made.
pub(super) const ZONES: Documents = TableDefinition::new("zones");
/// Tokens by name.
pub(super) const TOKENS: Documents = TableDefinition::new("tokens");
/// This node's copies of what others share, by name. Not in files that earlier versions made.
pub(super) const COPIES: Documents = TableDefinition::new("copies");
/// Events by id.
pub(super) const JOURNAL: TableDefinition<'static, u64, &str> = TableDefinition::new("journal");

/// The layout of the tables.
pub(super) const SCHEMA_KEY: &str = "schema";
/// The revision of the orders.
pub(super) const REVISION: &str = "revision";
/// How often the node has started.
pub(super) const EPOCH: &str = "epoch";
/// The id of the newest event, also when it is no longer kept.
pub(super) const LAST_EVENT: &str = "last_event";

/// What separates the parts of a key: no name contains it.
const SEPARATOR: char = '\u{1f}';

/// The key of a scope's order.
pub(super) fn scope_key(scope: &Scope) -> String {
    format!("{}{SEPARATOR}{}", scope.site, scope.service.as_deref().unwrap_or_default())
}

/// The key of a monitor's verdict on an endpoint.
pub(super) fn verdict_key(key: &EndpointKey, monitor: &str) -> String {
    format!("{}{SEPARATOR}{}{SEPARATOR}{monitor}", key.service, key.address)
}

/// The counter called `key`; 0 where it was never set.
pub(super) fn counter(meta: &impl ReadableTable<&'static str, u64>, key: &str) -> Result<u64, Fault> {
    Ok(meta.get(key)?.map_or(0, |value| value.value()))
}

/// All documents of a table, in key order.
pub(super) fn documents<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static str, &'static str>,
) -> Result<Vec<T>, Fault> {
    let mut all = Vec::new();
    for entry in table.iter()? {
        all.push(serde_json::from_str(entry?.1.value())?);
    }
    Ok(all)
}

/// Puts `document` under `key`.
pub(super) fn put<T: Serialize>(
    transaction: &WriteTransaction,
    table: Documents,
    key: &str,
    document: &T,
) -> Result<(), Fault> {
    let text = serde_json::to_string(document)?;
    transaction.open_table(table)?.insert(key, text.as_str())?;
    Ok(())
}

/// Adds one to the counter called `key`.
pub(super) fn count(transaction: &WriteTransaction, key: &str) -> Result<u64, Fault> {
    let mut meta = transaction.open_table(META)?;
    let next = counter(&meta, key)?.saturating_add(1);
    meta.insert(key, next)?;
    Ok(next)
}
