//! `[[drill]]`: drills that come again.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::{Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::defaults::{
    DAY, DRILL_EVERY, DRILL_EVERY_RANGE, DRILL_FOR, DRILL_FOR_RANGE, DRILL_NOTICE, DRILL_NOTICE_RANGE, POSITIONS,
};
use super::reader::Reader;
use super::roster::Roster;
use super::service::{push_once, some_sites};
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{DrillSchedule, ServiceIx};

/// The days as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// All schedules of drills, in file order. `sites`, `from` and `to` are required.
pub(super) fn read(
    reader: &mut Reader<'_>,
    tables: &[Table<'_>],
    sites: &Roster,
    services: &Roster,
) -> Vec<DrillSchedule> {
    let names = Roster::of_sections(reader, "drill", tables);
    if let Some(table) = tables.get(POSITIONS) {
        let what = format!("{} schedules of drills", tables.len());
        reader.error(&table.span, what, format!("at most {POSITIONS}"), "let one schedule take several sites in turn");
    }
    let named = tables.iter().enumerate().map(|(position, table)| (names.name(position), table));
    named.map(|(name, table)| schedule(reader, table, name, sites, services)).collect()
}

fn schedule(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    name: &str,
    sites: &Roster,
    services: &Roster,
) -> DrillSchedule {
    reader.allow(table, &["name", "sites", "service", "every", "days", "from", "to", "zone", "for", "notice"]);
    let listed = reader.required(
        table,
        "sites",
        "the sites that are taken out in turn",
        &format!("[{}]", quoted(sites.name(0))),
    );
    let members = listed.map(|value| some_sites(reader, &value, sites)).unwrap_or_default();
    let service = table.get("service").and_then(|value| services.resolve(reader, &value));
    let service = service.and_then(|position| u16::try_from(position).ok()).map(ServiceIx);
    let every = table.get("every").and_then(|value| days_of(reader, &value)).unwrap_or(DRILL_EVERY);
    let days = table.get("days").map(|value| days(reader, &value)).filter(|days| !days.is_empty());
    let from = reader.required(table, "from", "the hour from which drills may begin", "\"10:00\"");
    let from = from.and_then(|value| hour(reader, &value));
    let closes = reader.required(table, "to", "the hour at which drills are over", "\"16:00\"");
    let to = closes.as_ref().and_then(|value| end_hour(reader, value));
    let length = table.get("for").and_then(|value| reader.duration(&value, &DRILL_FOR_RANGE)).unwrap_or(DRILL_FOR);
    if let (Some(from), Some(to), Some(value)) = (from, to, &closes) {
        let between = from.duration_until(to);
        let is_over_midnight = to <= from;
        let open = if is_over_midnight { between.saturating_add(SignedDuration::from_hours(24)) } else { between };
        if Duration::try_from(open).unwrap_or_default() < length {
            let expected = format!("an hour at least the time of for after from = \"{}\"", from.strftime("%H:%M"));
            reader.refuse(value, expected, "make the window longer, or for shorter");
        }
    }
    let zone = table.get("zone").and_then(|value| zone(reader, &value)).unwrap_or(TimeZone::UTC);
    let notice = table.get("notice").and_then(|value| reader.duration(&value, &DRILL_NOTICE_RANGE));
    DrillSchedule {
        name: name.to_owned(),
        sites: members,
        service,
        every_days: every,
        days: days.unwrap_or_else(|| DAYS.map(|(_, day)| day).to_vec()),
        from: from.unwrap_or_default(),
        to: to.unwrap_or(Time::MAX),
        zone,
        length,
        notice: notice.unwrap_or(DRILL_NOTICE),
    }
}

/// Whole days.
fn days_of(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<i64> {
    let every = reader.duration(value, &DRILL_EVERY_RANGE)?;
    if every.as_secs() % DAY.as_secs() != 0 || every.subsec_nanos() != 0 {
        reader.refuse(value, "whole days", format!("write {} = \"7d\"", value.key));
        return None;
    }
    i64::try_from(every.as_secs() / DAY.as_secs()).ok()
}

fn days(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<Weekday> {
    let mut found = Vec::new();
    for member in reader.some_list(value, "the days on which drills may begin", "\"tue\", \"wed\"").unwrap_or_default()
    {
        if let Some(day) = reader.word(&member, &DAYS) {
            push_once(reader, &member, &mut found, day);
        }
    }
    found
}

/// An hour at which a window closes: on the day after, where it is not after the one at which it opens.
fn end_hour(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Time> {
    if reader.string(value)? == "24:00" { Some(Time::midnight()) } else { hour(reader, value) }
}

fn hour(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Time> {
    let text = reader.string(value)?;
    let time = Time::strptime("%H:%M", text).ok();
    if time.is_none() {
        reader.refuse(value, "an hour as on a clock, 00:00 to 23:59", format!("write {} = \"10:00\"", value.key));
    }
    time
}

/// A time zone by its name in the database that the program carries, so that all nodes of a version reckon alike.
fn zone(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<TimeZone> {
    let name = reader.string(value)?;
    let zone = TimeZoneDatabase::bundled().get(name).ok();
    if zone.is_none() {
        let near = TimeZoneDatabase::bundled()
            .available()
            .map(|known| known.to_string())
            .min_by_key(|known| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()));
        let remedy =
            near.map_or_else(|| "write zone = \"UTC\"".to_owned(), |near| format!("did you mean {}?", quoted(&near)));
        reader.refuse(value, "the name of a time zone, as in \"Europe/Berlin\"", remedy);
    }
    zone
}
