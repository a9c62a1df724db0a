//! The decision: question, client and draw to a reply (RFC 1034 section 4.3.2).

use std::borrow::Cow;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{DNSClass, RData, RecordType};

use super::bounds::MAX_LINKS;
use super::lookup::{Found, Place, locate, target, zone_for};
use super::proof::Prover;
use super::tables::Steered;
use super::{Client, Glue, Named, Note, Part, Question, Reply, Signer, Tables};
use crate::dnssec::Chain;
use crate::model::Name;
use crate::zone::{Node, RrSet, Zone};

/// Answers `question`. `draw` is a number below 1000, new for every query: weights and partial drains go by it.
pub(super) fn decide<'t>(tables: &'t Tables, question: &Question, client: &Client, draw: u16) -> Reply<'t> {
    if let Some(refusal) = refuse(question) {
        return refusal;
    }
    let mut answer =
        Composer { tables, client, draw, rtype: question.rtype, reply: Reply::empty(ResponseCode::NoError) };
    let mut name = question.name.to_lower();
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
        if link == 0 {
            answer.reply.within = Some(zone.origin());
        }
        let next = match locate(zone, &key, question.rtype) {
            Place::Node(found) => answer.at_node(zone, &found, name, &key),
            Place::Dname(node, dname) => answer.below_dname(zone, node, dname, name),
            Place::Cut(node, ns) => answer.refer(zone, node, ns),
            Place::Nowhere(encloser) => {
                answer.reply.rcode = ResponseCode::NXDomain;
                answer.deny(zone);
                answer.prove(zone, |prover| prover.no_name(&key, encloser));
                Next::Done
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

/// Types that an alias has of its own, so that they are never looked for at its target (RFC 4035 section 2.5).
const fn stands_beside_alias(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::RRSIG | RecordType::NSEC)
}

/// Types that signing adds to an apex.
const fn is_made_by_signing(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::DNSKEY | RecordType::CDS | RecordType::CDNSKEY | RecordType::NSEC3PARAM)
}

/// What comes after a step of the chain.
enum Next {
    /// The chain goes on at this name.
    Follow(Name),
    /// The reply is complete.
    Done,
}

/// Where the RRsets of a name are signed.
struct Signed<'t> {
    zone: &'t Zone,
    /// The wildcard that stands for the name.
    wildcard: Option<Name>,
}

impl<'t> Signed<'t> {
    fn of(zone: &'t Zone, found: &Found<'t>) -> Self {
        Self { zone, wildcard: found.encloser.map(|_| zone.owner(found.node)) }
    }

    /// Who signs for `client`, where the zone is signed and signatures are wanted.
    fn signer(&self, client: &Client) -> Option<Signer<'t>> {
        let secure = self.zone.secure().filter(|_| client.dnssec_ok)?;
        Some(Signer { secure, wildcard: self.wildcard.clone(), alone: false })
    }
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
    fn at_node(&mut self, zone: &'t Zone, found: &Found<'t>, name: Name, key: &[u8]) -> Next {
        self.own();
        let signed = Signed::of(zone, found);
        let node = found.node;
        let next = if self.rtype == RecordType::ANY {
            self.any(zone, node, &name, &signed)
        } else if let Some(set) = node.rrset(self.rtype) {
            self.answer(zone, name, set, &signed);
            Some(Next::Done)
        } else if let Some(alias) = node.rrset(RecordType::CNAME).filter(|_| !stands_beside_alias(self.rtype)) {
            let signer = signed.signer(self.client);
            self.begin_with(zone, alias);
            Some(self.follow(name, alias.ttl, zone.rdata(alias), signer))
        } else {
            self.made(zone, found, &name, key)
        };
        match (next, found.encloser) {
            (None, _) => {
                self.deny(zone);
                self.prove(zone, |prover| prover.no_data(found, key));
                Next::Done
            }
            (Some(next), Some(encloser)) => {
                self.prove(zone, |prover| prover.no_closer(key, encloser));
                next
            }
            (Some(next), None) => next,
        }
    }

    /// RFC 8482 section 4.1: one RRset where the source may be forged, everything where it is proven.
    fn any(&mut self, zone: &'t Zone, node: &'t Node, name: &Name, signed: &Signed<'t>) -> Option<Next> {
        let count = if self.client.transport.is_datagram() { 1 } else { usize::MAX };
        // Who does not ask for signatures has no use for keys.
        let is_bare = zone.secure().is_some() && !self.client.dnssec_ok;
        let wanted = |set: &&'t RrSet| !(is_bare && is_made_by_signing(set.rtype));
        for set in node.rrsets().iter().filter(wanted).take(count) {
            self.answer(zone, name.clone(), set, signed);
        }
        (!node.rrsets().is_empty()).then_some(Next::Done)
    }

    /// Records that are in no zone file: the NSEC record of a name, and the signatures of one of its RRsets (of one, as
    /// for ANY: who asks for signatures alone gets no more than who asks for everything).
    fn made(&mut self, zone: &'t Zone, found: &Found<'t>, name: &Name, key: &[u8]) -> Option<Next> {
        let secure = zone.secure()?;
        let signer = Signer { secure, wildcard: None, alone: self.rtype == RecordType::RRSIG };
        match self.rtype {
            RecordType::NSEC if matches!(secure.chain(), Chain::Nsec(_)) => {
                let proof = secure.chain().of(key)?;
                let signer = self.client.dnssec_ok.then_some(signer);
                self.put(name.clone(), RecordType::NSEC, secure.ttl(), Cow::Owned(vec![proof.rdata]), signer);
            }
            RecordType::RRSIG => {
                let wildcard = found.encloser.map(|_| zone.owner(found.node));
                let set = found.node.rrsets().first()?;
                let signer = Some(Signer { wildcard, ..signer });
                self.put(name.clone(), set.rtype, set.ttl, zone.rdata(set), signer);
            }
            _ => return None,
        }
        Some(Next::Done)
    }

    /// RFC 6672 section 3.2: the DNAME itself and a CNAME made from it, with the DNAME's TTL (section 3.1).
    fn below_dname(&mut self, zone: &'t Zone, node: &'t Node, dname: &'t RrSet, name: Name) -> Next {
        self.own();
        let signer = Signed::of(zone, &Found { node, encloser: None }).signer(self.client);
        let (owner, data) = (zone.owner(node), zone.rdata(dname));
        let Some(to) = data.first().and_then(target) else { return Next::Done };
        self.begin_with(zone, dname);
        if !self.holds(&owner, RecordType::DNAME) {
            self.put(owner.clone(), RecordType::DNAME, dname.ttl, data, signer);
        }
        let Ok(renamed) = name.with_suffix(&owner, &to) else {
            self.reply.rcode = ResponseCode::YXDomain;
            return Next::Done;
        };
        // Made from the DNAME, which is signed in its place (RFC 6672 section 5.3.1).
        let next = self.follow(name, dname.ttl, Cow::Owned(vec![RData::CNAME(CNAME(renamed.to_rr()))]), None);
        // The made CNAME is what these ask for.
        if matches!(self.rtype, RecordType::CNAME | RecordType::ANY) { Next::Done } else { next }
    }

    /// Adds an alias and goes on at its target; a loop ends with what is true so far.
    fn follow(&mut self, name: Name, ttl: u32, alias: Cow<'t, [RData]>, signer: Option<Signer<'t>>) -> Next {
        let next = alias.first().and_then(target);
        if self.holds(&name, RecordType::CNAME) {
            return Next::Done;
        }
        self.put(name, RecordType::CNAME, ttl, alias, signer);
        next.map_or(Next::Done, Next::Follow)
    }

    /// A referral: the cut's NS RRset, never authoritative by itself, with the addresses that the zone has for it.
    fn refer(&mut self, zone: &'t Zone, cut: &'t Node, ns: &'t RrSet) -> Next {
        let (owner, data) = (zone.owner(cut), zone.rdata(ns));
        self.reply.authority.push(Part {
            owner: owner.clone(),
            rtype: RecordType::NS,
            ttl: ns.ttl,
            rdata: data.clone(),
            // The child signs it.
            signer: None,
        });
        self.vouch(zone, cut);
        let servers = data.iter().filter_map(|rdata| match rdata {
            RData::NS(server) => Some(Name::from_rr(&server.0)),
            _ => None,
        });
        let mut glue = Vec::new();
        for server in servers.filter(|server| server.is_at_or_below(zone.origin())) {
            let Some(node) = zone.node(&server.key()) else { continue };
            let required = server.is_at_or_below(&owner);
            for set in [RecordType::A, RecordType::AAAA].into_iter().filter_map(|rtype| node.rrset(rtype)) {
                let part = Part {
                    owner: zone.owner(node),
                    rtype: set.rtype,
                    ttl: set.ttl,
                    rdata: zone.rdata(set),
                    signer: None,
                };
                glue.push(Glue { part, required });
            }
        }
        // Stable: what must be there comes before what may be left out.
        glue.sort_by_key(|glue| !glue.required);
        self.reply.additional = glue;
        Next::Done
    }

    /// What the signed parent says of the child's keys: its DS RRset, or the proof that there is none.
    fn vouch(&mut self, zone: &'t Zone, cut: &'t Node) {
        let signer = Signed::of(zone, &Found { node: cut, encloser: None }).signer(self.client);
        match (signer, cut.rrset(RecordType::DS)) {
            (None, _) => {}
            (signer, Some(ds)) => self.reply.authority.push(Part {
                owner: zone.owner(cut),
                rtype: RecordType::DS,
                ttl: ds.ttl,
                rdata: zone.rdata(ds),
                signer,
            }),
            (Some(_), None) => self.prove(zone, |prover| prover.no_ds(&zone.owner(cut))),
        }
    }

    /// Adds proofs, where the zone is signed and they are wanted.
    fn prove(&mut self, zone: &'t Zone, add: impl FnOnce(&mut Prover<'t, '_>)) {
        if let Some(secure) = zone.secure().filter(|_| self.client.dnssec_ok) {
            add(&mut Prover { secure, reply: &mut self.reply });
        }
    }

    /// A negative answer: the SOA with the TTL that bounds negative caching (RFC 2308 section 3).
    fn deny(&mut self, zone: &'t Zone) {
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
                rdata: zone.rdata(soa),
                signer: Signed { zone, wildcard: None }.signer(self.client),
            });
        }
    }

    /// The answer begins with, or denies, a name of ours.
    const fn own(&mut self) {
        self.reply.authoritative = true;
    }

    /// Notes the RRset if it is the first of the answer.
    const fn begin_with(&mut self, zone: &'t Zone, set: &'t RrSet) {
        if self.reply.stored.is_none() {
            self.reply.stored = Some((zone.origin(), set));
        }
    }

    /// Adds an RRset to the answer, as steered for this client where a service steers it.
    fn answer(&mut self, zone: &'t Zone, owner: Name, set: &'t RrSet, signed: &Signed<'t>) {
        let signer = signed.signer(self.client);
        self.begin_with(zone, set);
        let location = self.client.location();
        let steered = set.steered.and_then(|ix| Some((ix, self.tables.steer(ix, location, self.draw)?)));
        let Some((ix, Steered { service, variant, scope, view })) = steered else {
            return self.put(owner, set.rtype, set.ttl, zone.rdata(set), signer);
        };
        if self.client.subnet.is_some_and(|subnet| subnet.source_prefix() > 0) {
            self.reply.scope = self.reply.scope.max(scope);
        }
        if variant.last_resort()
            && let Some(service) = self.tables.topology().service(service)
        {
            self.reply.notes.push(Note::last_resort(&service.name));
        }
        let declared = zone.rdata(set);
        self.reply.named.push(Named {
            part: self.reply.answer.len(),
            set: ix,
            declared: declared.clone(),
            service,
            view,
            sites: variant.sites(),
            ttl: variant.ttl(),
            tier: variant.tier(),
            last_resort: variant.last_resort(),
        });
        self.put(owner, set.rtype, variant.ttl(), variant.pick(declared), signer);
    }

    fn put(&mut self, owner: Name, rtype: RecordType, ttl: u32, rdata: Cow<'t, [RData]>, signer: Option<Signer<'t>>) {
        self.reply.answer.push(Part { owner, rtype, ttl, rdata, signer });
    }

    /// Whether the answer section has the RRset already.
    fn holds(&self, owner: &Name, rtype: RecordType) -> bool {
        self.reply.answer.iter().any(|part| part.rtype == rtype && part.owner == *owner)
    }
}
