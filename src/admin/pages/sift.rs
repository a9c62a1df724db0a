//! Sifting the journal: which events are about a site, a service or a kind of thing.

use jiff::Timestamp;

use super::may_read;
use crate::admin::bounds::{EVENTS_LONGEST, TIMELINE_LOOKED};
use crate::admin::router::Shared;
use crate::admin::{Caller, Problem};
use crate::model::{Event, EventKind, Scope};

/// A kind of thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Verdicts,
    Plans,
    Orders,
    Files,
    Nodes,
    Rest,
}

impl Subject {
    /// All of them, as the form offers them.
    pub(super) const ALL: [Self; 6] = [Self::Verdicts, Self::Plans, Self::Orders, Self::Files, Self::Nodes, Self::Rest];

    /// Its word in addresses.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Verdicts => "verdicts",
            Self::Plans => "plans",
            Self::Orders => "orders",
            Self::Files => "files",
            Self::Nodes => "nodes",
            Self::Rest => "rest",
        }
    }

    /// What it is called.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Verdicts => "verdicts on endpoints",
            Self::Plans => "plans",
            Self::Orders => "orders",
            Self::Files => "configuration and zones",
            Self::Nodes => "nodes and their store",
            Self::Rest => "the node itself, tokens",
        }
    }

    const fn of(kind: &EventKind) -> Self {
        match kind {
            EventKind::Verdict { .. } => Self::Verdicts,
            EventKind::Plan { .. } => Self::Plans,
            EventKind::Ordered { .. }
            | EventKind::Scheduled { .. }
            | EventKind::Began { .. }
            | EventKind::Stepped { .. }
            | EventKind::Held { .. }
            | EventKind::Lifted { .. }
            | EventKind::Expired { .. }
            | EventKind::Refused { .. } => Self::Orders,
            EventKind::Reloaded { .. }
            | EventKind::ReloadFailed { .. }
            | EventKind::ZoneUpdated { .. }
            | EventKind::ZoneTransferred { .. }
            | EventKind::ZoneExpired { .. }
            | EventKind::NotifyUnanswered { .. }
            | EventKind::SharedFile { .. } => Self::Files,
            EventKind::ConnectionChanged { .. }
            | EventKind::StoreWentBack { .. }
            | EventKind::StoreAccepted { .. }
            | EventKind::PeerLost { .. }
            | EventKind::PeerHeard { .. } => Self::Nodes,
            _ => Self::Rest,
        }
    }
}

/// What is looked for; what is `None` is not asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sieve {
    pub(super) site: Option<String>,
    pub(super) service: Option<String>,
    pub(super) subject: Option<Subject>,
    pub(super) since: Option<Timestamp>,
}

impl Sieve {
    /// Whether the event is looked for.
    pub(super) fn takes(&self, event: &Event) -> bool {
        let subject = self.subject.is_none_or(|subject| subject == Subject::of(&event.kind));
        let since = self.since.is_none_or(|since| event.time >= since);
        subject && since && about(&event.kind, self.site.as_deref(), self.service.as_deref())
    }
}

/// Events that were found, the newest first.
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    /// Where to go on: before this id; `None` where the journal was read to its begin, or to the time asked for.
    pub(super) older: Option<u64>,
}

/// The newest events before `before` that `sieve` takes and `caller` may read, at most `rows` of them. Reads a bounded part of
/// the journal: what is rare is found in steps.
pub(super) async fn sifted(
    shared: &Shared,
    sieve: &Sieve,
    caller: Option<&Caller>,
    (before, rows): (u64, usize),
) -> Result<Found, Problem> {
    let mut found = Found { events: Vec::new(), older: None };
    let lowest = before.saturating_sub(TIMELINE_LOOKED).max(1);
    let mut upper = before;
    // As many as fill the page where nearly all are taken, and one that says whether there are more.
    let mut step = rows.saturating_add(1).min(EVENTS_LONGEST);
    while upper > lowest {
        let after = upper.saturating_sub(1).saturating_sub(step as u64);
        let mut part = shared.control.events(after, step).await?;
        step = step.saturating_mul(4).min(EVENTS_LONGEST);
        part.retain(|event| event.id < upper);
        let is_over = part.first().is_none_or(|oldest| sieve.since.is_some_and(|since| oldest.time < since));
        for event in part.into_iter().rev().filter(|event| sieve.takes(event) && may_read(caller, event)) {
            if found.events.len() >= rows {
                // The last one shown begins the next page.
                found.older = found.events.last().map(|last| last.id);
                return Ok(found);
            }
            found.events.push(event);
        }
        if is_over || after == 0 {
            return Ok(found);
        }
        upper = after.saturating_add(1);
    }
    found.older = (upper > 1).then_some(upper);
    Ok(found)
}

/// Whether an event is about `site` and `service`, as far as they are asked about. An order for a whole site is about each of
/// its services.
fn about(kind: &EventKind, site: Option<&str>, service: Option<&str>) -> bool {
    let is = |asked: Option<&str>, named: &str| asked.is_none_or(|asked| asked == named);
    let scope =
        |scope: &Scope| is(site, &scope.site) && scope.service.as_deref().is_none_or(|named| is(service, named));
    match kind {
        _ if site.is_none() && service.is_none() => true,
        EventKind::Verdict { service: of, site: at, .. } => is(site, at) && is(service, of),
        EventKind::Plan { changes, .. } => changes.iter().any(|change| {
            // `mx: fra serving -> down (connection refused)`
            change.split_once(": ").is_some_and(|(of, rest)| {
                is(service, of) && site.is_none_or(|site| rest.split(' ').next() == Some(site))
            })
        }),
        EventKind::Ordered { intent }
        | EventKind::Scheduled { intent }
        | EventKind::Began { intent }
        | EventKind::Stepped { intent, .. }
        | EventKind::Held { intent, .. }
        | EventKind::Expired { intent } => scope(&intent.scope),
        EventKind::Lifted { scope: of, .. } => scope(of),
        EventKind::Refused { order, .. } => {
            // `isolate fra`, `drain fra/mx 25%`
            order.split(' ').nth(1).is_some_and(|named| match named.split_once('/') {
                Some((at, of)) => is(site, at) && is(service, of),
                None => is(site, named),
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Generation, State};

    fn event(kind: EventKind) -> Event {
        Event { id: 1, time: Timestamp::from_second(100).unwrap(), node: "ns1".into(), kind }
    }

    fn sieve(site: Option<&str>, service: Option<&str>) -> Sieve {
        Sieve { site: site.map(Into::into), service: service.map(Into::into), ..Sieve::default() }
    }

    #[test]
    fn events_are_found_by_site_and_service() {
        let verdict = event(EventKind::Verdict {
            service: "mx".into(),
            site: "fra".into(),
            address: "192.0.2.1".parse().unwrap(),
            from: State::Up,
            to: State::Down,
            reason: String::new(),
            transcript: None,
            first_failed: None,
        });
        let changes = vec!["imap: iad serving -> down".into(), "mx: fra serving -> down (refused)".into()];
        let plan = event(EventKind::Plan { generation: Generation::default(), changes, sites: vec![] });
        let lifted = |service: Option<&str>| {
            let scope = Scope { site: "fra".into(), service: service.map(Into::into) };
            event(EventKind::Lifted { scope, by: String::new(), reason: String::new(), revision: 1 })
        };
        let refused =
            event(EventKind::Refused { order: "drain fra/mx 25%".into(), by: String::new(), why: String::new() });
        for found in [&verdict, &plan, &lifted(None), &lifted(Some("mx")), &refused] {
            assert!(sieve(Some("fra"), Some("mx")).takes(found), "{found:?}");
            assert!(sieve(None, None).takes(found));
            assert!(!sieve(Some("nrt"), None).takes(found), "{found:?}");
            assert!(!sieve(Some("fra"), Some("pop3")).takes(found) || *found == lifted(None), "{found:?}");
        }
        assert!(!sieve(Some("iad"), Some("mx")).takes(&plan), "one change speaks of iad and another of mx");
        assert!(!sieve(Some("fra"), None).takes(&event(EventKind::Stopped)));
    }

    #[test]
    fn events_are_found_by_subject_and_time() {
        let stopped = event(EventKind::Stopped);
        let of = |subject| Sieve { subject: Some(subject), ..Sieve::default() };
        let found: Vec<Subject> = Subject::ALL.into_iter().filter(|subject| of(*subject).takes(&stopped)).collect();
        assert_eq!(found, [Subject::Rest]);
        let since = |second| Sieve { since: Timestamp::from_second(second).ok(), ..Sieve::default() };
        assert!(since(100).takes(&stopped) && !since(101).takes(&stopped));
    }
}
