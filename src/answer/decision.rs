//! The decision: question, client and draw to a reply (RFC 1034 section 4.3.2).

use std::borrow::Cow;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{DNSClass, RData, RecordType};

use super::bounds::MAX_LINKS;
use super::lookup::{Place, locate, target, zone_for};
use super::tables::Steered;
use super::{Client, Glue, Named, Note, Part, Question, Reply, Tables};
use crate::model::Name;
use crate::zone::{Node, RrSet, Zone};

/// Answers `question`. `draw` is a number below 1000, new for every query: weights and partial drains go by it.
pub(super) fn decide<'t>(tables: &'t Tables, question: &Question, client: &Client, draw: u16) -> Reply<'t> {
    if let Some(refusal) = refuse(question) {
        return refusal;
    }
    let mut answer =
        Composer { tables, client, draw, rtype: question.rtype, reply: Reply::empty(ResponseCode::NoError) };
    let mut name = question.name.clone();
    for link in 0..=MAX_LINKS {
        let key = name.key();
        let Some(zone) = zone_for(tables.zones(), &key, question.rtype) else {
            if tables.zones().is_unavailable(&key) {
                return Reply::noted(ResponseCode::ServFail, Note::NOT_LOADED);
            }
            if link == 0 {
                return Reply::noted(ResponseCode::Refused, Note::NOT_AUTHORITATIVE);
            }
            // The chain left our zones: the resolver follows it elsewhere.
            break;
        };
        let next = match locate(zone, &key, question.rtype) {
            Place::Node(node) => answer.at_node(zone, node, name),
            Place::Dname(node, dname) => answer.below_dname(node, dname, name),
            Place::Cut(node, ns) => answer.refer(zone, node, ns),
            Place::Nowhere => {
                answer.reply.rcode = ResponseCode::NXDomain;
                answer.deny(zone)
            }
        };
        match next {
            Next::Follow(next) => name = next,
            Next::Done => break,
        }
    }
    answer.reply
}

/// Questions that no zone is looked at for.
fn refuse<'t>(question: &Question) -> Option<Reply<'t>> {
    if question.class != DNSClass::IN {
        return Some(Reply::noted(ResponseCode::Refused, Note::UNSUPPORTED_CLASS));
    }
    match u16::from(question.rtype) {
        // OPT, TKEY, TSIG: records of a message, never of a zone.
        41 | 249 | 250 => Some(Reply::empty(ResponseCode::FormErr)),
        // IXFR, AXFR.
        251 | 252 => Some(Reply::noted(ResponseCode::Refused, Note::PROHIBITED_TRANSFER)),
        // MAILB, MAILA: obsolete question types (RFC 6895 section 3.1).
        253 | 254 => Some(Reply::empty(ResponseCode::NotImp)),
        _ => None,
    }
}

/// What comes after a step of the chain.
enum Next {
    /// The chain goes on at this name.
    Follow(Name),
    /// The reply is complete.
    Done,
}

/// A reply in the making.
struct Composer<'t, 'c> {
    tables: &'t Tables,
    client: &'c Client,
    draw: u16,
    rtype: RecordType,
    reply: Reply<'t>,
}

impl<'t> Composer<'t, '_> {
    /// The name exists (or a wildcard stands for it): its RRset, its alias, or nothing of the type.
    fn at_node(&mut self, zone: &'t Zone, node: &'t Node, name: Name) -> Next {
        self.own();
        if self.rtype == RecordType::ANY {
            return self.any(zone, node, &name);
        }
        if let Some(set) = node.rrset(self.rtype) {
            self.answer(name, set);
            return Next::Done;
        }
        match node.rrset(RecordType::CNAME) {
            Some(alias) => self.follow(name, alias.ttl, Cow::Borrowed(&alias.rdata)),
            None => self.deny(zone),
        }
    }

    /// RFC 8482 section 4.1: one RRset where the source may be forged, everything where it is proven.
    fn any(&mut self, zone: &'t Zone, node: &'t Node, name: &Name) -> Next {
        let count = if self.client.transport.is_datagram() { 1 } else { usize::MAX };
        for set in node.rrsets().iter().take(count) {
            self.answer(name.clone(), set);
        }
        if node.rrsets().is_empty() { self.deny(zone) } else { Next::Done }
    }

    /// RFC 6672 section 3.2: the DNAME itself and a CNAME made from it, with the DNAME's TTL (section 3.1).
    fn below_dname(&mut self, node: &'t Node, dname: &'t RrSet, name: Name) -> Next {
        self.own();
        let Some(to) = dname.rdata.first().and_then(target) else { return Next::Done };
        if !self.holds(&node.owner, RecordType::DNAME) {
            self.put(node.owner.clone(), RecordType::DNAME, dname.ttl, Cow::Borrowed(&dname.rdata));
        }
        let Ok(renamed) = name.with_suffix(&node.owner, &to) else {
            self.reply.rcode = ResponseCode::YXDomain;
            return Next::Done;
        };
        let next = self.follow(name, dname.ttl, Cow::Owned(vec![RData::CNAME(CNAME(renamed.to_rr()))]));
        // The made CNAME is what these ask for.
        if matches!(self.rtype, RecordType::CNAME | RecordType::ANY) { Next::Done } else { next }
    }

    /// Adds an alias and goes on at its target; a loop ends with what is true so far.
    fn follow(&mut self, name: Name, ttl: u32, alias: Cow<'t, [RData]>) -> Next {
        let next = alias.first().and_then(target);
        if self.holds(&name, RecordType::CNAME) {
            return Next::Done;
        }
        self.put(name, RecordType::CNAME, ttl, alias);
        next.map_or(Next::Done, Next::Follow)
    }

    /// A referral: the cut's NS RRset, never authoritative by itself, with the addresses that the zone has for it.
    fn refer(&mut self, zone: &'t Zone, cut: &'t Node, ns: &'t RrSet) -> Next {
        self.reply.authority.push(Part {
            owner: cut.owner.clone(),
            rtype: RecordType::NS,
            ttl: ns.ttl,
            rdata: Cow::Borrowed(&ns.rdata),
        });
        let servers = ns.rdata.iter().filter_map(|rdata| match rdata {
            RData::NS(server) => Some(Name::from_rr(&server.0)),
            _ => None,
        });
        let mut glue = Vec::new();
        for server in servers.filter(|server| server.is_at_or_below(zone.origin())) {
            let Some(node) = zone.node(&server.key()) else { continue };
            let required = server.is_at_or_below(&cut.owner);
            for set in [RecordType::A, RecordType::AAAA].into_iter().filter_map(|rtype| node.rrset(rtype)) {
                let part = Part {
                    owner: node.owner.clone(),
                    rtype: set.rtype,
                    ttl: set.ttl,
                    rdata: Cow::Borrowed(set.rdata.as_slice()),
                };
                glue.push(Glue { part, required });
            }
        }
        // Stable: what must be there comes before what may be left out.
        glue.sort_by_key(|glue| !glue.required);
        self.reply.additional = glue;
        Next::Done
    }

    /// A negative answer: the SOA with the TTL that bounds negative caching (RFC 2308 section 3).
    fn deny(&mut self, zone: &'t Zone) -> Next {
        self.own();
        let soa = zone.node(&zone.origin().key()).and_then(|apex| apex.rrset(RecordType::SOA));
        if let Some(soa) = soa {
            let minimum = soa.rdata.iter().find_map(|rdata| match rdata {
                RData::SOA(soa) => Some(soa.minimum),
                _ => None,
            });
            self.reply.authority.push(Part {
                owner: zone.origin().clone(),
                rtype: RecordType::SOA,
                ttl: minimum.map_or(soa.ttl, |minimum| minimum.min(soa.ttl)),
                rdata: Cow::Borrowed(&soa.rdata),
            });
        }
        Next::Done
    }

    /// The answer begins with, or denies, a name of ours.
    const fn own(&mut self) {
        self.reply.authoritative = true;
    }

    /// Adds an RRset to the answer, as steered for this client where a service steers it.
    fn answer(&mut self, owner: Name, set: &'t RrSet) {
        let location = self.client.location();
        let steered = set.steered.and_then(|ix| Some((ix, self.tables.steer(ix, location, self.draw)?)));
        let Some((ix, Steered { service, variant, scope })) = steered else {
            return self.put(owner, set.rtype, set.ttl, Cow::Borrowed(&set.rdata));
        };
        if self.client.subnet.is_some_and(|subnet| subnet.source_prefix() > 0) {
            self.reply.scope = self.reply.scope.max(scope);
        }
        if variant.last_resort()
            && let Some(service) = self.tables.topology().service(service)
        {
            self.reply.notes.push(Note::last_resort(&service.name));
        }
        self.reply.named.push(Named {
            part: self.reply.answer.len(),
            set: ix,
            declared: &set.rdata,
            service,
            sites: variant.sites(),
            ttl: variant.ttl(),
            tier: variant.tier(),
            last_resort: variant.last_resort(),
        });
        self.put(owner, set.rtype, variant.ttl(), variant.pick(&set.rdata));
    }

    fn put(&mut self, owner: Name, rtype: RecordType, ttl: u32, rdata: Cow<'t, [RData]>) {
        self.reply.answer.push(Part { owner, rtype, ttl, rdata });
    }

    /// Whether the answer section has the RRset already.
    fn holds(&self, owner: &Name, rtype: RecordType) -> bool {
        self.reply.answer.iter().any(|part| part.rtype == rtype && part.owner == *owner)
    }
}
