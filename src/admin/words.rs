//! How moments, spans, states and events are put in words, alike on the page and on the command line.

use std::time::Duration;

use jiff::Timestamp;

use super::incidents;
use super::timetable::listed;
pub use super::words_drill as drills;
use crate::model::{
    Event, EventKind, Intent, IntentKind, Lifetime, Reach, Schedule, Scope, Share, Standing, State, Tier,
};

/// A moment as RFC 3339 in UTC, to the second.
#[must_use]
pub fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A span in its two largest units: `3 h 59 min`, `2 d 4 h`, `45 s`.
#[must_use]
pub fn span(span: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = span.as_secs();
    let mut parts = Vec::new();
    for (seconds, unit) in UNITS {
        let count = rest.checked_div(seconds).unwrap_or_default();
        rest = rest.checked_rem(seconds).unwrap_or_default();
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        }
        // "3 h 0 min 5 s" says no more than "3 h".
        if parts.len() == 2 || (parts.len() == 1 && count == 0) {
            break;
        }
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// The time from `earlier` to `later`; zero if they are the other way round.
#[must_use]
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// `time` as seen from `now`: `in 3 h 59 min`, `5 min 10 s ago`, `now`.
#[must_use]
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    // To the nearest second: what was ordered for four hours a millisecond ago ends "in 4 h".
    let rounded = |span: Duration| Duration::from_secs(span.saturating_add(Duration::from_millis(500)).as_secs());
    let (ahead, behind) = (rounded(between(now, time)), rounded(between(time, now)));
    if ahead.as_secs() > 0 {
        format!("in {}", span(ahead))
    } else if behind.as_secs() > 0 {
        format!("{} ago", span(behind))
    } else {
        "now".to_owned()
    }
}

/// A moment with its distance: `2026-05-01T12:00:00Z (in 3 h 59 min)`.
#[must_use]
pub fn moment_and_distance(time: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", moment(time), relative(time, now))
}

/// The shape of a standing; shapes come before colours.
#[must_use]
pub const fn standing_shape(standing: Standing) -> &'static str {
    match standing {
        Standing::Serving => "●",
        Standing::Deferring => "◐",
        Standing::Drained => "◇",
        Standing::Down => "✕",
        Standing::Isolated => "◆",
    }
}

/// The shape of a state.
#[must_use]
pub const fn state_shape(state: State) -> &'static str {
    match state {
        State::Up => "●",
        State::Deferring => "◐",
        State::Down => "✕",
        State::Unknown => "?",
    }
}

/// Which resort answers come from, in words.
#[must_use]
pub const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Serving => "answers name the sites that serve",
        Tier::Deferring => "answers name deferring sites: nothing better is left",
        Tier::Drained => "answers name drained sites: nothing else is up",
        Tier::Declared => "everything is down: answers name all that is declared and not isolated",
        Tier::Isolated => "nothing is left: answers are the records as declared",
    }
}

/// How long an order stands, in words.
#[must_use]
pub fn lifetime(lifetime: Lifetime, now: Timestamp) -> String {
    match lifetime {
        Lifetime::Until(end) => format!("until {}", moment_and_distance(end, now)),
        Lifetime::UntilCleared => "until lifted".to_owned(),
    }
}

/// What an order orders: `drain fra`, `drain fra/mx 25%`, `drain fra (this node only)`.
#[must_use]
pub fn order(intent: &Intent) -> String {
    let only = reach(intent);
    let drill = intent.drill.as_ref().map_or("", |_| " (drill)");
    match intent.kind {
        IntentKind::Drain { share } if share != Share::ALL => format!("drain {} {share}{only}", intent.scope),
        kind => format!("{} {}{drill}{only}", kind.as_str(), intent.scope),
    }
}

/// ` (this node only)`, of an order that the other nodes do not follow.
#[must_use]
pub const fn reach(intent: &Intent) -> &'static str {
    match intent.reach {
        Reach::Everywhere => "",
        Reach::ThisNode => " (this node only)",
    }
}

/// An order as one of a list: `fra: drain until 2026-05-01T12:00:00Z`, `fra/mx: drain 25% until lifted`.
#[must_use]
pub fn listed_order(intent: &Intent) -> String {
    let share = match intent.kind {
        IntentKind::Drain { share } if share != Share::ALL => format!(" {share}"),
        _ => String::new(),
    };
    format!("{}: {}{share} {}{}", intent.scope, intent.kind.as_str(), end(intent), reach(intent))
}

/// How long an order stands: `until 2026-05-01T12:00:00Z`.
#[must_use]
pub fn end(intent: &Intent) -> String {
    match intent.lifetime {
        Lifetime::Until(end) => format!("until {}", moment(end)),
        Lifetime::UntilCleared => "until lifted".to_owned(),
    }
}

/// What `new` takes the place of: `replaces isolate fra by alice, until lifted: fire; a drain is softer: …`.
#[must_use]
pub fn replaces(old: &Intent, new: &Intent) -> String {
    let softer = match (old.kind, new.kind) {
        (IntentKind::Isolate, IntentKind::Drain { .. }) => {
            "; a drain is softer than an isolate: answers may name it again as a last resort"
        }
        (IntentKind::Isolate | IntentKind::Drain { .. }, IntentKind::Pin) => {
            "; answers name it again, whatever its health"
        }
        (IntentKind::Drain { share: was }, IntentKind::Drain { share }) if share < was => {
            "; fewer clients are moved away"
        }
        _ => "",
    };
    let why = if old.reason.is_empty() { String::new() } else { format!(": {}", old.reason) };
    format!("replaces {} by {}, {}{why}{softer}", order(old), old.by, end(old))
}

/// The command that lifts the order of `scope`.
#[must_use]
pub fn undo(scope: &Scope) -> String {
    match &scope.service {
        Some(service) => format!("waypost undrain {} --service {service}", scope.site),
        None => format!("waypost undrain {}", scope.site),
    }
}

/// ` by steps of 25%,50%,100%`, where an order has steps.
fn by_steps(intent: &Intent) -> String {
    match intent.schedule.as_ref().map(|schedule| schedule.steps.as_slice()) {
        None | Some([]) => String::new(),
        Some(steps) => format!(" by steps of {}", listed(steps)),
    }
}
pub use crate::plan::amount;

/// The word for an event's kind.
#[must_use]
pub const fn event_word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Started { .. } => "started",
        EventKind::Stopped => "stopped",
        EventKind::Verdict { .. } => "verdict",
        EventKind::Plan { .. } => "plan",
        EventKind::Ordered { .. } => "ordered",
        EventKind::Scheduled { .. } => "scheduled",
        EventKind::Began { .. } => "began",
        EventKind::Stepped { .. } => "stepped",
        EventKind::Held { .. } => "held",
        EventKind::Lifted { .. } => "lifted",
        EventKind::Expired { .. } => "expired",
        EventKind::Refused { .. } => "refused",
        EventKind::Reloaded { .. } => "reloaded",
        EventKind::ReloadFailed { .. } => "reload failed",
        EventKind::ZoneUpdated { .. } => "zone updated",
        EventKind::Degraded { .. } => "degraded",
        EventKind::Recovered { .. } => "recovered",
        EventKind::ZoneTransferred { .. } => "transferred",
        EventKind::ZoneExpired { .. } => "zone expired",
        EventKind::NotifyUnanswered { .. } => "notify unanswered",
        EventKind::SharedFile { .. } => "shared file",
        EventKind::Token { .. } => "token",
        EventKind::ConnectionChanged { .. } => "connection",
        EventKind::StoreWentBack { .. } => "store went back",
        EventKind::StoreAccepted { .. } => "store accepted",
        EventKind::PeerLost { .. } => "peer lost",
        EventKind::PeerHeard { .. } => "peer heard",
        EventKind::DrillAnnounced { .. } => "drill announced",
        EventKind::DrillRefused { .. } => "drill refused",
        EventKind::DrillStarted { .. } => "drill started",
        EventKind::DrillMoved { .. } => "drill",
        EventKind::DrillEnded { .. } => "drill ended",
        EventKind::SignIn { outcome, .. } => outcome.as_str(),
        EventKind::Surveyed { .. } => "surveyed",
        EventKind::Acted { .. } => "acted",
        EventKind::IncidentOpened { .. } => "incident",
        EventKind::IncidentClosed { .. } => "incident over",
        EventKind::ObjectiveMissed { .. } => "objective missed",
        EventKind::NotifyFailing { .. } => "notify failing",
        EventKind::NotifyRecovered { .. } => "notify recovered",
        EventKind::HookRan { .. } => "hook",
    }
}

/// What an event says, without its time and kind.
#[must_use]
pub fn event(event: &Event) -> String {
    match &event.kind {
        EventKind::Started { version, generation } => format!("version {version}, generation {generation}"),
        EventKind::Stopped => "in order".to_owned(),
        EventKind::Verdict { service, site, address, from, to, reason, .. } => {
            format!("{service} {site} {address}: {from} -> {to}{}", in_brackets(reason))
        }
        EventKind::Plan { generation, changes, .. } => format!("generation {generation}: {}", changes.join("; ")),
        EventKind::Ordered { intent } => {
            let forced = if intent.forced { ", safety rules overridden" } else { "" };
            format!(
                "{}{} by {}, {}{forced}: {}",
                order(intent),
                by_steps(intent),
                intent.by,
                end(intent),
                intent.reason
            )
        }
        EventKind::Scheduled { intent } => {
            let next = intent.schedule.as_ref().and_then(Schedule::next).unwrap_or(intent.since);
            let forced = if intent.forced { ", safety rules overridden" } else { "" };
            let (what, steps, by) = (order(intent), by_steps(intent), &intent.by);
            format!("{what}{steps} by {by}, begins {}, {}{forced}: {}", moment(next), end(intent), intent.reason)
        }
        EventKind::Began { intent } => {
            format!("{}{} of {}, {}: {}", order(intent), by_steps(intent), intent.by, end(intent), intent.reason)
        }
        EventKind::Stepped { intent, share } => {
            format!("{} of {}: {share} of its clients are moved away: {}", order(intent), intent.by, intent.reason)
        }
        EventKind::Held { intent, rule, why } => {
            let what = if intent.is_waiting() { "does not begin" } else { "stays at its step" };
            format!("{} of {} {what} until rule {rule} allows: {why}", order(intent), intent.by)
        }
        EventKind::Lifted { scope, by, reason, .. } => {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{scope} by {by}{why}")
        }
        EventKind::Expired { intent } => {
            let missed = if intent.is_waiting() { ", which never began" } else { "" };
            format!("{} of {}{missed}: {}", order(intent), intent.by, intent.reason)
        }
        EventKind::Refused { order, by, why } => format!("{order} by {by}: {why}"),
        EventKind::Reloaded { detail, troubles } if !troubles.is_empty() => {
            format!("{detail}; still not well: {}", troubles.join("; "))
        }
        EventKind::Reloaded { detail, .. } | EventKind::ReloadFailed { detail } => detail.clone(),
        EventKind::ZoneUpdated { zone, serial, key, changes } => {
            format!("{zone} serial {serial} by key {key}: {}", changes.join("; "))
        }
        EventKind::Degraded { part, detail } | EventKind::Recovered { part, detail } => format!("{part}: {detail}"),
        EventKind::ZoneTransferred { zone, serial, from } => format!("{zone} serial {serial} from {from}"),
        EventKind::ZoneExpired { zone } => format!(
            "{zone}: no primary was heard of for as long as its SOA allows; it is answered with SERVFAIL until one is"
        ),
        EventKind::NotifyUnanswered { zone, serial, to, detail } => format!("{zone} serial {serial} to {to}: {detail}"),
        EventKind::SharedFile { name, change, version, detail } => {
            let more = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            format!("{name} {} as version {version}{more}", change.as_str())
        }
        EventKind::Token { action, name, by } => format!("{name} {action} by {by}"),
        EventKind::ConnectionChanged { from, to, detail } => {
            format!("{} -> {}{}", from.as_str(), to.as_str(), in_brackets(detail))
        }
        EventKind::StoreWentBack { detail } => {
            format!("{detail}; no orders are taken until an operator decides: waypost store status")
        }
        EventKind::StoreAccepted { by, orders, kept } => {
            let kept = if kept.is_empty() { String::new() } else { format!(": kept {kept}") };
            format!("by {by}, orders {orders} from now on{kept}")
        }
        EventKind::PeerLost { peer, detail } => format!("{peer}: its votes count no more{}", in_brackets(detail)),
        EventKind::PeerHeard { peer } => format!("{peer}: its votes count"),
        EventKind::DrillAnnounced { schedule, scope, opens, last_start } => {
            drills::announced(schedule, scope, *opens, *last_start)
        }
        EventKind::DrillRefused { scope, by, why } => format!("{scope} by {by}: {}", why.join("; ")),
        EventKind::DrillStarted { drill, scope, by, reason, for_seconds } => {
            format!("{drill}: {scope} is out for {} by {by}: {reason}", span(Duration::from_secs(*for_seconds)))
        }
        EventKind::DrillMoved { drill, scope, state } => drills::moved(drill, scope, state),
        EventKind::DrillEnded { drill } => drills::ended(drill),
        EventKind::SignIn { name, means, from, detail, .. } => {
            format!("{name} from {from} by {}{}", means.as_str(), in_brackets(detail))
        }
        EventKind::Surveyed { generation, sites, troubles } => incidents::surveyed(*generation, sites, troubles),
        EventKind::Acted { who, channel, what, why, outcome, before, after } => {
            let changed = match (before.as_str(), after.as_str()) {
                (before, after) if before == after => String::new(),
                // What was made had no before, and what is gone has no after.
                ("", now) => format!(" ({now})"),
                (was, "") => format!(" (was {was})"),
                (was, now) => format!(" ({was} -> {now})"),
            };
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            format!("{what} by {who} from {channel}: {outcome}{changed}{why}")
        }
        EventKind::IncidentOpened { incident, detail, .. } | EventKind::IncidentClosed { incident, detail } => {
            format!("{incident}: {detail}")
        }
        EventKind::ObjectiveMissed { objective, service, incident, detail } => {
            let of = incident.map(|incident| format!(" in incident {incident}")).unwrap_or_default();
            format!("{} of {service}{of}: {detail}", objective.as_str())
        }
        EventKind::NotifyFailing { target, detail } => format!("{target}: {detail}; tried again until it works"),
        EventKind::NotifyRecovered { target } => format!("{target}: notifications arrive"),
        EventKind::HookRan { name, service, site, address, to, outcome, detail } => {
            format!("{name} for {service} {site} {address} {to}: {}{}", outcome.as_str(), in_brackets(detail))
        }
    }
}

/// ` (why)`; nothing where nothing is said.
fn in_brackets(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}

/// What was said by the probe that an event is about, a line each.
pub fn transcript(event: &Event) -> impl Iterator<Item = &str> {
    match &event.kind {
        EventKind::Verdict { transcript: Some(transcript), .. } => transcript.lines(),
        _ => "".lines(),
    }
}

/// `text` with what a terminal would act upon made visible; line breaks too, so that an event stays one line.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let escaped: Box<dyn Iterator<Item = char>> = if character.is_control() || is_direction(character) {
                Box::new(character.escape_unicode())
            } else {
                Box::new(std::iter::once(character))
            };
            escaped
        })
        .collect()
}

/// Characters that reorder the text around them.
const fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Connection, OrdersVersion, Scope};

    #[test]
    fn spans_are_said_in_their_two_largest_units() {
        let say = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(say(0), "0 s");
        assert_eq!(say(45), "45 s");
        assert_eq!(say(61), "1 min 1 s");
        assert_eq!(say(4 * 3600 - 1), "3 h 59 min");
        assert_eq!(say(3605), "1 h");
        assert_eq!(say(2 * 86_400 + 4 * 3600 + 59), "2 d 4 h");
    }

    #[test]
    fn moments_are_seen_from_now() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let at = |text: &str| relative(text.parse().unwrap(), now);
        assert_eq!(at("2026-05-01T16:00:00Z"), "in 4 h");
        assert_eq!(at("2026-05-01T11:59:01.2Z"), "59 s ago");
        assert_eq!(at("2026-05-01T15:59:59.9Z"), "in 4 h");
        assert_eq!(at("2026-05-01T12:00:00.2Z"), "now");
        assert_eq!(moment(now), "2026-05-01T12:00:00Z");
    }

    #[test]
    fn an_order_for_one_node_says_so_wherever_it_is_named() {
        let mut intent = Intent {
            scope: Scope { site: "fra".into(), service: Some("mx".into()) },
            kind: IntentKind::Drain { share: "25%".parse().unwrap() },
            by: "alice".into(),
            reason: "disks".into(),
            since: Timestamp::UNIX_EPOCH,
            lifetime: Lifetime::UntilCleared,
            revision: 1,
            forced: false,
            reach: Reach::Everywhere,
            schedule: None,
            drill: None,
        };
        assert_eq!(order(&intent), "drain fra/mx 25%");
        assert_eq!(listed_order(&intent), "fra/mx: drain 25% until lifted");
        intent.reach = Reach::ThisNode;
        assert_eq!(order(&intent), "drain fra/mx 25% (this node only)");
        assert_eq!(listed_order(&intent), "fra/mx: drain 25% until lifted (this node only)");
        let said = said(EventKind::Ordered { intent });
        assert_eq!(said, "ordered: drain fra/mx 25% (this node only) by alice, until lifted: disks");
    }

    #[test]
    fn events_of_a_cluster_say_what_counts_from_now_on() {
        let (connected, alone) = (Connection::Connected, Connection::Alone);
        let back = EventKind::ConnectionChanged { from: alone, to: connected, detail: String::new() };
        assert_eq!(said(back), "connection: alone -> connected");
        let lost = EventKind::ConnectionChanged { from: connected, to: alone, detail: "etcd-1: timed out".into() };
        assert_eq!(said(lost), "connection: connected -> alone (etcd-1: timed out)");
        let lost = EventKind::PeerLost { peer: "nrt-ns1".into(), detail: "not heard of for 11 s".into() };
        assert_eq!(said(lost), "peer lost: nrt-ns1: its votes count no more (not heard of for 11 s)");
        assert_eq!(said(EventKind::PeerHeard { peer: "nrt-ns1".into() }), "peer heard: nrt-ns1: its votes count");
        let accepted = EventKind::StoreAccepted {
            by: "root".into(),
            orders: OrdersVersion { epoch: 4, revision: 3 },
            kept: "what the store holds".into(),
        };
        assert_eq!(said(accepted), "store accepted: by root, orders 4.3 from now on: kept what the store holds");
        let back = said(EventKind::StoreWentBack { detail: "it holds 3.2 and fra-ns1 knows 3.17".into() });
        assert!(back.ends_with("until an operator decides: waypost store status"), "{back}");
    }

    fn said(kind: EventKind) -> String {
        let word = event_word(&kind);
        let text = event(&Event { id: 1, time: Timestamp::UNIX_EPOCH, node: "ns1".into(), kind });
        format!("{word}: {text}")
    }

    #[test]
    fn nothing_said_controls_a_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\nc\u{202e}"), "a\\u{1b}[31mb\\u{a}c\\u{202e}");
        assert_eq!(plain("löschen ● ok"), "löschen ● ok");
    }
}
