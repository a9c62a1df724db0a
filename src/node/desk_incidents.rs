//! The desk on incidents and objectives.

use std::time::Duration;

use super::desk::Desk;
use crate::admin::Incidents;
use crate::admin::api::{IncidentDocument, IncidentList, Kept, ObjectivesReport, ServiceObjectives};
use crate::plan::incidents::{Budget, Incident, IncidentLog, Month};

impl Incidents for Desk {
    fn incidents(&self, before: Option<u64>, limit: usize) -> IncidentList {
        let log = self.casebook.log();
        let mut asked = log.incidents().filter(|incident| before.is_none_or(|before| incident.id < before));
        let incidents: Vec<Incident> = asked.by_ref().take(limit).cloned().collect();
        let next_before = asked.next().and(incidents.last()).map(|incident| incident.id);
        IncidentList {
            schema: IncidentList::SCHEMA.to_owned(),
            node: self.at_start.node.name.clone(),
            time: self.clock.wall(),
            incidents,
            next_before,
        }
    }

    fn incident(&self, id: u64) -> Option<IncidentDocument> {
        let incident = self.casebook.log().incident(id)?.clone();
        Some(IncidentDocument { schema: IncidentDocument::SCHEMA.to_owned(), time: self.clock.wall(), incident })
    }

    fn objectives(&self) -> ObjectivesReport {
        let (picture, now, log) = (self.picture.load(), self.clock.wall(), self.casebook.log());
        let month = Month::of(now);
        let services = picture.topology.services.iter().map(|service| {
            let objective = picture.settings.objectives.of(&service.name);
            let recovered = recoveries(&log, &service.name);
            let of_month: Vec<u64> = recovered.iter().filter(|one| one.0 == month).map(|one| one.1).collect();
            let missed = objective
                .rto
                .map_or(0, |rto| of_month.iter().filter(|took| Duration::from_millis(**took) > rto).count());
            let out = log.spent(&service.name, month, now);
            let budget = objective.availability.map(|availability| Budget::of(availability, month, out));
            let is_missed = missed > 0 || budget.is_some_and(|budget| budget.is_overdrawn());
            ServiceObjectives {
                service: service.name.clone(),
                kept: match (objective.rto, objective.availability) {
                    (None, None) => Kept::NothingPromised,
                    _ if is_missed => Kept::Missed,
                    _ => Kept::Kept,
                },
                rto_seconds: objective.rto.map(|rto| rto.as_secs_f64()),
                incidents: of_month.len(),
                missed,
                longest_recovery_seconds: of_month.iter().max().map(|took| seconds(*took)),
                last_recovery_seconds: recovered.first().map(|one| seconds(one.1)),
                availability: objective.availability,
                out_seconds: out.as_secs_f64(),
                out_since: log.out_since(&service.name),
                budget_seconds: budget.map(|budget| budget.budget.as_secs_f64()),
                budget_remaining: budget.map(|budget| budget.remaining()),
            }
        });
        ObjectivesReport {
            schema: ObjectivesReport::SCHEMA.to_owned(),
            node: self.at_start.node.name.clone(),
            time: now,
            month: month.to_string(),
            services: services.collect(),
        }
    }
}

/// How long `service` took to recover in each incident in which clients met a failure of it, newest first, in milliseconds.
fn recoveries(log: &IncidentLog, service: &str) -> Vec<(Month, u64)> {
    let took = |incident: &Incident| Some((Month::of(incident.began), incident.recovery_ms(Some(service))?));
    log.incidents().filter_map(took).collect()
}

fn seconds(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64()
}
