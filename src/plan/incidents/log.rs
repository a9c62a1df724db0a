//! The log of incidents: takes the events of a journal in order and groups what fails together.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bounds::{INCIDENTS_KEPT, QUIET};
use super::budget::{Month, Spent};
use super::incident::{Affected, EndpointTrouble, Incident, IncidentPhase, Measured, OrderAction, OrderGiven, between};
use super::notices::Told;
use crate::model::{
    Event, EventKind, Generation, Impact, Intent, Naming, ObjectiveKind, SiteOutcome, Standing, State, Trouble,
};

/// What is known of incidents after the events that were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentLog {
    /// The id of the last event that was taken.
    pub(super) as_of: u64,
    /// What sites do, by service and site.
    pub(super) sites: BTreeMap<String, BTreeMap<String, SiteOutcome>>,
    /// What is not well, by service and address.
    troubles: BTreeMap<String, BTreeMap<IpAddr, Trouble>>,
    /// The incident that is not over.
    pub(super) current: Option<Incident>,
    /// Those that are, oldest first.
    pub(super) closed: VecDeque<Incident>,
    /// Services that are out, and since when.
    pub(super) out: BTreeMap<String, Timestamp>,
    /// When something of a service failed last.
    pub(super) failures: BTreeMap<String, Timestamp>,
    /// How long services were out.
    pub(super) spent: Spent,
    /// The start of the node that the last plan is of.
    #[serde(default)]
    pub(super) epoch: u64,
    /// When that process was last known to run.
    #[serde(default)]
    pub(super) ran: Option<Timestamp>,
    /// What the journal tells already.
    pub(super) told: VecDeque<Told>,
}

/// An event that is being taken.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    id: u64,
    pub(super) time: Timestamp,
    node: &'a str,
}

/// A verdict on an endpoint.
struct Judged<'a> {
    service: &'a str,
    site: &'a str,
    address: IpAddr,
    state: State,
    reason: &'a str,
    first_failed: Option<Timestamp>,
}

impl IncidentLog {
    /// The id of the last event that was taken; 0 before the first.
    #[must_use]
    pub const fn as_of(&self) -> u64 {
        self.as_of
    }

    /// The incidents, newest first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.current.iter().chain(self.closed.iter().rev())
    }

    /// The incident called `id`.
    #[must_use]
    pub fn incident(&self, id: u64) -> Option<&Incident> {
        self.incidents().find(|incident| incident.id == id)
    }

    /// The incident that is not over.
    #[must_use]
    pub const fn current(&self) -> Option<&Incident> {
        self.current.as_ref()
    }

    /// Begins anew behind event `id`, before which nothing is known any more.
    pub fn skip_to(&mut self, id: u64) {
        self.as_of = self.as_of.max(id);
    }

    /// Takes the next event of the journal; one that was taken already changes nothing.
    pub fn take(&mut self, event: &Event) {
        if event.id <= self.as_of {
            return;
        }
        self.as_of = event.id;
        self.pass(event.time);
        let moment = Moment { id: event.id, time: event.time, node: &event.node };
        match &event.kind {
            EventKind::Verdict { service, site, address, to, reason, first_failed, .. } => {
                let first_failed = *first_failed;
                self.judged(moment, &Judged { service, site, address: *address, state: *to, reason, first_failed });
            }
            EventKind::Plan { generation, sites, .. } => self.planned(moment, *generation, sites),
            EventKind::Surveyed { generation, sites, troubles } => self.surveyed(moment, *generation, sites, troubles),
            EventKind::Ordered { intent } | EventKind::Scheduled { intent } => {
                self.ordered(moment, OrderAction::Ordered, intent);
            }
            EventKind::Began { intent } => self.ordered(moment, OrderAction::Began, intent),
            EventKind::Expired { intent } => self.ordered(moment, OrderAction::Expired, intent),
            EventKind::Lifted { scope, by, reason, .. } => {
                self.note_order(moment, OrderAction::Lifted, scope.to_string(), by, reason);
            }
            EventKind::Refused { order, by, why } => {
                self.note_order(moment, OrderAction::Refused, order.clone(), by, why);
            }
            EventKind::Stopped => self.all_in(moment.time),
            EventKind::IncidentOpened { incident, impact, .. } => {
                self.note_told(Told::Opened(*incident));
                self.note_told(Told::Reached(*incident, *impact));
            }
            EventKind::IncidentClosed { incident, .. } => self.note_told(Told::Closed(*incident)),
            EventKind::ObjectiveMissed { objective: ObjectiveKind::Rto, service, incident, .. } => {
                self.note_told(Told::Rto(incident.unwrap_or_default(), service.clone()));
            }
            EventKind::ObjectiveMissed { objective: ObjectiveKind::Availability, service, .. } => {
                self.note_told(Told::Availability(Month::of(moment.time).to_string(), service.clone()));
            }
            _ => {}
        }
    }

    /// Lets time pass until `now`: an incident is over when all of it has served for long enough.
    pub fn pass(&mut self, now: Timestamp) {
        let is_over = |incident: &mut Incident| incident.ended.is_some_and(|ended| between(ended, now) >= QUIET);
        if let Some(mut incident) = self.current.take_if(is_over) {
            incident.phase = IncidentPhase::Closed;
            self.closed.push_back(incident);
            while self.closed.len() > INCIDENTS_KEPT {
                self.closed.pop_front();
            }
        }
    }

    fn judged(&mut self, moment: Moment<'_>, judged: &Judged<'_>) {
        let Judged { service, site, address, state, .. } = *judged;
        if !matches!(state, State::Deferring | State::Down) {
            self.well(service, address, moment);
            self.look(moment);
            return;
        }
        let trouble = Trouble { service: service.to_owned(), site: site.to_owned(), address, state };
        self.troubles.entry(service.to_owned()).or_default().insert(address, trouble);
        let failed = judged.first_failed.map_or(moment.time, |first| first.min(moment.time));
        if state == State::Down {
            self.failures.insert(service.to_owned(), failed);
        }
        let known = self.outcome(service, site);
        let (before, impact) =
            (known.map_or(Naming::Named, |outcome| outcome.named), known.map_or(Impact::Clients, SiteOutcome::impact));
        let is_all = known.is_some_and(|known| self.is_all_down(known));
        let Some(place) = self.touch(moment, failed, (service, site), impact) else { return };
        if let Some(first) = judged.first_failed {
            place.first_failed = Some(place.first_failed.map_or(first, |known| known.min(first)));
        }
        let what = match state {
            // No plan will say so of what an order holds out of service.
            State::Down if is_all && impact == Impact::OutOfService => Standing::Down,
            State::Down => Standing::Serving,
            _ => Standing::Deferring,
        };
        place.worst = worse(place.worst, what);
        place.note_endpoint(EndpointTrouble {
            address,
            worst: state,
            reason: judged.reason.to_owned(),
            first_failed: judged.first_failed,
            verdict: moment.time,
            before,
            withdrawn: None,
            drained_by: None,
            recovered: None,
        });
        place.measure();
    }

    /// An endpoint is well again.
    fn well(&mut self, service: &str, address: IpAddr, moment: Moment<'_>) {
        let Some(known) = self.troubles.get_mut(service) else { return };
        let was = known.remove(&address);
        if known.is_empty() {
            self.troubles.remove(service);
        }
        let (Some(was), Some(incident)) = (was, &mut self.current) else { return };
        incident.last_event = moment.id;
        let places = incident.affected.iter_mut();
        for place in places.filter(|place| place.service == service && place.site == was.site) {
            for trouble in place.endpoints.iter_mut().filter(|trouble| trouble.address == address) {
                trouble.recovered.get_or_insert(moment.time);
            }
            place.measure();
        }
    }

    fn planned(&mut self, moment: Moment<'_>, generation: Generation, sites: &[SiteOutcome]) {
        self.began_anew(moment, generation);
        for outcome in sites {
            let services = self.sites.entry(outcome.service.clone()).or_default();
            let before = services.insert(outcome.site.clone(), outcome.clone());
            self.followed(moment, before.as_ref(), outcome);
        }
        if let Some(incident) = &mut self.current {
            incident.last_event = moment.id;
            incident.first_generation.get_or_insert(generation);
            incident.last_generation = Some(generation);
        }
        self.count_out(moment.time);
        self.look(moment);
    }

    /// A site does from now on what `outcome` says.
    fn followed(&mut self, moment: Moment<'_>, before: Option<&SiteOutcome>, outcome: &SiteOutcome) {
        let place = (outcome.service.as_str(), outcome.site.as_str());
        let is_ill = matches!(outcome.standing, Standing::Down | Standing::Deferring);
        let is_news = before.is_none_or(|before| before.standing != outcome.standing);
        if is_ill && is_news && !self.is_touched(place) {
            // By a service that it requires, or before the journal tells of it.
            let impact = before.map_or(Impact::Clients, SiteOutcome::impact);
            self.touch(moment, moment.time, place, impact);
        }
        let lost = before.is_none_or(|before| {
            outcome.usable < before.usable || (outcome.named, before.named) == (Naming::LeftOut, Naming::Named)
        });
        let Some(affected) = self.known(place) else { return };
        if is_ill {
            affected.worst = worse(affected.worst, outcome.standing);
        }
        if affected.recovered.is_none() {
            // An order that is lifted puts back into service what has failed meanwhile.
            let now = match (outcome.standing, outcome.named) {
                (Standing::Down | Standing::Deferring, Naming::Named) => Impact::Clients,
                (Standing::Drained | Standing::Isolated, _) => Impact::OutOfService,
                _ => Impact::Spare,
            };
            affected.impact = affected.impact.max(now);
        }
        if lost && (outcome.named == Naming::LeftOut || (outcome.is_in_service() && outcome.usable < outcome.addresses))
        {
            affected.note_withdrawal(moment.time, outcome.drained_by);
        }
    }

    fn surveyed(&mut self, moment: Moment<'_>, generation: Generation, sites: &[SiteOutcome], troubles: &[Trouble]) {
        self.began_anew(moment, generation);
        let mut known = std::mem::take(&mut self.sites);
        for outcome in sites {
            let services = self.sites.entry(outcome.service.clone()).or_default();
            services.insert(outcome.site.clone(), outcome.clone());
        }
        let gone: Vec<(String, IpAddr)> = (self.troubles.iter())
            .flat_map(|(service, known)| known.keys().map(|address| (service.clone(), *address)))
            .filter(|(service, address)| {
                !troubles.iter().any(|trouble| trouble.service == *service && trouble.address == *address)
            })
            .collect();
        for (service, address) in gone {
            self.well(&service, address, moment);
        }
        for trouble in troubles {
            let Trouble { service, site, address, state } = trouble;
            let is_known = self.troubles.get(service).is_some_and(|known| known.contains_key(address));
            if !is_known {
                let (address, state) = (*address, *state);
                let reason = "so when the journal began to tell of it";
                self.judged(moment, &Judged { service, site, address, state, reason, first_failed: None });
            }
        }
        for outcome in sites {
            let before = known.get_mut(&outcome.service).and_then(|sites| sites.remove(&outcome.site));
            self.followed(moment, before.as_ref(), outcome);
        }
        if let Some(incident) = &mut self.current {
            incident.last_event = moment.id;
            incident.last_generation = Some(generation);
        }
        self.failures.retain(|service, _| self.sites.contains_key(service));
        self.count_out(moment.time);
        self.look(moment);
    }

    /// The place in the present incident, which is opened where there is none, of something that has just `failed`.
    fn touch(
        &mut self,
        moment: Moment<'_>,
        failed: Timestamp,
        (service, site): (&str, &str),
        impact: Impact,
    ) -> Option<&mut Affected> {
        let incident = self.current.get_or_insert_with(|| Incident {
            id: moment.id,
            node: moment.node.to_owned(),
            phase: IncidentPhase::Open,
            began: failed,
            ended: None,
            last_event: moment.id,
            first_generation: None,
            last_generation: None,
            affected: Vec::new(),
            affected_more: 0,
            orders: Vec::new(),
            orders_more: 0,
        });
        incident.phase = IncidentPhase::Open;
        incident.ended = None;
        incident.last_event = moment.id;
        incident.began = incident.began.min(failed);
        let new = || Affected {
            service: service.to_owned(),
            site: site.to_owned(),
            worst: Standing::Serving,
            impact,
            endpoints: Vec::new(),
            endpoints_more: 0,
            first_failed: None,
            verdict: moment.time,
            withdrawn: None,
            drained_by: None,
            recovered: None,
            back: None,
            relapses: 0,
            measured: Measured::default(),
        };
        let place = incident.affected(service, site, new)?;
        if place.recovered.is_some() {
            *place = Affected {
                endpoints: std::mem::take(&mut place.endpoints),
                endpoints_more: place.endpoints_more,
                worst: place.worst,
                relapses: place.relapses.saturating_add(1),
                measured: place.measured,
                impact: place.impact,
                ..new()
            };
        }
        place.impact = place.impact.max(impact);
        Some(place)
    }

    /// Looks whether what the present incident touched is well and serves again.
    fn look(&mut self, moment: Moment<'_>) {
        let Some(mut incident) = self.current.take() else { return };
        let mut is_over = incident.affected_more == 0 || self.troubles.is_empty();
        for place in &mut incident.affected {
            let is_ill = self.is_ill(&place.service, &place.site);
            let standing = self.outcome(&place.service, &place.site).map(|outcome| outcome.standing);
            if !is_ill {
                place.recovered.get_or_insert(moment.time);
            }
            match standing {
                Some(Standing::Serving) if !is_ill => {
                    place.back.get_or_insert(moment.time);
                }
                // Taken out by an order, or declared no more.
                None | Some(Standing::Drained | Standing::Isolated) if !is_ill => {}
                _ => is_over = false,
            }
        }
        if is_over && incident.ended.is_none() {
            incident.ended = Some(moment.time);
            incident.phase = IncidentPhase::Recovering;
        }
        self.current = Some(incident);
    }

    fn is_ill(&self, service: &str, site: &str) -> bool {
        self.troubles.get(service).is_some_and(|known| known.values().any(|trouble| trouble.site == site))
    }

    fn is_touched(&mut self, place: (&str, &str)) -> bool {
        self.known(place).is_some_and(|place| place.recovered.is_none())
    }

    fn known(&mut self, (service, site): (&str, &str)) -> Option<&mut Affected> {
        let places = self.current.as_mut()?.affected.iter_mut();
        places.into_iter().find(|place| place.service == service && place.site == site)
    }

    fn outcome(&self, service: &str, site: &str) -> Option<&SiteOutcome> {
        self.sites.get(service)?.get(site)
    }

    /// Whether no address of a site works.
    fn is_all_down(&self, site: &SiteOutcome) -> bool {
        let troubles = self.troubles.get(&site.service).into_iter().flat_map(BTreeMap::values);
        let down = troubles.filter(|trouble| trouble.site == site.site && trouble.state == State::Down).count();
        down >= site.addresses
    }

    fn ordered(&mut self, moment: Moment<'_>, action: OrderAction, intent: &Intent) {
        let what = format!("{} {}", intent.kind.as_str(), intent.scope);
        self.note_order(moment, action, what, &intent.by, &intent.reason);
    }

    fn note_order(&mut self, moment: Moment<'_>, action: OrderAction, what: String, by: &str, reason: &str) {
        let Some(incident) = &mut self.current else { return };
        incident.last_event = moment.id;
        let (by, reason) = (by.to_owned(), reason.to_owned());
        incident.note_order(OrderGiven { event: moment.id, time: moment.time, action, what, by, reason });
    }
}

/// The worse of what a site did.
fn worse(one: Standing, other: Standing) -> Standing {
    let weight = |standing| match standing {
        Standing::Serving => 0,
        Standing::Drained => 1,
        Standing::Deferring => 2,
        Standing::Isolated => 3,
        Standing::Down => 4,
    };
    if weight(other) > weight(one) { other } else { one }
}
