//! What of incidents the journal is told, each thing once: that they began and ended, and which promises were not kept.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bounds::TOLD_MOST;
use super::budget::{Budget, Month};
use super::incident::{Incident, IncidentPhase, between, millis};
use super::log::IncidentLog;
use crate::model::{Impact, ObjectiveKind, Objectives};

/// Something that is told once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    Opened(u64),
    Reached(u64, Impact),
    Closed(u64),
    Rto(u64, String),
    Availability(String, String),
}

/// What the journal is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An incident began, or reaches more than was told: its id, what failed first, and whom that reaches.
    Opened(u64, String, Impact),
    /// An incident is over: its id, and what it was.
    Closed(u64, String),
    /// An objective was missed.
    Missed(Missed),
}

/// A missed objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Which.
    pub objective: ObjectiveKind,
    /// Of which service.
    pub service: String,
    /// In which incident, of a recovery.
    pub incident: Option<u64>,
    /// What was promised and what came of it.
    pub detail: String,
}

impl IncidentLog {
    pub(super) fn note_told(&mut self, told: Told) {
        if !self.told.contains(&told) {
            self.told.push_back(told);
            while self.told.len() > TOLD_MOST {
                self.told.pop_front();
            }
        }
    }

    /// What the journal is to be told as of `now` and was not yet. Of incidents of which it was not told that they began,
    /// as in a journal of an earlier version, it is not told that they ended.
    pub fn notices(&mut self, objectives: &Objectives, now: Timestamp) -> Vec<Notice> {
        self.pass(now);
        let mut notices = Vec::new();
        let mut news = Vec::new();
        if let Some(incident) = self.current.as_ref().filter(|incident| self.is_more_than_told(incident)) {
            notices.push(Notice::Opened(incident.id, incident.title(), incident.impact()));
            news.extend([Told::Opened(incident.id), Told::Reached(incident.id, incident.impact())]);
        }
        let was_told = |incident: &&Incident| self.is_told(&Told::Opened(incident.id));
        let lately = self.current.iter().chain(self.closed.iter().rev().take(LATELY).filter(was_told));
        for incident in lately {
            for missed in missed_by(incident, objectives, now) {
                let told = Told::Rto(incident.id, missed.service.clone());
                if !self.is_told(&told) {
                    notices.push(Notice::Missed(missed));
                    news.push(told);
                }
            }
            if incident.phase == IncidentPhase::Closed && !self.is_told(&Told::Closed(incident.id)) {
                notices.push(Notice::Closed(incident.id, summary(incident, now)));
                news.push(Told::Closed(incident.id));
            }
        }
        let month = Month::of(now);
        for service in self.sites.keys() {
            let told = Told::Availability(month.to_string(), service.clone());
            let Some(availability) = objectives.of(service).availability else { continue };
            let budget = Budget::of(availability, month, self.spent(service, month, now));
            if budget.is_overdrawn() && !self.is_told(&told) {
                let detail = format!(
                    "{availability} leaves {} for {month}; it was out of service for {}",
                    seconds(budget.budget),
                    seconds(budget.spent)
                );
                let (objective, service) = (ObjectiveKind::Availability, service.clone());
                notices.push(Notice::Missed(Missed { objective, service, incident: None, detail }));
                news.push(told);
            }
        }
        news.into_iter().for_each(|told| self.note_told(told));
        notices
    }

    /// Whether `incident` was not told of, or as one that reaches less than it does.
    fn is_more_than_told(&self, incident: &Incident) -> bool {
        let reached = self.told.iter().filter_map(|told| match told {
            Told::Reached(id, impact) if *id == incident.id => Some(*impact),
            _ => None,
        });
        // An earlier version told of all of them as if they reached clients.
        !self.is_told(&Told::Opened(incident.id)) || reached.max().unwrap_or_default() < incident.impact()
    }

    fn is_told(&self, told: &Told) -> bool {
        self.told.contains(told)
    }
}

/// Closed incidents that are looked at again for what was not told.
const LATELY: usize = 4;

/// The recoveries of `incident` that took longer than promised, or have by now.
fn missed_by(incident: &Incident, objectives: &Objectives, now: Timestamp) -> Vec<Missed> {
    let mut missed: BTreeMap<&str, (u64, Duration)> = BTreeMap::new();
    for place in &incident.affected {
        let Some(rto) = objectives.of(&place.service).rto else { continue };
        let running = place.endpoints.iter().filter(|trouble| trouble.was_met() && trouble.over().is_none());
        let running = running.map(|trouble| millis(between(trouble.failed(), now))).max();
        let Some(took) = place.measured.recovery_ms.max(running).filter(|took| *took > millis(rto)) else { continue };
        let known = missed.entry(&place.service).or_insert((took, rto));
        known.0 = known.0.max(took);
    }
    let told = |(service, (took, rto)): (&str, (u64, Duration))| Missed {
        objective: ObjectiveKind::Rto,
        service: service.to_owned(),
        incident: Some(incident.id),
        detail: format!("{} and more to recover; {} were promised", seconds(Duration::from_millis(took)), seconds(rto)),
    };
    missed.into_iter().map(told).collect()
}

/// An incident that is over, in one phrase.
fn summary(incident: &Incident, now: Timestamp) -> String {
    let recovery = incident
        .recovery_ms(None)
        .map(|took| format!(", recovered for clients within {}", seconds(Duration::from_millis(took))));
    format!("{}: over after {}{}", incident.title(), seconds(incident.duration(now)), recovery.unwrap_or_default())
}

/// `1.2 s`, `75 s`.
fn seconds(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}
