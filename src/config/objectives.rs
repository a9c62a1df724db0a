//! `[objectives]`: what is promised of services, of all and of single ones in `[objectives.SERVICE]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::defaults::RTO_RANGE;
use super::duration::written;
use super::reader::Reader;
use super::roster::Roster;
use super::value::Table;
use super::words::quoted;
use crate::model::{Availability, Objective, Objectives, Service};

/// What may be promised.
const KEYS: [&str; 2] = ["rto", "availability"];

/// What passes between a failure and the answers without it, at best.
const DETECTION: Duration = Duration::from_secs(1);

/// `[objectives]`; without it nothing is promised.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>, services: &Roster) -> Objectives {
    let Some(table) = reader.section(root, "objectives") else { return Objectives::default() };
    let mut single = BTreeMap::new();
    for value in table.values().filter(|value| value.is_table()) {
        let Some(inner) = reader.table(&value, "rto = \"1m\"") else { continue };
        if services.position(&value.key).is_none() {
            services.unknown(reader, &value.key_span, &value.key, &format!("{} of [objectives]", value.key));
        }
        reader.allow(&inner, &KEYS);
        single.insert(value.key.to_string(), objective(reader, &inner));
    }
    let others: Vec<String> =
        table.values().filter(|value| value.is_table()).map(|value| value.key.to_string()).collect();
    let known: Vec<&str> = KEYS.into_iter().chain(others.iter().map(String::as_str)).collect();
    reader.allow(&table, &known);
    Objectives { default: objective(reader, &table), services: single }
}

fn objective(reader: &mut Reader<'_>, table: &Table<'_>) -> Objective {
    let rto = table.get("rto").and_then(|value| reader.duration(&value, &RTO_RANGE));
    let availability = table.get("availability").and_then(|value| {
        let text = reader.string(&value)?;
        let read = text.parse::<Availability>();
        if read.is_err() {
            reader.refuse(&value, "a percentage from \"0%\" to \"99.9999%\"", "write one, as in \"99.99%\"");
        }
        read.ok()
    });
    Objective { rto, availability }
}

/// Warns of recovery times that no failure can keep, because answers live longer in caches.
pub(super) fn warn_of_ttl(reader: &mut Reader<'_>, root: &Table<'_>, objectives: &Objectives, services: &[Service]) {
    let Some(value) = root.get("objectives") else { return };
    for service in services {
        let Some(rto) = objectives.of(&service.name).rto else { continue };
        let least = service.ttl.saturating_add(DETECTION);
        if rto < least {
            let name = quoted(&service.name);
            let what = format!(
                "rto {} for service {name}, whose answers live for {} in caches",
                written(rto),
                written(service.ttl)
            );
            let remedy = format!("promise more than {}, or lower ttl of service {name}", written(least));
            reader.warning(&value.span, what, "a recovery time above the ttl and the time to notice", remedy);
        }
    }
}
