//! Sifting the journal: which events are about a site, a service or a kind of thing.

use jiff::Timestamp;

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
