//! Somebody who asks all nodes all the time: for the shared names by DNS, and for what they think by the admin API.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use jiff::{SignedDuration, Timestamp};
use waypost::admin::api::Status;

use crate::api::Api;
use crate::cluster::{Cluster, node_name};
use crate::dns::Client;
use crate::history::{Answer, Look, Seen, Span};
use crate::network::{COUNT, NAMES, mail};

/// Between two looks at what a node says of itself.
const LOOK: Duration = Duration::from_millis(100);
/// What a node says of itself after this is taken for nothing.
const LATE: SignedDuration = SignedDuration::from_secs(1);

/// Watches until told to stop.
pub struct Observer {
    ending: Arc<AtomicBool>,
    answers: BTreeMap<String, JoinHandle<Vec<Seen>>>,
    looks: BTreeMap<String, JoinHandle<Vec<Look>>>,
}

/// What was seen, by node.
pub struct Observed {
    pub answers: BTreeMap<String, Vec<Seen>>,
    pub looks: BTreeMap<String, Vec<Look>>,
}

impl Observer {
    /// Asks every node for an answer each `gap`.
    pub fn start(cluster: &Cluster, gap: Duration) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let mut observer = Self { ending, answers: BTreeMap::new(), looks: BTreeMap::new() };
        for site in 0..COUNT {
            let (client, api, name) = (cluster.nodes[site].client(), cluster.api(site), node_name(NAMES[site]));
            let ending = Arc::clone(&observer.ending);
            let seen = thread::spawn(move || watch_answers(client, gap, &ending));
            observer.answers.insert(name.clone(), seen);
            let ending = Arc::clone(&observer.ending);
            observer.looks.insert(name, thread::spawn(move || watch_status(&api, &ending)));
        }
        observer
    }

    /// Ends it.
    pub fn finish(self) -> Observed {
        self.ending.store(true, Ordering::Relaxed);
        Observed {
            answers: self.answers.into_iter().map(|(node, seen)| (node, seen.join().unwrap())).collect(),
            looks: self.looks.into_iter().map(|(node, looks)| (node, looks.join().unwrap())).collect(),
        }
    }
}

fn watch_answers(client: Client, gap: Duration, ending: &AtomicBool) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    while !ending.load(Ordering::Relaxed) {
        let from = Timestamp::now();
        let answer = ask(client);
        let until = Timestamp::now();
        match seen.last_mut() {
            Some(last) if last.answer == answer => last.span.until = until,
            _ => seen.push(Seen { span: Span { from, until }, answer }),
        }
        thread::sleep(gap);
    }
    seen
}

fn watch_status(api: &Api, ending: &AtomicBool) -> Vec<Look> {
    let mut looks: Vec<Look> = Vec::new();
    while !ending.load(Ordering::Relaxed) {
        let from = Timestamp::now();
        let status = api.status();
        let until = Timestamp::now();
        // Of which moment a late answer tells is not known.
        if let Ok(status) = status
            && until.duration_since(from) < LATE
        {
            let look = look(&status, Span { from, until });
            match looks.last_mut() {
                Some(last) if last.goes_on_with(&look) => last.span.until = look.span.until,
                _ => looks.push(look),
            }
        }
        thread::sleep(LOOK);
    }
    looks
}

fn look(status: &Status, span: Span) -> Look {
    let cluster = status.cluster.as_ref().unwrap();
    let sites = status.services.iter().filter(|service| service.name == "mx").flat_map(|service| &service.sites);
    // Each site has one endpoint, and that one monitor: what it says is the node's own opinion.
    let opinions = sites.filter_map(|site| {
        let monitor = site.endpoints.first()?.monitors.first()?;
        Some((site.name.clone(), monitor.state))
    });
    Look {
        span,
        orders: cluster.orders,
        generation: status.generation,
        connection: cluster.connection,
        opinions: opinions.collect(),
    }
}

/// What a node answers for the names that all sites share.
pub fn ask(client: Client) -> Answer {
    let both = client
        .try_ask("example.org.", RecordType::MX, None)
        .and_then(|mx| Ok((mx, client.try_ask("mx.example.org.", RecordType::A, None)?)));
    let (mx, addresses) = match both {
        Ok(both) => both,
        Err(error) if is_silence(&error) => return Answer::Silence,
        Err(error) => return Answer::Empty(error.to_string()),
    };
    for message in [&mx, &addresses] {
        if message.metadata.response_code != ResponseCode::NoError || message.answers.is_empty() {
            return Answer::Empty(format!("{} with {} records", message.metadata.response_code, message.answers.len()));
        }
    }
    Answer::Names { mx: sites(&mx), addresses: sites(&addresses) }
}

/// Nobody there, or nobody who says anything.
fn is_silence(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, TimedOut, WouldBlock};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | TimedOut | WouldBlock)
}

/// The sites that the records of an answer belong to.
fn sites<C: FromIterator<String>>(message: &Message) -> C {
    let host = |site: usize| format!("mx-{}.example.org.", NAMES[site]);
    let belongs = |data: &RData, site: usize| match data {
        RData::MX(mx) => mx.exchange.to_ascii() == host(site),
        data => data.ip_addr() == Some(mail(site).into()),
    };
    let of = |data: &RData| (0..COUNT).find(|site| belongs(data, *site)).map(|site| NAMES[site].to_owned());
    message.answers.iter().filter_map(|record| of(&record.data)).collect()
}
