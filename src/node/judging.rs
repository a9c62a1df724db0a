//! Judging: the monitors' opinions to an agreed state of every endpoint, remembered across restarts.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::info;

use super::engine::{Engine, Message, with_remedy};
use super::peers::keep_agreed;
use crate::health::{self, Council, Failing, Judgement, Seclusion, Voter};
use crate::model::{
    Endpoint, EndpointHealth, EndpointKey, EventKind, HealthMode, Monitor, MonitorIx, MonitorPart, Mono, State,
    Topology, Verdict,
};
use crate::probe::Opinion;
use crate::store::StoreError;

/// The last word of one monitor on one endpoint.
#[derive(Clone, Debug)]
pub(super) struct MonitorView {
    /// Its verdict.
    pub(super) verdict: Verdict,
    /// What it tells other nodes.
    pub(super) vote: State,
    /// Whether evidence against the endpoint is gathering.
    pub(super) suspect: bool,
    /// What was said by the probe that decided, until the journal has it.
    pub(super) transcript: Option<String>,
    /// Since when its probes fail; of a trouble that was judged, since when they had by then.
    pub(super) failing_since: Option<Timestamp>,
}

/// The monitors of an endpoint, each with its part in the endpoint's health.
fn monitors_of<'a>(topology: &'a Topology, endpoint: &Endpoint) -> impl Iterator<Item = (&'a Monitor, MonitorPart)> {
    let service = topology.service(endpoint.service);
    service.into_iter().flat_map(|service| {
        let known = service.monitors.iter().filter_map(|ix| Some((topology.monitor(*ix)?, *ix)));
        known.map(|(monitor, ix)| (monitor, service.health.part_of(ix)))
    })
}

/// How the monitors of an endpoint are combined.
fn mode_of(topology: &Topology, endpoint: &Endpoint) -> HealthMode {
    topology.service(endpoint.service).map_or(HealthMode::All, |service| service.health.mode)
}

impl Engine {
    /// Takes a monitor's opinion into account.
    pub(super) fn hear(&mut self, opinion: Opinion) {
        let Opinion { key, monitor, verdict, vote, suspect, transcript, failing_since, .. } = opinion;
        let key = (key, monitor);
        let before = self.opinions.get(&key);
        self.unsaved |= before.is_none_or(|view| view.verdict != verdict);
        let from = before.map_or(State::Unknown, |view| view.verdict.state);
        // What others make of an endpoint is journalled; of a monitor that is never counted, this line is all that is written.
        if from != verdict.state && self.is_only_shown(&key.0.service, &key.1) {
            let (service, address, monitor) = (&key.0.service, key.0.address, &key.1);
            let Verdict { state: to, reason, .. } = &verdict;
            info!(%service, %address, %monitor, %from, %to, ?reason, "a monitor that is only shown changed");
        }
        // Suspicions come to nothing or to a later opinion.
        let is_ill = matches!(verdict.state, State::Deferring | State::Down);
        let transcript = transcript.filter(|_| is_ill);
        // Told once with the verdict; others may agree on it later, or another monitor be the one that tips it.
        let known = before.filter(|view| is_ill && view.verdict.state == verdict.state);
        let failing_since = failing_since.or(known.and_then(|view| view.failing_since));
        self.opinions.insert(key, MonitorView { verdict, vote, suspect, transcript, failing_since });
    }

    /// Whether `monitor` is probed for `service` and never counted.
    fn is_only_shown(&self, service: &str, monitor: &str) -> bool {
        let topology = &self.picture.topology;
        let service = topology.service_named(service).and_then(|ix| topology.service(ix));
        let named = |ix: &&MonitorIx| topology.monitor(**ix).is_some_and(|declared| declared.name == monitor);
        service.is_some_and(|service| service.health.monitor_only.iter().any(|ix| named(&ix)))
    }

    /// Drops what is remembered of endpoints and monitors that are no longer declared.
    pub(super) fn forget_strangers(&mut self) {
        let topology = &self.picture.topology;
        let mut declared = HashSet::new();
        let mut watched = HashSet::new();
        for endpoint in &topology.endpoints {
            let key = topology.key(endpoint);
            let monitors = topology.service(endpoint.service).map_or(&[][..], |service| &service.monitors);
            let names = monitors.iter().filter_map(|ix| topology.monitor(*ix)).map(|monitor| monitor.name.clone());
            watched.extend(names.map(|monitor| (key.clone(), monitor)));
            declared.insert(key);
        }
        self.opinions.retain(|key, _| watched.contains(key));
        self.agreed.retain(|key, _| declared.contains(key));
        self.unsaved = true;
    }

    /// Convenes the council over the topology in force, with what was agreed before; at a start that is what the store kept.
    pub(super) fn convene(&mut self) {
        let topology = Arc::clone(&self.picture.topology);
        let agreed = topology.endpoints().map(|(_, endpoint)| {
            let key = topology.key(endpoint);
            let known = self.agreed.get(&key).map(|verdict| verdict.state);
            known.unwrap_or_else(|| self.own_opinion(&topology, endpoint, &key).state)
        });
        let node = &self.identity;
        let this = Voter {
            name: node.name.clone(),
            standing_in: node.site.as_deref().and_then(|site| topology.site_named(site)),
            failure_domain: node.failure_domain.clone(),
        };
        let mut council = Council::new(&topology, this, agreed.collect());
        council.succeed(&self.council);
        self.council = council;
        self.take_seats();
    }

    /// Agrees on every endpoint anew and records what changed.
    pub(super) fn judge(&mut self) {
        let topology = Arc::clone(&self.picture.topology);
        let restoring = self.agreed.is_empty();
        let own = topology.endpoints().map(|(_, endpoint)| {
            let key = topology.key(endpoint);
            (self.own_opinion(&topology, endpoint, &key), key)
        });
        let own: Vec<(EndpointHealth, EndpointKey)> = own.collect();
        self.votes = self.cast(&topology, &own);
        self.council.heed(&topology, &self.picture.plan);
        let now = self.parts.clock.mono();
        self.council.agree(&self.votes, self.peers.contact(now), now);
        let agreed = self.council.agreed().to_vec();
        let mut all = Vec::with_capacity(topology.endpoints.len());
        for (((own, key), state), endpoint) in own.into_iter().zip(agreed).zip(&topology.endpoints) {
            let before = self.agreed.get(&key);
            let entered = before.map(|verdict| verdict.since);
            let previous = before.map_or(State::Unknown, |verdict| verdict.state);
            let since = before.filter(|verdict| verdict.state == state).map_or(own.since, |verdict| verdict.since);
            let reason = if state == own.state { own.reason.clone() } else { self.outvoted(own.state) };
            // A first good verdict is no news, nor is one that was known before the start.
            if state != previous && !(previous == State::Unknown && state == State::Up) && !restoring {
                let transcript = self.take_transcript(&topology, endpoint, &key, (previous, state));
                // What failed before the state that it had until now has not led from that to this one.
                let first_failed = self.first_failed(&topology, endpoint, &key, (previous, state));
                let first_failed = first_failed.map(|first| entered.map_or(first, |entered| first.max(entered)));
                self.parts.journal.record(EventKind::Verdict {
                    service: key.service.clone(),
                    site: topology.site_name(endpoint.site).to_owned(),
                    address: endpoint.address,
                    from: previous,
                    to: state,
                    reason: reason.clone(),
                    transcript,
                    first_failed,
                });
            }
            // A start without the store begins with it.
            self.unsaved |= state != previous && self.peers.is_shared();
            self.agreed.insert(key, Verdict { state, reason: reason.clone(), since });
            all.push(EndpointHealth { state, since, reason, ..own });
        }
        self.picture.health = all.into();
    }

    /// Most sites seem to fail at once: that is looked at for a moment longer, and everyone may know.
    pub(super) fn tell_doubt(&mut self) {
        if self.council.is_in_doubt() {
            let detail = "most sites seem to fail at once; this node may be at fault, and withdraws nothing more until it has \
                          lasted for 5 s; if it comes again, check this node's own network";
            self.degrade("network", detail.to_owned());
        } else {
            self.recover("network", "the sites were judged");
        }
    }

    /// What was said by the probe that brought an endpoint from one state to a worse one, under the first monitor that sees it
    /// in that state.
    fn take_transcript(
        &mut self,
        topology: &Topology,
        endpoint: &Endpoint,
        key: &EndpointKey,
        (from, to): (State, State),
    ) -> Option<String> {
        if health::severity(to) <= health::severity(from) {
            return None;
        }
        let monitors = topology.service(endpoint.service).map_or(&[][..], |service| &service.monitors);
        monitors.iter().filter_map(|ix| topology.monitor(*ix)).find_map(|monitor| {
            let view = self.opinions.get_mut(&(key.clone(), monitor.name.clone()))?;
            if view.verdict.state == to { view.transcript.take() } else { None }
        })
    }

    /// When the first probe failed of those that brought an endpoint from one state to a worse one, as far as this node's own
    /// monitors saw it.
    fn first_failed(
        &self,
        topology: &Topology,
        endpoint: &Endpoint,
        key: &EndpointKey,
        (from, to): (State, State),
    ) -> Option<Timestamp> {
        if health::severity(to) <= health::severity(from) {
            return None;
        }
        let unjudged = self.unjudged();
        let since = |monitor: &str| {
            let view = self.opinions.get(&(key.clone(), monitor.to_owned()));
            view.and_then(|view| view.failing_since)
        };
        let judgements = self.judgements(topology, endpoint, key, &unjudged);
        let failing: Vec<Failing<'_>> =
            judgements.into_iter().map(|judgement| (judgement, since(judgement.monitor))).collect();
        health::tipped(&failing, mode_of(topology, endpoint), to)
    }

    /// What this node votes, parallel to the endpoints. Alone it goes by what it thinks; others are told only what it has seen
    /// since it started.
    fn cast(&self, topology: &Topology, own: &[(EndpointHealth, EndpointKey)]) -> Vec<State> {
        let confirmed = |(endpoint, (own, key)): (&Endpoint, &(EndpointHealth, EndpointKey))| {
            let mut counted = monitors_of(topology, endpoint).filter(|(_, part)| *part != MonitorPart::MonitorOnly);
            let is_seen = |(monitor, _): (&Monitor, MonitorPart)| {
                self.opinions.get(&(key.clone(), monitor.name.clone())).is_some_and(|view| view.vote != State::Unknown)
            };
            if !self.peers.is_shared() || counted.all(is_seen) { own.state } else { State::Unknown }
        };
        topology.endpoints.iter().zip(own).map(confirmed).collect()
    }

    /// Why an endpoint is held for something else than this node thinks.
    fn outvoted(&self, own: State) -> String {
        match self.council.seclusion() {
            Seclusion::CutOff => format!("as agreed before this node was cut off; it sees {own}"),
            _ if self.peers.is_shared() => format!("by the votes of the other nodes; this node sees {own}"),
            _ => format!("not yet believed; this node sees {own}"),
        }
    }

    /// What this node's monitors together think of an endpoint.
    fn own_opinion(&self, topology: &Topology, endpoint: &Endpoint, key: &EndpointKey) -> EndpointHealth {
        let unjudged = self.unjudged();
        let judgements = self.judgements(topology, endpoint, key, &unjudged);
        let uncounted = if judgements.is_empty() { "no monitor" } else { "no monitor that counts" };
        let previous = self.agreed.get(key).map_or(State::Unknown, |verdict| verdict.state);
        health::combine_after(previous, &judgements, mode_of(topology, endpoint)).unwrap_or_else(|| EndpointHealth {
            state: State::Up,
            suspect: false,
            reason: uncounted.to_owned(),
            since: unjudged.since,
        })
    }

    /// What stands for a monitor that has not judged.
    fn unjudged(&self) -> Verdict {
        Verdict { state: State::Unknown, reason: "not probed yet".to_owned(), since: self.parts.clock.wall() }
    }

    /// What each monitor of an endpoint thinks of it, `unjudged` where it has not judged.
    fn judgements<'a>(
        &'a self,
        topology: &'a Topology,
        endpoint: &Endpoint,
        key: &EndpointKey,
        unjudged: &'a Verdict,
    ) -> Vec<Judgement<'a>> {
        let judged = |(monitor, part): (&'a Monitor, MonitorPart)| {
            let view = self.opinions.get(&(key.clone(), monitor.name.clone()));
            Judgement {
                monitor: &monitor.name,
                part,
                verdict: view.map_or(unjudged, |view| &view.verdict),
                suspect: view.is_some_and(|view| view.suspect),
            }
        };
        monitors_of(topology, endpoint).map(judged).collect()
    }

    pub(super) fn save_verdicts(&mut self, now: Mono) {
        (self.unsaved, self.saving, self.last_save) = (false, true, now);
        let (write, mailbox) = (self.write_verdicts(), self.parts.mailbox.clone());
        tokio::spawn(async move {
            let result = write.await;
            let _ = mailbox.send(Message::Saved(result)).await;
        });
    }

    /// Writes all verdicts, off the event loop.
    pub(super) fn write_verdicts(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let own = |((key, monitor), view): (&(EndpointKey, String), &MonitorView)| {
            (key.clone(), monitor.clone(), view.verdict.clone())
        };
        let verdicts: Vec<_> = self.opinions.iter().map(own).collect();
        let store = Arc::clone(&self.parts.store);
        let agreed: Vec<(EndpointKey, Verdict)> = match self.peers.is_shared() {
            true => self.agreed.iter().map(|(key, verdict)| (key.clone(), verdict.clone())).collect(),
            false => Vec::new(),
        };
        async move {
            let io =
                |error: tokio::task::JoinError| StoreError::Io { file: "verdicts".into(), detail: error.to_string() };
            tokio::task::spawn_blocking(move || {
                if !agreed.is_empty() {
                    keep_agreed(&*store, &agreed);
                }
                store.save_verdicts(&verdicts)
            })
            .await
            .map_err(io)?
        }
    }

    pub(super) fn saved(&mut self, result: Result<(), StoreError>) {
        self.saving = false;
        match result {
            Ok(()) => self.recover("store", "writes go through again"),
            Err(error) => {
                self.unsaved = true;
                self.degrade("store", with_remedy(&error));
            }
        }
    }
}
