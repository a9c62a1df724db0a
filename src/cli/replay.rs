//! `replay`: what a recording would have led to under another configuration.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;
use utoipa::ToSchema;

use comfy_table::Cell;
use jiff::Timestamp;
use serde::Serialize;

use super::arguments::{Global, Replay as Arguments};
use super::configured::configuration;
use super::document::Document;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use super::table::table;
use crate::config::Color;
use crate::node;
use crate::plan::{Fared, History, Place, Record, as_recorded, as_replayed};

/// Octets of one line that are read; a longer one is no record.
const LINE: u64 = 1 << 20;
/// Outages that are listed for each site of a service.
const LISTED: usize = 10;

/// Minutes that two figures may lie apart and count as the same.
const SAME_MINUTES: f64 = 0.15;

/// What would have been different.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Comparison {
    schema: &'static str,
    recording: String,
    configuration: String,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Lines that are no records.
    unread: u64,
    places: Vec<Compared>,
}

impl Comparison {
    pub(super) const SCHEMA: &'static str = "waypost.replay/1";
}

impl Document for Comparison {
    const LIST: Option<(&'static str, &'static str)> = Some(("places", "waypost.replay-place/1"));

    fn names(&self) -> Vec<String> {
        self.places.iter().map(|place| format!("{}/{}", place.service, place.site)).collect()
    }
}

/// A site of a service, as it was and as it would have been.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Compared {
    service: String,
    site: String,
    recorded: Figures,
    replayed: Figures,
}

/// How a site of a service fared.
#[derive(Debug, Serialize, ToSchema)]
struct Figures {
    failovers: u32,
    flaps: u32,
    minutes_out: f64,
    outages: Vec<Outage>,
}

/// A time out of service.
#[derive(Debug, Serialize, ToSchema)]
struct Outage {
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Compared {
    /// Whether the configuration makes a difference that counts; a replay is exact to about a probe's interval.
    fn differs(&self) -> bool {
        let (was, would) = (&self.recorded, &self.replayed);
        let minutes = (was.minutes_out - would.minutes_out).abs();
        (was.failovers, was.flaps) != (would.failovers, would.flaps) || minutes > SAME_MINUTES
    }
}

pub(super) fn replay(global: &Global, output: &Output, arguments: &Arguments) -> Result<Exit, Failure> {
    let file = configuration(global)?;
    let (records, unread) = read(&arguments.recording)?;
    let declared = node::declared(&file).map_err(|report| {
        output.progress(report.render(Color::Never).trim_end());
        Failure::Negative(format!("{} has errors; nothing was replayed", file.display()))
    })?;
    let (recorded, replayed) = (as_recorded(&records), as_replayed(&records, &declared.topology, declared.standing_in));
    let comparison = Comparison {
        schema: Comparison::SCHEMA,
        recording: arguments.recording.display().to_string(),
        configuration: file.display().to_string(),
        from: replayed.span.map(|(from, _)| from),
        until: replayed.span.map(|(_, until)| until),
        unread,
        places: places(&recorded, &replayed),
    };
    match output.format() {
        Format::Table | Format::Wide => tell(output, &comparison)?,
        Format::Json | Format::Jsonl | Format::Name => output.show(&comparison, |_| Vec::new())?,
    }
    Ok(if comparison.places.iter().any(Compared::differs) { Exit::Negative } else { Exit::Done })
}

/// The records at `path`, and how many lines are none. A directory is that of a node's state: both files that it keeps.
fn read(path: &Path) -> Result<(Vec<Record>, u64), Failure> {
    let (mut records, mut unread) = (Vec::new(), 0);
    if path.is_dir() {
        let before = path.join(node::RECORDING_BEFORE);
        if before.exists() {
            read_file(&before, &mut records, &mut unread)?;
        }
        read_file(&path.join(node::RECORDING), &mut records, &mut unread)?;
    } else {
        read_file(path, &mut records, &mut unread)?;
    }
    if records.is_empty() {
        return Err(Failure::Usage(format!(
            "{} holds no records; give the {} of a node's state directory",
            path.display(),
            node::RECORDING
        )));
    }
    Ok((records, unread))
}

fn read_file(path: &Path, records: &mut Vec<Record>, unread: &mut u64) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    loop {
        let mut line = Vec::new();
        let octets = reader.by_ref().take(LINE).read_until(b'\n', &mut line).map_err(unreadable)?;
        if octets == 0 {
            return Ok(());
        }
        match serde_json::from_slice(&line) {
            Ok(record) => records.push(record),
            // The last line of a node that was killed may be cut, and later versions may record more.
            Err(_) => *unread += 1,
        }
    }
}

fn places(recorded: &History, replayed: &History) -> Vec<Compared> {
    let nothing = Fared::default();
    let mut all: BTreeMap<&Place, (&Fared, &Fared)> = BTreeMap::new();
    for (place, fared) in &recorded.places {
        all.entry(place).or_insert((&nothing, &nothing)).0 = fared;
    }
    for (place, fared) in &replayed.places {
        all.entry(place).or_insert((&nothing, &nothing)).1 = fared;
    }
    let compared = |((service, site), (recorded, replayed)): (&Place, (&Fared, &Fared))| Compared {
        service: service.clone(),
        site: site.clone(),
        recorded: figures(recorded),
        replayed: figures(replayed),
    };
    all.into_iter().map(compared).collect()
}

fn figures(fared: &Fared) -> Figures {
    let outages = fared.outages.iter().map(|(from, until)| Outage { from: *from, until: *until });
    Figures {
        failovers: fared.failovers,
        flaps: fared.flaps,
        minutes_out: minutes(fared.out),
        outages: outages.collect(),
    }
}

fn minutes(span: Duration) -> f64 {
    (span.as_secs_f64() / 6.0).round() / 10.0
}

fn tell(output: &Output, comparison: &Comparison) -> Result<(), Failure> {
    if let (Some(from), Some(until)) = (comparison.from, comparison.until) {
        output.line(&format!(
            "{} from {from:.0} to {until:.0}, replayed with {}",
            comparison.recording, comparison.configuration
        ))?;
    }
    if comparison.unread > 0 {
        output.progress(&format!("{} lines are no records and were left out", comparison.unread));
    }
    let row = |place: &Compared| {
        let both = |was: String, would: String| if was == would { was } else { format!("{was} -> {would}") };
        let Compared { service, site, recorded, replayed } = place;
        vec![
            service.clone(),
            site.clone(),
            both(recorded.failovers.to_string(), replayed.failovers.to_string()),
            both(recorded.flaps.to_string(), replayed.flaps.to_string()),
            both(format!("{:.1}", recorded.minutes_out), format!("{:.1}", replayed.minutes_out)),
        ]
    };
    let rows = comparison.places.iter().map(|place| row(place).into_iter().map(Cell::new).collect()).collect();
    output.line(table(output.page(), &["SERVICE", "SITE", "FAILOVERS", "FLAPS", "MINUTES OUT"], rows).trim_end())?;
    for place in comparison.places.iter().filter(|place| place.differs()) {
        for (word, figures) in [("was", &place.recorded), ("would be", &place.replayed)] {
            for outage in figures.outages.iter().take(LISTED) {
                let until = outage.until.map_or_else(|| "the end".to_owned(), |until| format!("{until:.0}"));
                output.line(&format!(
                    "{}: {} {word} out of service from {:.0} to {until}",
                    place.service, place.site, outage.from
                ))?;
            }
            if figures.outages.len() > LISTED {
                output.line(&format!("… and {} more; -o json lists all", figures.outages.len() - LISTED))?;
            }
        }
    }
    Ok(())
}
