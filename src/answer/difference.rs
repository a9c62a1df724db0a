//! What of the answers differs between two tables: for each steered RRset by kind of client, for all others as declared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use hickory_proto::rr::RecordType;

use super::explain::{rdata_text, type_text};
use super::{Client, Part, Question, Tables};
use crate::model::{Name, ServiceIx};
use crate::zone::{RrSet, Zone};

/// RRsets of one side that are compared; a node may have millions of them.
const COMPARED: usize = 50_000;
/// Differences that are told; the others are counted.
const TOLD: usize = 500;
/// Answers of weights and partial drains hang on a draw below 1000: these are looked at.
const DRAWS: [u16; 4] = [0, 333, 666, 999];

/// What of the answers differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// RRsets that were compared, for every kind of client as one.
    pub compared: usize,
    /// RRsets that were not, because there are too many.
    pub left_out: usize,
    /// What differs, in the order of names; the first few hundred.
    pub changes: Vec<AnswerChange>,
    /// Those beyond them.
    pub more: usize,
}

/// One answer that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerChange {
    /// The name asked for.
    pub name: String,
    /// The type asked for.
    pub rtype: String,
    /// Who asks; `None` where all clients are answered alike.
    pub client: Option<ClientKind>,
    /// `TTL DATA` of each record, as in a zone file; none where the name has nothing of the type.
    pub before: Vec<String>,
    /// The same afterwards.
    pub after: Vec<String>,
}

/// Clients that see the same before, and the same afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKind {
    /// One of them.
    pub example: IpAddr,
    /// Its country, where known.
    pub country: Option<String>,
    /// The sites in its order before, best first.
    pub before: Vec<String>,
    /// The same afterwards.
    pub after: Vec<String>,
}

type Key = (Vec<u8>, u16);

/// An RRset of either side.
struct Side<'t> {
    name: Name,
    zone: &'t Zone,
    set: &'t RrSet,
}

/// Compares all answers of `before` with those of `after`.
#[must_use]
pub fn difference(before: &Tables, after: &Tables) -> Difference {
    let (old, old_left) = sets(before);
    let (new, new_left) = sets(after);
    let mut found = Difference { left_out: old_left.max(new_left), ..Difference::default() };
    let mut kinds = Kinds { before, after, known: HashMap::new() };
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (was, is) = (old.get(key), new.get(key));
        let Some(Side { name, .. }) = was.or(is) else { continue };
        found.compared += 1;
        let rtype = RecordType::from(key.1);
        let service = |tables: &Tables, side: Option<&Side<'_>>| {
            let ix = side?.set.steered?;
            tables.steered_set(ix).map(|set| set.service)
        };
        let services = (service(before, was), service(after, is));
        if services == (None, None) {
            let (was, is) = (was.map(declared).unwrap_or_default(), is.map(declared).unwrap_or_default());
            if was != is {
                found.tell(AnswerChange {
                    name: name.to_string(),
                    rtype: type_text(rtype),
                    client: None,
                    before: was,
                    after: is,
                });
            }
            continue;
        }
        let question = Question::new(name.clone(), rtype);
        for kind in kinds.of(services) {
            let seen = Client::new(kind.example);
            let differs = DRAWS.iter().find_map(|draw| {
                let (was, is) = (answered(before, &question, &seen, *draw), answered(after, &question, &seen, *draw));
                (was != is).then_some((was, is))
            });
            if let Some((was, is)) = differs {
                found.tell(AnswerChange {
                    name: name.to_string(),
                    rtype: type_text(rtype),
                    client: Some(kind.clone()),
                    before: was,
                    after: is,
                });
            }
        }
    }
    found
}

impl Difference {
    fn tell(&mut self, change: AnswerChange) {
        if self.changes.len() < TOLD {
            self.changes.push(change);
        } else {
            self.more += 1;
        }
    }
}

/// The RRsets of all zones by name and type, and how many there are beyond the bound.
fn sets(tables: &Tables) -> (BTreeMap<Key, Side<'_>>, usize) {
    let mut sets = BTreeMap::new();
    let mut left_out = 0;
    for zone in tables.zones().iter() {
        for node in zone.nodes() {
            if sets.len() >= COMPARED {
                left_out += node.rrsets().len();
                continue;
            }
            let name = zone.owner(node);
            for set in node.rrsets() {
                sets.insert((name.key().to_vec(), u16::from(set.rtype)), Side { name: name.clone(), zone, set });
            }
        }
    }
    (sets, left_out)
}

/// What an RRset that nobody steers is answered with.
fn declared(side: &Side<'_>) -> Vec<String> {
    let mut lines: Vec<String> =
        side.zone.rdata(side.set).iter().map(|rdata| format!("{} {}", side.set.ttl, rdata_text(rdata))).collect();
    lines.sort();
    lines
}

/// What `client` is answered, without aliases on the way.
fn answered(tables: &Tables, question: &Question, client: &Client, draw: u16) -> Vec<String> {
    let reply = tables.decide(question, client, draw);
    let wanted = |part: &&Part<'_>| part.rtype == question.rtype;
    let lines = |part: &Part<'_>| {
        let mut lines: Vec<String> =
            part.rdata.iter().map(|rdata| format!("{} {}", part.ttl, rdata_text(rdata))).collect();
        lines.sort();
        lines
    };
    reply.answer.iter().filter(wanted).flat_map(lines).collect()
}

/// The kinds of clients of pairs of services, found once for each.
struct Kinds<'t> {
    before: &'t Tables,
    after: &'t Tables,
    known: HashMap<(Option<ServiceIx>, Option<ServiceIx>), Vec<ClientKind>>,
}

impl Kinds<'_> {
    fn of(&mut self, services: (Option<ServiceIx>, Option<ServiceIx>)) -> &[ClientKind] {
        let Self { before, after, known } = self;
        known.entry(services).or_insert_with(|| kinds(before, after, services))
    }
}

/// One client of each pair of views that any client has before and after.
fn kinds(before: &Tables, after: &Tables, (was, is): (Option<ServiceIx>, Option<ServiceIx>)) -> Vec<ClientKind> {
    let sides = [(before, was), (after, is)];
    // A view begins where it does on either side, so that each pair is met at one of these.
    let borders = sides.iter().filter_map(|(tables, service)| Some(tables.steering().borders((*service)?)));
    let mut met = BTreeSet::new();
    let mut kinds = Vec::new();
    for example in borders.flatten() {
        let view = |tables: &Tables, service: Option<ServiceIx>| {
            service.map(|service| tables.steering().view_only(service, example))
        };
        if !met.insert((view(before, was), view(after, is))) {
            continue;
        }
        let sighting = |tables: &Tables, service: Option<ServiceIx>| {
            service.map(|service| tables.steering().sighting(service, example))
        };
        let seen = [sighting(before, was), sighting(after, is)];
        let order = |side: &Option<crate::steer::Sighting>| -> Vec<String> {
            side.iter().flat_map(|seen| seen.order.iter().map(|seen| seen.site.clone())).collect()
        };
        let [old, new] = &seen;
        let country = seen.iter().flatten().find_map(|seen| seen.country);
        kinds.push(ClientKind {
            example,
            country: country.map(|country| country.to_string()),
            before: order(old),
            after: order(new),
        });
    }
    kinds
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
