//! `key ds`: what the parent zone needs.

use jiff::Timestamp;

use super::super::arguments::Global;
use super::super::exit::{Exit, Failure};
use super::super::output::{Format, Output};
use super::arguments::Ds;
use super::documents::DsDocument;
use super::place::Place;
use crate::admin::api::words::{moment, moment_and_distance};
use crate::dnssec::ds::{SHA256, cdnskey_line, dnskey_line, ds_line, hex_digest};
use crate::dnssec::{Awaited, DnssecKey};

pub(super) fn ds(global: &Global, output: &Output, arguments: &Ds) -> Result<Exit, Failure> {
    let place = Place::find(global, &arguments.directory)?;
    let zone = &arguments.zone;
    let name = arguments.keyset.clone().unwrap_or_else(|| place.keyset_of(zone));
    let keyset = place.read(&name)?;
    let now = Timestamp::now();
    let published = keyset.at(now).published;
    let dnskey = || published.iter().map(|key| dnskey_line(zone, key));
    let Some(key) = keyset.target(now) else {
        return Err(Failure::Fault(format!("the keyset {name} has no key that the parent could point to")));
    };
    let awaited = keyset.awaited(now);
    match output.format() {
        Format::Json | Format::Jsonl | Format::Name => output.show(
            &DsDocument {
                schema: DsDocument::SCHEMA,
                zone: zone.to_string(),
                keyset: name.to_string(),
                tag: key.tag(),
                algorithm: DnssecKey::ALGORITHM,
                digest_type: SHA256,
                digest: hex_digest(zone, &key),
                not_before: too_early(&key, awaited.as_ref(), now).map(moment),
                ds: ds_line(zone, &key),
                cdnskey: cdnskey_line(zone, &key),
                dnskey: dnskey().collect(),
            },
            |_| Vec::new(),
        )?,
        Format::Table | Format::Wide if arguments.dnskey => dnskey().try_for_each(|line| output.line(&line))?,
        Format::Table | Format::Wide => {
            output.line(&ds_line(zone, &key))?;
            output.line(&cdnskey_line(zone, &key))?;
        }
    }
    if arguments.dnskey {
        return Ok(Exit::Done);
    }
    if let Some(from) = too_early(&key, awaited.as_ref(), now) {
        output.progress(&format!(
            "note: the parent should have this DS from {} on, if the zone is signed since key {} was made: before, \
             caches hold unsigned records",
            moment_and_distance(from, now),
            key.tag()
        ));
    }
    if let Some(awaited) = awaited.filter(|awaited| awaited.key.tag() == key.tag()) {
        let replaces = if awaited.replaces.is_empty() { "" } else { " in place of that of the old key" };
        let told = place.command("rollover --ds-published", &name);
        output.progress(&format!("next: have the parent take the DS{replaces}, then run '{told}'"));
    } else if let Some(awaited) = keyset.awaited(now) {
        output.progress(&format!(
            "note: a rollover is under way; the DS of key {} is printed here from {} on",
            awaited.key.tag(),
            moment_and_distance(awaited.from, now)
        ));
    }
    Ok(Exit::Done)
}

/// Until when the parent should not point to `key` yet.
fn too_early(key: &DnssecKey, awaited: Option<&Awaited>, now: Timestamp) -> Option<Timestamp> {
    awaited.filter(|awaited| awaited.key.tag() == key.tag() && awaited.from > now).map(|awaited| awaited.from)
}
