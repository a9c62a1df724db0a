//! Notifications: what people are told of an event, and what it opens, changes or closes for them.
//!
//! The same event makes the same notification on every node and after every restart, so that a target can tell a second
//! delivery from a second happening.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Connection, DrillOutcome, DrillState, Event, EventKind, Impact, Intent, Lifetime, Scope, Subject};

/// How long before its end an order is told of, at most; a quarter of its time, where that is less.
const AHEAD: Duration = Duration::from_secs(600);

/// The most characters of a title, and of a text.
const TITLE: usize = 200;
const TEXT: usize = 2_000;

/// What a target is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The same for every delivery of it.
    pub id: String,
    /// The same for all that is told of one thing: an incident, an order, a part of a node.
    pub key: String,
    /// What it is about.
    pub subject: Subject,
    /// What it does to that.
    pub phase: Phase,
    /// How much it matters.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// More; may be empty.
    pub text: String,
    /// When it happened.
    pub time: Timestamp,
    /// The node that saw it.
    pub node: String,
    /// Who tells of it.
    pub teller: Teller,
}

/// What a notification does to the thing that its key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins, and someone may have to act until it is over.
    Opens,
    /// There is more to know.
    Updates,
    /// It is over.
    Closes,
    /// It happened, and nothing follows.
    Tells,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::Updates => "updates",
            Self::Closes => "closes",
            Self::Tells => "tells",
        }
    }
}

/// How much a notification matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be looked at in working hours.
    Warning,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// The word for it; PagerDuty and the usual routes of Alertmanager know it too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Who tells of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Teller {
    /// Every node sees it; one of them tells.
    One,
    /// It is about the node itself, which tells.
    Each,
}

/// What is told of `event`; `None` where nothing is.
#[must_use]
pub fn notification(event: &Event) -> Option<Notification> {
    use Phase::{Closes, Opens, Tells, Updates};
    use Severity::{Critical, Info, Warning};
    use Teller::{Each, One};
    let node = &event.node;
    let made = |subject, phase: Phase, severity, teller, key: String, title: String, text: &str| Notification {
        id: format!("{key}@{}.{}", event.time.as_microsecond(), phase.as_str()),
        key,
        subject,
        phase,
        severity,
        title: cut(&title, TITLE),
        text: cut(text, TEXT),
        time: event.time,
        node: node.clone(),
        teller,
    };
    let order = |phase, severity, intent: &Intent, title: String| {
        made(Subject::Order, phase, severity, One, format!("order {}", intent.scope), title, &intent.reason)
    };
    Some(match &event.kind {
        EventKind::IncidentOpened { detail, impact, .. } => {
            let severity = match impact {
                Impact::OutOfService => Info,
                Impact::Spare => Warning,
                Impact::Clients => Critical,
            };
            // A node knows of one incident at a time, under a number of its own.
            made(Subject::Incident, Opens, severity, One, "incident".into(), format!("incident: {detail}"), "")
        }
        EventKind::IncidentClosed { detail, .. } => {
            made(Subject::Incident, Closes, Info, One, "incident".into(), format!("incident over: {detail}"), "")
        }
        EventKind::ObjectiveMissed { objective, service, detail, .. } => {
            let (key, what) = (format!("objective {} {service}", objective.as_str()), objective.as_str());
            made(Subject::Objective, Tells, Warning, One, key, format!("{what} of {service} missed: {detail}"), "")
        }
        EventKind::Ordered { intent } => {
            let (what, by) = (named(intent), &intent.by);
            order(Updates, Info, intent, format!("{what} ordered by {by}, {}", end(intent)))
        }
        EventKind::Scheduled { intent } => {
            order(Updates, Info, intent, format!("{} scheduled by {}, {}", named(intent), intent.by, end(intent)))
        }
        EventKind::Held { intent, rule, why } => {
            let title = format!("{} of {} is held by rule {rule}", named(intent), intent.by);
            Notification { text: cut(why, TEXT), ..order(Updates, Warning, intent, title) }
        }
        EventKind::Lifted { scope, by, reason, .. } => {
            let title = format!("order for {scope} lifted by {by}");
            made(Subject::Order, Closes, Info, One, format!("order {scope}"), title, reason)
        }
        EventKind::Refused { order, by, why } => {
            let key = format!("refused {order}");
            made(Subject::Order, Tells, Warning, One, key, format!("{order} by {by} was refused"), why)
        }
        // Nobody was told that it would end, and that the drill is over is told of the drill.
        EventKind::Expired { intent } if intent.drill.is_some() => return None,
        EventKind::Expired { intent } => {
            let title = format!("{} of {} ended by itself", named(intent), intent.by);
            made(Subject::Expiring, Closes, Info, One, expiring(&intent.scope), title, &intent.reason)
        }
        EventKind::ReloadFailed { detail } => {
            let title = format!("node {node}: configuration or zones have errors; what ran before runs on");
            made(Subject::Lint, Opens, Warning, Each, format!("lint {node}"), title, detail)
        }
        // What opened it is not mended yet.
        EventKind::Reloaded { troubles, .. } if !troubles.is_empty() => return None,
        EventKind::Reloaded { detail, .. } => {
            let title = format!("node {node}: configuration and zones are loaded");
            made(Subject::Lint, Closes, Info, Each, format!("lint {node}"), title, detail)
        }
        EventKind::Degraded { part, detail } => made(
            Subject::Degraded,
            Opens,
            Warning,
            Each,
            degraded(node, part),
            format!("node {node}: {part} is degraded"),
            detail,
        ),
        EventKind::Recovered { part, detail } => made(
            Subject::Degraded,
            Closes,
            Info,
            Each,
            degraded(node, part),
            format!("node {node}: {part} works again"),
            detail,
        ),
        EventKind::ZoneExpired { zone } => {
            let title = format!("node {node}: zone {zone} expired and is answered with SERVFAIL");
            made(Subject::Degraded, Opens, Critical, Each, degraded(node, &format!("zone {zone}")), title, "")
        }
        EventKind::ZoneTransferred { zone, serial, from } => {
            let title = format!("node {node}: zone {zone} has serial {serial} from {from}");
            made(Subject::Degraded, Closes, Info, Each, degraded(node, &format!("zone {zone}")), title, "")
        }
        EventKind::ConnectionChanged { from, to, detail } => {
            let is_back = *to == Connection::Connected;
            let (phase, severity) = if is_back { (Closes, Info) } else { (Opens, Critical) };
            let title = format!("node {node}: {} -> {}", from.as_str(), to.as_str());
            made(Subject::Degraded, phase, severity, Each, degraded(node, "connection"), title, detail)
        }
        EventKind::PeerLost { peer, detail } => {
            let title = format!("node {peer} is not heard of; its votes count no more");
            made(Subject::Degraded, Opens, Critical, One, format!("peer {peer}"), title, detail)
        }
        EventKind::PeerHeard { peer } => {
            made(Subject::Degraded, Closes, Info, One, format!("peer {peer}"), format!("node {peer} is heard of"), "")
        }
        EventKind::DrillAnnounced { schedule, scope, opens, .. } => {
            let title = format!("a drill of {scope} by schedule {schedule} may begin from {} on", moment(*opens));
            made(Subject::Drill, Tells, Info, Each, format!("drill schedule {schedule}"), title, "")
        }
        EventKind::DrillRefused { scope, by, why } => {
            let title = format!("a drill of {scope} by {by} may not begin");
            made(Subject::Drill, Tells, Warning, Each, format!("drill refused {scope}"), title, &why.join("; "))
        }
        EventKind::DrillStarted { drill, scope, by, reason, .. } => {
            let title = format!("a drill of {scope} by {by} began");
            made(Subject::Drill, Opens, Info, Each, format!("drill {drill}"), title, reason)
        }
        EventKind::DrillMoved { drill, scope, state: DrillState::Restoring { outcome, why } } => {
            let severity = if *outcome == DrillOutcome::Succeeded { Info } else { Warning };
            let title = format!("the drill of {scope} puts it back: {}", outcome.as_str());
            made(Subject::Drill, Updates, severity, Each, format!("drill {drill}"), title, why)
        }
        EventKind::DrillEnded { drill } => {
            let (outcome, why) = drill.state.outcome()?;
            let severity = if outcome == DrillOutcome::Succeeded { Info } else { Warning };
            let title = format!("the drill of {} is over: {}", drill.scope, outcome.as_str());
            made(Subject::Drill, Closes, severity, Each, format!("drill {}", drill.id), title, why)
        }
        _ => return None,
    })
}

/// Whether `told` says something, where the thing that its key names was open or not: that all is well is news only to who
/// heard that it was not.
#[must_use]
pub fn is_news(told: &Notification, was_open: bool) -> bool {
    was_open || told.phase != Phase::Closes || !matches!(told.subject, Subject::Lint | Subject::Degraded)
}

/// What is told at `now` of an order that ends soon; the same each time.
#[must_use]
pub fn ends_soon(intent: &Intent, node: &str, now: Timestamp) -> Option<Notification> {
    let Lifetime::Until(end) = intent.lifetime else { return None };
    if intent.drill.is_some() {
        // It is to end, and who gave it again would make a drain of a drill.
        return None;
    }
    let span = |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
    let ahead = AHEAD.min(span(intent.since, end) / 4);
    let left = span(now, end);
    if left.is_zero() || left > ahead {
        return None;
    }
    let key = expiring(&intent.scope);
    Some(Notification {
        id: format!("{key}@{}", end.as_microsecond()),
        key,
        subject: Subject::Expiring,
        phase: Phase::Opens,
        severity: Severity::Warning,
        title: cut(&format!("{} of {} ends at {}", named(intent), intent.by, moment(end)), TITLE),
        text: cut(&format!("reason: {}; give the order again to keep it longer", intent.reason), TEXT),
        time: now,
        node: node.to_owned(),
        teller: Teller::One,
    })
}

/// What is told where a part of `node` was degraded, and no more is known of that.
#[must_use]
pub fn no_longer(open: &Notification, now: Timestamp) -> Notification {
    Notification {
        id: format!("{}@{}.{}", open.key, now.as_microsecond(), Phase::Closes.as_str()),
        phase: Phase::Closes,
        severity: Severity::Info,
        title: cut(&format!("over: {}", open.title), TITLE),
        text: String::new(),
        time: now,
        ..open.clone()
    }
}

/// What is told by hand, to see that it arrives.
#[must_use]
pub fn trial(node: &str, by: &str, now: Timestamp) -> Notification {
    let key = format!("test {node}");
    Notification {
        id: format!("{key}@{}", now.as_microsecond()),
        key,
        subject: Subject::Incident,
        phase: Phase::Tells,
        severity: Severity::Info,
        title: cut(&format!("test of notifications by {by}"), TITLE),
        text: "nothing happened; this target is reached".to_owned(),
        time: now,
        node: node.to_owned(),
        teller: Teller::Each,
    }
}

/// The key of a degraded part of a node.
#[must_use]
pub fn degraded(node: &str, part: &str) -> String {
    format!("degraded {node} {part}")
}

/// The key of an order that ends.
#[must_use]
pub fn expiring(scope: &Scope) -> String {
    format!("expiring {scope}")
}

fn named(intent: &Intent) -> String {
    format!("{} {}", intent.kind.as_str(), intent.scope)
}

fn end(intent: &Intent) -> String {
    match intent.lifetime {
        Lifetime::Until(end) => format!("until {}", moment(end)),
        Lifetime::UntilCleared => "until lifted".to_owned(),
    }
}

fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The first `most` characters of `text`, without what a terminal or a mail header would act upon.
fn cut(text: &str, most: usize) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(most).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{DrillMark, IntentKind, Reach, Share};

    fn event(kind: EventKind) -> Event {
        Event { id: 7, time: "2026-05-01T12:00:00Z".parse().unwrap(), node: "fra-ns1".into(), kind }
    }

    fn opened(impact: Impact) -> EventKind {
        EventKind::IncidentOpened { incident: 3, detail: "mx fra down".into(), impact }
    }

    #[test]
    fn nobody_is_woken_for_what_reaches_no_client() {
        let severity = |impact| notification(&event(opened(impact))).unwrap().severity;
        let told = [Impact::OutOfService, Impact::Spare, Impact::Clients].map(severity);
        assert_eq!(told, [Severity::Info, Severity::Warning, Severity::Critical]);
        let text = r#"{"event":"incident_opened","incident":3,"detail":"mx fra down"}"#;
        assert_eq!(serde_json::from_str::<EventKind>(text).unwrap(), opened(Impact::Clients), "of earlier versions");
    }

    #[test]
    fn all_is_well_only_when_nothing_remains_troubled() {
        let reloaded = |troubles: &[&str]| {
            let troubles = troubles.iter().map(ToString::to_string).collect();
            notification(&event(EventKind::Reloaded { detail: "zone or key files changed".into(), troubles }))
        };
        assert_eq!(reloaded(&["h1.example and 4 more are served as last loaded"]), None);
        assert_eq!(reloaded(&[]).unwrap().phase, Phase::Closes);
    }

    fn drain(lifetime: Lifetime) -> Intent {
        Intent {
            scope: Scope { site: "fra".into(), service: None },
            kind: IntentKind::Drain { share: Share::ALL },
            by: "alice".into(),
            reason: "disks".into(),
            since: "2026-05-01T12:00:00Z".parse().unwrap(),
            lifetime,
            revision: 1,
            forced: false,
            reach: Reach::Everywhere,
            schedule: None,
            drill: None,
        }
    }

    #[test]
    fn what_closes_has_the_key_of_what_opened_on_whichever_node() {
        let opened = event(opened(Impact::Clients));
        let mut closed = event(EventKind::IncidentClosed { incident: 911, detail: "mx fra".into() });
        closed.node = "iad-ns1".into();
        let (opened, closed) = (notification(&opened).unwrap(), notification(&closed).unwrap());
        assert_eq!((opened.phase, closed.phase), (Phase::Opens, Phase::Closes));
        assert_eq!(opened.key, closed.key);
        assert_eq!((opened.teller, closed.teller), (Teller::One, Teller::One));

        let part = |kind| notification(&event(kind)).unwrap();
        let bad = part(EventKind::Degraded { part: "store".into(), detail: "full".into() });
        let good = part(EventKind::Recovered { part: "store".into(), detail: "space".into() });
        assert_eq!((&bad.key, bad.teller), (&good.key, Teller::Each));
        assert_ne!(bad.key, part(EventKind::Degraded { part: "geo".into(), detail: String::new() }).key);
    }

    #[test]
    fn an_order_is_told_of_once_before_its_end() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let intent = drain(Lifetime::Until(at("2026-05-01T16:00:00Z")));
        assert_eq!(ends_soon(&intent, "ns", at("2026-05-01T15:49:59Z")), None);
        let soon = ends_soon(&intent, "ns", at("2026-05-01T15:50:00Z")).unwrap();
        let sooner = ends_soon(&intent, "iad", at("2026-05-01T15:59:00Z")).unwrap();
        assert_eq!(soon.id, sooner.id);
        assert_eq!(ends_soon(&intent, "ns", at("2026-05-01T16:00:00Z")), None);
        assert_eq!(ends_soon(&drain(Lifetime::UntilCleared), "ns", at("2026-05-01T15:59:00Z")), None);
        let expired = notification(&event(EventKind::Expired { intent })).unwrap();
        assert_eq!((expired.key, expired.phase), (soon.key, Phase::Closes));
        let short = drain(Lifetime::Until(at("2026-05-01T12:04:00Z")));
        assert_eq!(ends_soon(&short, "ns", at("2026-05-01T12:02:59Z")), None);
        assert!(ends_soon(&short, "ns", at("2026-05-01T12:03:00Z")).is_some());
    }

    #[test]
    fn the_end_of_a_drill_is_nothing_to_act_upon() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mark = DrillMark { id: "fra-1".into(), runner: "ns".into(), runner_started: None, schedule: None };
        let intent = Intent { drill: Some(mark), ..drain(Lifetime::Until(at("2026-05-01T12:04:00Z"))) };
        assert_eq!(ends_soon(&intent, "ns", at("2026-05-01T12:03:30Z")), None);
        assert_eq!(notification(&event(EventKind::Expired { intent })), None);
    }

    #[test]
    fn what_hostile_servers_say_stays_one_line_of_bounded_length() {
        let detail = format!("x\r\nBcc: everybody@example.org\u{1b}[2J{}", "y".repeat(10_000));
        let made =
            notification(&event(EventKind::IncidentOpened { incident: 1, detail, impact: Impact::Clients })).unwrap();
        assert!(!made.title.chars().any(char::is_control));
        assert_eq!(made.title.chars().count(), TITLE);
    }

    proptest! {
        #[test]
        fn an_event_always_makes_the_same_and_another_time_another(part in "[a-z]{1,9}", detail in ".{0,99}", later in 1_i64..1_000_000) {
            let first = event(EventKind::Degraded { part, detail });
            let mut second = first.clone();
            second.id = 0;
            prop_assert_eq!(notification(&first), notification(&second));
            second.time = Timestamp::from_microsecond(first.time.as_microsecond() + later).unwrap();
            let (first, second) = (notification(&first).unwrap(), notification(&second).unwrap());
            prop_assert_eq!(&first.key, &second.key);
            prop_assert_ne!(&first.id, &second.id);
        }
    }
}
