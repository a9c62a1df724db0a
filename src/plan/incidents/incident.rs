//! The incident: what failed together, with its times.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::{AFFECTED_MOST, ENDPOINTS_MOST, ORDERS_MOST};
use crate::model::{Generation, Impact, Naming, Standing, State};

/// What failed together, as one node's journal tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// The id of the event that began it; it stays, whatever restarts.
    pub id: u64,
    /// The node whose journal tells of it. Other nodes have their own.
    pub node: String,
    /// How far it is.
    pub phase: IncidentPhase,
    /// When the first probe failed, or else the first verdict.
    pub began: Timestamp,
    /// Since when all that it touched serves again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The id of the last event that belongs to it.
    pub last_event: u64,
    /// The first plan that it brought about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_generation: Option<Generation>,
    /// The last plan that it brought about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_generation: Option<Generation>,
    /// What it touched, in order of first trouble.
    pub affected: Vec<Affected>,
    /// How many sites of services it touched beyond those.
    #[serde(default)]
    pub affected_more: usize,
    /// What operators ordered and lifted meanwhile, and what ended or took effect.
    #[serde(default)]
    pub orders: Vec<OrderGiven>,
    /// How many orders beyond those.
    #[serde(default)]
    pub orders_more: usize,
}

/// How far an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentPhase {
    /// Something that it touched does not serve.
    Open,
    /// All of it serves, but not for long enough to be over.
    Recovering,
    /// It is over.
    Closed,
}

impl IncidentPhase {
    /// The word that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Recovering => "recovering",
            Self::Closed => "closed",
        }
    }
}

/// A site of a service that an incident touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Affected {
    /// Service name.
    pub service: String,
    /// Site name.
    pub site: String,
    /// The worst that it did.
    pub worst: Standing,
    /// Whom that can have reached.
    #[serde(default)]
    pub impact: Impact,
    /// Its endpoints that were not well; empty where it went with a service that it requires.
    pub endpoints: Vec<EndpointTrouble>,
    /// How many endpoints beyond those.
    #[serde(default)]
    pub endpoints_more: usize,
    /// When the first probe failed, where this node's own did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failed: Option<Timestamp>,
    /// When that was judged.
    pub verdict: Timestamp,
    /// When this node's answers left out what failed; `None` where they never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
    /// When no well-behaved cache named it any more; `None` where no answer of this node had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained_by: Option<Timestamp>,
    /// Since when all its endpoints are well again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Timestamp>,
    /// Since when it does again all that it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Timestamp>,
    /// How often it failed again after it had recovered; the times above are of the last failure.
    #[serde(default)]
    pub relapses: u32,
    /// How long it all took; of several failures the longest.
    pub measured: Measured,
}

/// How long a failure took, in milliseconds; `None` where that is not known yet, or does not apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Measured {
    /// From the first failed probe to the verdict.
    pub detection_ms: Option<u64>,
    /// From the first failed probe until this node's answers left out what failed.
    pub withdrawal_ms: Option<u64>,
    /// From the first failed probe until no well-behaved cache named what failed, or until it was back: the recovery time that
    /// is held against the objective. Only of what was down while answers named it.
    pub recovery_ms: Option<u64>,
}

/// An endpoint that was not well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointTrouble {
    /// Its address.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// The worst state that it was in.
    pub worst: State,
    /// Why, as first judged.
    pub reason: String,
    /// When its first probe failed, where this node's own did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failed: Option<Timestamp>,
    /// When it was judged.
    pub verdict: Timestamp,
    /// Whether answers named its site then.
    pub before: Naming,
    /// When this node's answers left it out; `None` where they did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
    /// When no well-behaved cache named it any more; `None` where no answer of this node had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained_by: Option<Timestamp>,
    /// When it was well again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Timestamp>,
}

impl EndpointTrouble {
    /// When it failed: the first failed probe, or else the verdict.
    #[must_use]
    pub fn failed(&self) -> Timestamp {
        self.first_failed.map_or(self.verdict, |first| first.min(self.verdict))
    }

    /// Whether clients met it: answers named it, and it did not work.
    #[must_use]
    pub fn was_met(&self) -> bool {
        self.before == Naming::Named && self.worst == State::Down
    }

    /// Whether it is not well yet.
    #[must_use]
    pub const fn is_standing(&self) -> bool {
        self.recovered.is_none()
    }

    /// When clients were done with it: caches had let go of it, or it was well again; `None` while neither is known.
    #[must_use]
    pub fn over(&self) -> Option<Timestamp> {
        let left = self.withdrawn.map(|withdrawn| self.drained_by.map_or(withdrawn, |by| by.max(withdrawn)));
        match (left, self.recovered) {
            (Some(left), Some(recovered)) => Some(left.min(recovered)),
            (left, recovered) => left.or(recovered),
        }
    }
}

/// Something that an operator did, or that came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderGiven {
    /// The event that tells of it.
    pub event: u64,
    /// When.
    pub time: Timestamp,
    /// `ordered`, `lifted`, `began`, `expired`, `refused`.
    pub action: OrderAction,
    /// What: `drain fra`.
    pub what: String,
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderAction {
    /// It was given.
    Ordered,
    /// It took effect.
    Began,
    /// It was lifted.
    Lifted,
    /// It ended by itself.
    Expired,
    /// A safety rule refused it.
    Refused,
}

impl OrderAction {
    /// The word that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Began => "began",
            Self::Lifted => "lifted",
            Self::Expired => "expired",
            Self::Refused => "refused",
        }
    }
}

impl Incident {
    /// How long it took until all served again, or has taken until `now`.
    #[must_use]
    pub fn duration(&self, now: Timestamp) -> Duration {
        between(self.began, self.ended.unwrap_or(now))
    }

    /// Whom it can have reached so far.
    #[must_use]
    pub fn impact(&self) -> Impact {
        let known = self.affected.iter().map(|place| place.impact).max().unwrap_or_default();
        if self.affected_more > 0 { Impact::Clients } else { known }
    }

    /// What failed first of what reaches most, in one phrase: `mx: fra down (connection refused), and 2 more`.
    #[must_use]
    pub fn title(&self) -> String {
        let impact = self.affected.iter().map(|place| place.impact).max().unwrap_or_default();
        let first = self.affected.iter().find(|place| place.impact == impact);
        let Some(first) = first else { return "nothing".to_owned() };
        let why = first.endpoints.first().map(|trouble| format!(" ({})", trouble.reason)).unwrap_or_default();
        let rest = self.affected.len().saturating_sub(1).saturating_add(self.affected_more);
        let more = if rest == 0 { String::new() } else { format!(", and {rest} more") };
        // Of several endpoints some may have gone on serving.
        let (dead, what) = (first.endpoints.iter().filter(|trouble| trouble.worst == State::Down).count(), first.worst);
        let what = match what {
            Standing::Serving if dead > 0 => format!("without {dead} of its addresses"),
            what => what.as_str().to_owned(),
        };
        let ordered = if impact == Impact::OutOfService { " (out of service)" } else { "" };
        format!("{}: {}{ordered} {what}{why}{more}", first.service, first.site)
    }

    /// Whether caches may still name at `now` what it took out, so that how long clients took to move is only expected.
    #[must_use]
    pub fn is_expected(&self, now: Timestamp) -> bool {
        self.affected.iter().any(|place| place.is_expected(now))
    }

    /// The longest recovery of `service`, in milliseconds; of all services without one.
    #[must_use]
    pub fn recovery_ms(&self, service: Option<&str>) -> Option<u64> {
        let counted = self.affected.iter().filter(|place| service.is_none_or(|service| place.service == service));
        counted.filter_map(|place| place.measured.recovery_ms).max()
    }

    /// What it touched of `service` at `site`; begun where there is room for it.
    pub(super) fn affected(
        &mut self,
        service: &str,
        site: &str,
        new: impl FnOnce() -> Affected,
    ) -> Option<&mut Affected> {
        let known = self.affected.iter().position(|place| place.service == service && place.site == site);
        let position = match known {
            Some(position) => position,
            None if self.affected.len() >= AFFECTED_MOST => {
                self.affected_more = self.affected_more.saturating_add(1);
                return None;
            }
            None => {
                self.affected.push(new());
                self.affected.len().saturating_sub(1)
            }
        };
        self.affected.get_mut(position)
    }

    pub(super) fn note_order(&mut self, order: OrderGiven) {
        if self.orders.len() >= ORDERS_MOST {
            self.orders_more = self.orders_more.saturating_add(1);
        } else {
            self.orders.push(order);
        }
    }
}

impl Affected {
    /// Whether caches may still name the site at `now`, so that how long clients took to move is only expected.
    #[must_use]
    pub fn is_expected(&self, now: Timestamp) -> bool {
        self.drained_by.is_some_and(|by| by > now)
    }

    /// Puts what is known of the present failures into what was measured.
    pub(super) fn measure(&mut self) {
        let longest = |known: Option<u64>, from: Timestamp, end: Option<Timestamp>| {
            known.max(end.map(|end| millis(between(from, end))))
        };
        let mut measured = self.measured;
        for trouble in self.endpoints.iter().filter(|trouble| trouble.was_met()) {
            let failed = trouble.failed();
            let judged = trouble.first_failed.map(|_| trouble.verdict);
            measured.detection_ms = longest(measured.detection_ms, failed, judged);
            measured.withdrawal_ms = longest(measured.withdrawal_ms, failed, trouble.withdrawn);
            measured.recovery_ms = longest(measured.recovery_ms, failed, trouble.over());
        }
        self.measured = measured;
    }

    /// Notes that `time` is when answers left out what has failed, which caches hold until `drained_by`.
    pub(super) fn note_withdrawal(&mut self, time: Timestamp, drained_by: Option<Timestamp>) {
        self.withdrawn.get_or_insert(time);
        self.drained_by = self.drained_by.max(drained_by);
        for trouble in self.endpoints.iter_mut().filter(|trouble| trouble.is_standing() && trouble.worst == State::Down)
        {
            if trouble.withdrawn.is_none() {
                trouble.withdrawn = Some(time);
                trouble.drained_by = drained_by;
            }
        }
        self.measure();
    }

    pub(super) fn note_endpoint(&mut self, trouble: EndpointTrouble) {
        let is_full = self.endpoints.len() >= ENDPOINTS_MOST;
        match self.endpoints.iter_mut().find(|known| known.address == trouble.address) {
            // What defers is no failure that clients meet; its times begin when it is down.
            Some(known) if known.recovered.is_some() || known.worst != State::Down => *known = trouble,
            Some(_) => {}
            None if is_full => self.endpoints_more = self.endpoints_more.saturating_add(1),
            None => self.endpoints.push(trouble),
        }
    }
}

/// The time from `earlier` to `later`; zero if they are the other way round, as after a step of the clock.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
