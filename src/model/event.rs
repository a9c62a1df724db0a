//! Events: what the journal records of every verdict, plan and operator change.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Connection, Drill, DrillState, Generation, HookOutcome, Intent, Means, OrdersVersion, Scope, Share, SignIn,
    SiteOutcome, State, Trouble,
};

/// One entry of the append-only journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Position in the journal, from 1 without gaps; 0 before it was appended.
    #[serde(default)]
    pub id: u64,
    /// When, by the wall clock.
    pub time: Timestamp,
    /// The node that saw it.
    pub node: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl EventKind {
    /// Whether it tells of people and what they may do, rather than of the node and what it answers: who signs in and from where,
    /// who tried what, whose tokens there are.
    #[must_use]
    pub const fn is_of_people(&self) -> bool {
        matches!(self, Self::SignIn { .. } | Self::Acted { .. } | Self::Token { .. })
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    /// The node started.
    Started {
        /// Program version.
        version: String,
        /// Its first generation.
        generation: Generation,
    },
    /// The node stopped in order.
    Stopped,
    /// An endpoint changed state.
    Verdict {
        /// Service name.
        service: String,
        /// Site name.
        site: String,
        /// The endpoint's address.
        #[schema(value_type = String)]
        address: IpAddr,
        /// Before.
        from: State,
        /// After.
        to: State,
        /// Why.
        reason: String,
        /// What was said by the probe that decided, where the state got worse: a line each, `> ` by the probe, `< ` by
        /// the endpoint, `* ` what happened. Bounded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcript: Option<String>,
        /// When the first of the probes had failed that led to it, where this node's own did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_failed: Option<Timestamp>,
    },
    /// A plan replaced another.
    Plan {
        /// Its generation.
        generation: Generation,
        /// What it changed, one phrase a (service, site): `mx: fra serving -> down (connection refused)`.
        changes: Vec<String>,
        /// The same for programs: what those sites do from then on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sites: Vec<SiteOutcome>,
    },
    /// An operator's order was accepted.
    Ordered {
        /// The order as stored.
        intent: Intent,
    },
    /// An operator's order was accepted that takes effect later.
    Scheduled {
        /// The order as stored.
        intent: Intent,
    },
    /// An order that was accepted earlier took effect.
    Began {
        /// The order as stored.
        intent: Intent,
    },
    /// The next step of a drain took effect.
    Stepped {
        /// The order as stored.
        intent: Intent,
        /// The part of the site's clients that is moved away from now on.
        share: Share,
    },
    /// A safety rule holds what is due of an order; it takes effect as soon as the rule allows.
    Held {
        /// The order.
        intent: Intent,
        /// The rule's name.
        rule: String,
        /// The rule, its numbers and the remedy.
        why: String,
    },
    /// An operator lifted an order.
    Lifted {
        /// Which.
        scope: Scope,
        /// Who.
        by: String,
        /// Why, where said.
        reason: String,
        /// The store revision of the change.
        revision: u64,
    },
    /// An order ended by itself.
    Expired {
        /// The order that ended.
        intent: Intent,
    },
    /// An order was refused by a safety rule.
    Refused {
        /// What was ordered: `isolate fra`.
        order: String,
        /// By whom.
        by: String,
        /// The rule, its numbers and the remedy.
        why: String,
    },
    /// Configuration or zones were loaded.
    Reloaded {
        /// What changed.
        detail: String,
    },
    /// A reload was refused; what ran before runs on.
    ReloadFailed {
        /// The diagnostics.
        detail: String,
    },
    /// An update changed a zone (RFC 2136).
    ZoneUpdated {
        /// Its apex.
        zone: String,
        /// The serial that it is served with from now on, before signing adds to it.
        serial: u32,
        /// The key that signed the update.
        key: String,
        /// What changed, one phrase a record: `added _acme-challenge.mx.example.org. 60 TXT "..."`.
        changes: Vec<String>,
    },
    /// Something works less well than it should.
    Degraded {
        /// Which part: `store`, `geo`, `clock`, `listener`.
        part: String,
        /// What and what to do.
        detail: String,
    },
    /// A degraded part works again.
    Recovered {
        /// Which part.
        part: String,
        /// How.
        detail: String,
    },
    /// A primary gave a version of a zone.
    ZoneTransferred {
        /// The zone.
        zone: String,
        /// Its serial.
        serial: u32,
        /// The primary.
        from: String,
    },
    /// No primary of a zone was heard of for as long as its SOA allows; it is answered with SERVFAIL.
    ZoneExpired {
        /// The zone.
        zone: String,
    },
    /// A secondary was told of a version and did not answer as it should.
    NotifyUnanswered {
        /// The zone.
        zone: String,
        /// The serial.
        serial: u32,
        /// The secondary.
        to: String,
        /// What came instead.
        detail: String,
    },
    /// A file of secrets came from the store that the nodes share, or went there. It never holds the text.
    SharedFile {
        /// Its logical name: `cookies`, `dnssec/example.org`.
        name: String,
        /// What became of it.
        change: FileChange,
        /// The version that file and store have from now on.
        version: u64,
        /// More: who published it, what was kept of the file that was here.
        detail: String,
    },
    /// A token was made or revoked.
    Token {
        /// What was done: `created`, `revoked`.
        action: String,
        /// The token's name.
        name: String,
        /// By whom.
        by: String,
    },
    /// The node came to be connected with the others in another way: an island began, grew or ended.
    ConnectionChanged {
        /// Before.
        from: Connection,
        /// After.
        to: Connection,
        /// Why, and what decides from now on; empty where the states say it all.
        #[serde(default)]
        detail: String,
    },
    /// The store that the nodes share holds orders from before those that this node knows, or others in their place.
    StoreWentBack {
        /// What this node knows and what was found.
        detail: String,
    },
    /// An operator accepted a store that went back.
    StoreAccepted {
        /// Who.
        by: String,
        /// The orders that stand from then on.
        orders: OrdersVersion,
        /// What was kept: `what the store holds`, `what fra-ns1 knew`.
        #[serde(default)]
        kept: String,
    },
    /// Another node was not heard of for so long that its votes count no more.
    PeerLost {
        /// Its name.
        peer: String,
        /// For how long, and what it said last.
        #[serde(default)]
        detail: String,
    },
    /// Another node was heard of, for the first time or again.
    PeerHeard {
        /// Its name.
        peer: String,
    },
    /// Somebody signed in to the dashboard or out, or was refused.
    SignIn {
        /// What became of it.
        outcome: SignIn,
        /// Who; of a refused one: who it was meant to be, where there is such a user.
        name: String,
        /// With what.
        means: Means,
        /// Where from: an address, or the Unix socket.
        from: String,
        /// Why, of what was refused or ended. Never what was presented.
        #[serde(default)]
        detail: String,
    },
    /// Other sites, services or endpoints are declared than before, as at a start: how all of them stand.
    Surveyed {
        /// The plan's generation.
        generation: Generation,
        /// Every site of every service.
        sites: Vec<SiteOutcome>,
        /// The endpoints that are not well.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        troubles: Vec<Trouble>,
    },
    /// Somebody did something through the admin API, or tried to.
    Acted {
        /// Who: system user, token or person.
        who: String,
        /// From where: `socket (uid 0)`, an address.
        channel: String,
        /// What: `drain fra`, `reload`, `create token ci`.
        what: String,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
        /// What came of it: `accepted`, `unchanged`, or why it was not done.
        outcome: String,
        /// What stood before.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        before: String,
        /// What stands from then on.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        after: String,
    },
    /// An incident began.
    IncidentOpened {
        /// The id of the event that began it.
        incident: u64,
        /// What failed first, in one phrase.
        detail: String,
    },
    /// All that an incident touched serves again, and has for a while.
    IncidentClosed {
        /// The id of the event that began it.
        incident: u64,
        /// What it touched and how long it took, in one phrase.
        detail: String,
    },
    /// A service did not recover within its objective, or what it may be out of service in a month is used up.
    ObjectiveMissed {
        /// Which objective.
        objective: ObjectiveKind,
        /// The service.
        service: String,
        /// The incident, of a recovery that took too long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<u64>,
        /// What was promised and what came of it.
        detail: String,
    },
    /// The time for which a schedule may begin a drill is near.
    DrillAnnounced {
        /// The schedule.
        schedule: String,
        /// What would be taken out.
        scope: Scope,
        /// From when on.
        opens: Timestamp,
        /// The last moment at which it would begin.
        last_start: Timestamp,
    },
    /// A drill was asked for and may not begin.
    DrillRefused {
        /// What was to be taken out.
        scope: Scope,
        /// Who asked.
        by: String,
        /// What stands in the way, each with what to do.
        why: Vec<String>,
    },
    /// A drill began: its order stands.
    DrillStarted {
        /// Its id.
        drill: String,
        /// What it takes out.
        scope: Scope,
        /// Who asked.
        by: String,
        /// Why.
        reason: String,
        /// For how long, in seconds.
        for_seconds: u64,
    },
    /// A drill came further.
    DrillMoved {
        /// Its id.
        drill: String,
        /// What it takes out.
        scope: Scope,
        /// How far it is from now on.
        state: DrillState,
    },
    /// A drill is over, with all that was measured.
    DrillEnded {
        /// The drill.
        drill: Box<Drill>,
    },
    /// Notifications do not reach a target.
    NotifyFailing {
        /// The target's name.
        target: String,
        /// Why.
        detail: String,
    },
    /// Notifications reach a target again.
    NotifyRecovered {
        /// The target's name.
        target: String,
    },
    /// A hook ran for an endpoint that changed state, or was to run.
    HookRan {
        /// The hook's name.
        name: String,
        /// Service name.
        service: String,
        /// Site name.
        site: String,
        /// The endpoint's address.
        #[schema(value_type = String)]
        address: IpAddr,
        /// The state that the endpoint came to.
        to: State,
        /// What came of it.
        outcome: HookOutcome,
        /// The beginning of what it said, or why it did not run.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
}

/// What can be promised of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectiveKind {
    /// How fast it recovers.
    Rto,
    /// How much of the month it is there.
    Availability,
}

impl ObjectiveKind {
    /// The word that operators see, as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rto => "rto",
            Self::Availability => "availability",
        }
    }
}

/// What became of a file that nodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// What lies here was published to the others.
    Published,
    /// That it was deleted here was published to the others.
    Withdrawn,
    /// What another node published lies here now.
    TakenOver,
    /// It was deleted here, as it was elsewhere.
    Removed,
}

impl FileChange {
    /// The words that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Withdrawn => "withdrawn",
            Self::TakenOver => "taken over",
            Self::Removed => "removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_without_transcript_are_read_and_written_as_ever() {
        let text = r#"{"id":7,"time":"2026-05-01T12:00:00Z","node":"ns1","event":"verdict","service":"mx","site":"fra","address":"192.0.2.1","from":"up","to":"down","reason":"refused"}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert!(matches!(event.kind, EventKind::Verdict { transcript: None, .. }));
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
    }

    #[test]
    fn no_field_of_an_event_hides_its_position() {
        let scope = Scope { site: "fra".into(), service: None };
        let (drill, by, reason) = ("fra-1".to_owned(), "alice".to_owned(), "monthly".to_owned());
        for kind in [
            EventKind::DrillStarted { drill: drill.clone(), scope: scope.clone(), by, reason, for_seconds: 900 },
            EventKind::DrillMoved { drill, scope, state: DrillState::Drained },
        ] {
            let event = Event { id: 7, time: Timestamp::UNIX_EPOCH, node: "ns1".into(), kind };
            let text = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
        }
    }

    #[test]
    fn events_of_a_cluster_have_names_that_last_and_need_no_words() {
        let kind = |text: &str| serde_json::from_str::<EventKind>(text).unwrap();
        assert_eq!(
            kind(r#"{"event":"connection_changed","from":"connected","to":"cut_off","field_of_later":1}"#),
            EventKind::ConnectionChanged { from: Connection::Connected, to: Connection::CutOff, detail: String::new() }
        );
        assert_eq!(
            kind(r#"{"event":"store_accepted","by":"root","orders":{"epoch":4,"revision":3}}"#),
            EventKind::StoreAccepted {
                by: "root".into(),
                orders: OrdersVersion { epoch: 4, revision: 3 },
                kept: String::new()
            }
        );
        assert_eq!(
            kind(r#"{"event":"peer_lost","peer":"iad-ns1"}"#),
            EventKind::PeerLost { peer: "iad-ns1".into(), detail: String::new() }
        );
        for kind in [
            EventKind::StoreWentBack { detail: "3.2 after 3.17".into() },
            EventKind::PeerHeard { peer: "iad-ns1".into() },
        ] {
            assert_eq!(serde_json::from_str::<EventKind>(&serde_json::to_string(&kind).unwrap()).unwrap(), kind);
        }
    }
}
