//! Why a client gets the answer it gets, for an engineer at three in the morning.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use serde::{Deserialize, Serialize};

use super::{Client, Named, Part, Question, Reply, Tables, lookup};
use crate::model::{
    EndpointIx, Generation, Name, Plan, Policy, Service, ServiceIx, Share, SiteIx, SitePlan, Standing, State, Tier,
    Topology,
};
use crate::steer::Located;
use crate::zone::{Member, SteeredSet};

/// An answer with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The name asked for.
    pub name: String,
    /// The type asked for.
    pub rtype: String,
    /// RCODE of the answer: `NOERROR`, `NXDOMAIN`, `REFUSED`.
    pub rcode: String,
    /// The client as seen.
    pub client: ClientSeen,
    /// The plan that the answer follows.
    pub generation: Generation,
    /// The answer section, one record a line as in a zone file.
    pub answer: Vec<String>,
    /// One for each steered RRset of the answer.
    pub steered: Vec<SteeredExplanation>,
    /// All of it in plain words.
    pub lines: Vec<String>,
}

/// Who asks, as far as steering goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSeen {
    /// Where the query came from.
    pub source: IpAddr,
    /// The client subnet of the query, where it has one.
    pub subnet: Option<String>,
    /// The address that steering goes by.
    pub location: IpAddr,
    /// The widest prefix length around it with the same answer.
    pub scope: u8,
}

/// A steered RRset with the reasons for what was selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteeredExplanation {
    /// The owner of the RRset.
    pub owner: String,
    /// Its type.
    pub rtype: String,
    /// The service that steers it.
    pub service: String,
    /// The service's policy.
    pub policy: String,
    /// How the client was located.
    pub located: Located,
    /// The network that located it.
    pub network: Option<String>,
    /// The client's country, where known.
    pub country: Option<String>,
    /// What gave the site order: the policy, or the line of its map.
    pub rule: String,
    /// The sites in this client's order.
    pub order: Vec<String>,
    /// The resort that was used.
    pub tier: Tier,
    /// Whether nothing was usable, so that the declared RRset is served.
    pub last_resort: bool,
    /// TTL of the answer in seconds.
    pub ttl: u32,
    /// TTL as declared in the zone, in seconds.
    pub declared_ttl: u32,
    /// Why the TTL is what it is.
    pub ttl_reason: String,
    /// Every site of the service, in this client's order.
    pub sites: Vec<SiteExplanation>,
    /// The record data as declared.
    pub declared: Vec<String>,
    /// The record data as answered.
    pub answered: Vec<String>,
}

/// What a site does for a service, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteExplanation {
    /// Site name.
    pub name: String,
    /// What it does.
    pub standing: Standing,
    /// Its health by itself.
    pub health: State,
    /// The part of its clients that a drain moves away.
    pub drained: Share,
    /// Why, in an operator's words.
    pub reason: String,
    /// How many of the declared records are the site's.
    pub records: usize,
    /// From the client, in kilometres, where both places are known.
    pub distance_km: Option<u32>,
    /// Whether the answer names the site.
    pub answered: bool,
}

/// Explains the answer to `question`.
pub(super) fn explain(tables: &Tables, question: &Question, client: &Client, draw: u16) -> Explanation {
    let reply = tables.decide(question, client, draw);
    let steered: Vec<_> =
        reply.named.iter().filter_map(|named| explain_set(tables, &reply, named, client.location())).collect();
    let mut lines = vec![summary(tables, question, client, &reply)];
    for set in &steered {
        describe(set, &mut lines);
    }
    Explanation {
        name: question.name.to_string(),
        rtype: type_text(question.rtype),
        rcode: rcode_text(reply.rcode),
        client: ClientSeen {
            source: client.source,
            subnet: client.subnet.map(|subnet| subnet.to_string()),
            location: client.location(),
            scope: reply.scope,
        },
        generation: tables.plan().generation,
        answer: reply.answer.iter().flat_map(record_lines).collect(),
        steered,
        lines,
    }
}

/// The reasons for one steered RRset.
fn explain_set(tables: &Tables, reply: &Reply<'_>, named: &Named<'_>, location: IpAddr) -> Option<SteeredExplanation> {
    let topology = tables.topology();
    let part = reply.answer.get(named.part)?;
    let set = tables.steered_set(named.set)?;
    let service = topology.service(named.service)?;
    let sighting = tables.steering().sighting(named.service, location);
    let sites = sighting.order.iter().filter_map(|seen| {
        let site = topology.site_named(&seen.site)?;
        let plan = site_plan(tables.plan(), service, named.service, site)?;
        Some(SiteExplanation {
            name: seen.site.clone(),
            standing: plan.standing,
            health: plan.health,
            drained: plan.drained,
            reason: plan.reason.clone(),
            records: set.members.iter().filter(|member| stands_at(topology, member, site)).count(),
            distance_km: seen.km,
            answered: named.sites.contains(site),
        })
    });
    Some(SteeredExplanation {
        owner: part.owner.to_string(),
        rtype: type_text(part.rtype),
        service: service.name.clone(),
        policy: policy_text(&service.policy).to_owned(),
        located: sighting.located,
        network: sighting.network.map(|network| network.to_string()),
        country: sighting.country.map(|country| country.to_string()),
        rule: sighting.rule.clone(),
        order: sighting.order.iter().map(|seen| seen.site.clone()).collect(),
        tier: named.tier,
        last_resort: named.last_resort,
        ttl: part.ttl,
        declared_ttl: set.ttl,
        ttl_reason: ttl_reason(topology, tables.plan(), service, set, part.ttl),
        sites: sites.collect(),
        declared: named.declared.iter().map(rdata_text).collect(),
        answered: part.rdata.iter().map(rdata_text).collect(),
    })
}

/// Whether a record leads to an endpoint of `site`.
fn stands_at(topology: &Topology, member: &Member, site: SiteIx) -> bool {
    member.endpoints.iter().any(|ix| topology.endpoint(*ix).is_some_and(|endpoint| endpoint.site == site))
}

fn site_plan<'p>(plan: &'p Plan, service: &Service, ix: ServiceIx, site: SiteIx) -> Option<&'p SitePlan> {
    let at = service.sites.iter().position(|known| *known == site)?;
    plan.services.get(ix.get())?.sites.get(at)
}

/// Why a TTL is what it is: the lower of the service's and the declared one, halved while endpoints are unsettled,
/// stepped down ahead of an order (DESIGN section 8).
fn ttl_reason(topology: &Topology, plan: &Plan, service: &Service, set: &SteeredSet, ttl: u32) -> String {
    let of_service = u32::try_from(service.ttl.as_secs()).unwrap_or(u32::MAX);
    let usual = of_service.min(set.ttl);
    if ttl < usual {
        if let Some(site) = about_to_leave(topology, plan, set, ttl) {
            return format!("stepped down from {usual} s: an order is about to move clients away from {site}");
        }
        let unsettled = unsettled(topology, plan, set);
        return format!(
            "half of {usual} s while {unsettled} may be about to change (suspect or deferring, or what it requires is)"
        );
    }
    if of_service <= set.ttl {
        format!("the ttl of service {}", service.name)
    } else {
        format!("declared in the zone, lower than the {of_service} s of service {}", service.name)
    }
}

/// The site whose order bounds the TTL.
fn about_to_leave<'t>(topology: &'t Topology, plan: &Plan, set: &SteeredSet, ttl: u32) -> Option<&'t str> {
    let mut endpoints = set.members.iter().flat_map(|member| &member.endpoints);
    let bounds = |ix: &&EndpointIx| plan.endpoints.get(ix.get()).is_some_and(|endpoint| endpoint.ttl_cap == Some(ttl));
    endpoints.find(bounds).and_then(|ix| topology.endpoint(*ix)).map(|endpoint| topology.site_name(endpoint.site))
}

fn unsettled(topology: &Topology, plan: &Plan, set: &SteeredSet) -> String {
    let is_unsettled = |ix: &&EndpointIx| plan.endpoints.get(ix.get()).is_some_and(|endpoint| endpoint.unsettled);
    let name = |ix: &EndpointIx| {
        let endpoint = topology.endpoint(*ix)?;
        Some(format!("{} at {}", endpoint.address, topology.site_name(endpoint.site)))
    };
    let endpoints = set.members.iter().flat_map(|member| &member.endpoints);
    let mut names: Vec<String> = endpoints.filter(is_unsettled).filter_map(name).collect();
    names.dedup();
    if names.is_empty() { "an endpoint".to_owned() } else { names.join(", ") }
}

/// The first line: what is answered to whom.
fn summary(tables: &Tables, question: &Question, client: &Client, reply: &Reply<'_>) -> String {
    let asked = format!("{} {}", question.name, type_text(question.rtype));
    let place = match reply.rcode {
        ResponseCode::Refused | ResponseCode::FormErr | ResponseCode::NotImp => {
            let note = reply.notes.first().map(|note| note.text.as_ref()).filter(|text| !text.is_empty());
            return match note {
                Some(note) => format!("{asked} is refused: {note}"),
                None if tables.zones().find(&question.name.key()).is_none() => {
                    format!("{asked} is refused: the name is in none of our zones")
                }
                None => format!("{asked} is refused: the type cannot be asked for"),
            };
        }
        ResponseCode::NXDomain => "the zone declares no such name",
        ResponseCode::YXDomain => "a DNAME makes the name longer than a name can be",
        _ if !reply.authoritative => {
            "the name is delegated: the client is referred to the name servers of the child zone"
        }
        _ if reply.answer.is_empty() => "the name exists, but has no record of this type",
        _ if reply.named.is_empty() => "no service steers it: answered as declared",
        _ => {
            return format!(
                "{asked} for {}: {}",
                client.location(),
                counted(reply.answer.iter().map(|part| part.rdata.len()).sum(), "record")
            );
        }
    };
    format!("{asked}: {place}")
}

/// The lines about one steered RRset.
fn describe(set: &SteeredExplanation, lines: &mut Vec<String>) {
    let steered_by = format!("{} {} is steered by service {} ({})", set.owner, set.rtype, set.service, set.policy);
    lines.push(format!("{steered_by}; the client is {}", whereabouts(set)));
    let order: Vec<String> = set.sites.iter().map(with_distance).collect();
    lines.push(format!("site order for this client: {}; by {}", order.join(", "), set.rule));
    lines.push(format!(
        "{} of {} answered: {}",
        set.answered.len(),
        counted(set.declared.len(), "declared record"),
        resort(set)
    ));
    lines.extend(set.sites.iter().map(|site| site_line(site, set)));
    lines.push(format!("ttl {} s: {}", set.ttl, set.ttl_reason));
}

/// Where the client is, and how that is known.
fn whereabouts(set: &SteeredExplanation) -> String {
    let place = set.country.as_deref().map_or_else(|| "located".to_owned(), |country| format!("in {country}"));
    match (set.located, &set.network) {
        (Located::Override, Some(network)) => format!("{place} by the configured network {network}"),
        (Located::Override, None) => format!("{place} by a configured network"),
        (Located::Coordinates, _) => format!("{place} by coordinates of the geo database"),
        (Located::Country, _) => format!("{place} by the geo database, at the middle of the country"),
        (Located::Unknown, _) => "somewhere unknown: neither configuration nor geo database has its address".to_owned(),
    }
}

fn with_distance(site: &SiteExplanation) -> String {
    site.distance_km.map_or_else(|| site.name.clone(), |km| format!("{} ({km} km)", site.name))
}

/// Which resort the answer is, in words.
fn resort(set: &SteeredExplanation) -> &'static str {
    if set.last_resort {
        return "last resort, no site is usable and the declared records are served";
    }
    match set.tier {
        Tier::Serving => "sites in service",
        Tier::Deferring => "no site is up without trouble, deferring sites are used",
        Tier::Drained => "no site is in service, drained sites are used",
        Tier::Declared | Tier::Isolated => "nothing is up, whatever is not isolated is used",
    }
}

/// What a site does for this answer.
fn site_line(site: &SiteExplanation, set: &SteeredExplanation) -> String {
    let standing = site.standing.as_str();
    let why = if site.reason.is_empty() { standing.to_owned() } else { format!("{standing}, {}", site.reason) };
    let what = match (site.answered, site.standing) {
        (_, _) if site.records == 0 => "has no record here",
        (true, Standing::Serving) => "is answered",
        (true, Standing::Deferring) => "is answered, after serving sites",
        (true, _) => "is answered for want of better",
        (false, Standing::Serving) if set.policy == WEIGHTED => "is not drawn for this answer",
        (false, Standing::Serving) => "is not needed, another site comes first for this client",
        (false, Standing::Deferring) => "is kept back",
        (false, _) => "is left out",
    };
    let part = if site.drained == Share::NONE || site.drained == Share::ALL {
        String::new()
    } else {
        format!("; {} of its clients are drained", site.drained)
    };
    format!("{} {what}: {why}{part}", site.name)
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

const WEIGHTED: &str = "weighted";

const fn policy_text(policy: &Policy) -> &'static str {
    match policy {
        Policy::Nearest => "nearest",
        Policy::Geo(_) => "geo",
        Policy::Failover => "failover",
        Policy::Weighted(_) => WEIGHTED,
        Policy::Spread => "spread",
    }
}

/// An RRset as lines of a zone file.
fn record_lines<'p>(part: &'p Part<'_>) -> impl Iterator<Item = String> + 'p {
    let rtype = type_text(part.rtype);
    part.rdata.iter().map(move |rdata| format!("{} {} IN {rtype} {}", part.owner, part.ttl, rdata_text(rdata)))
}

/// Presentation format; RFC 3597's for types that have none here.
pub(super) fn rdata_text(rdata: &RData) -> String {
    match rdata {
        RData::Unknown { code: RecordType::DNAME, .. } => {
            lookup::target(rdata).as_ref().map(Name::to_string).unwrap_or_default()
        }
        RData::Unknown { rdata, .. } => {
            format!("\\# {} {}", rdata.anything.len(), hex(&rdata.anything))
        }
        RData::TXT(txt) => txt.txt_data.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(" "),
        known => known.to_string(),
    }
}

/// A character string of a TXT record (RFC 1035 section 5.1).
fn quoted(text: &[u8]) -> String {
    let mut quoted = String::from('"');
    for &octet in text {
        match octet {
            b'"' | b'\\' => quoted.extend(['\\', char::from(octet)]),
            0x20..=0x7e => quoted.push(char::from(octet)),
            _ => quoted.push_str(&format!("\\{octet:03}")),
        }
    }
    quoted.push('"');
    quoted
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(super) fn type_text(rtype: RecordType) -> String {
    match rtype {
        RecordType::Unknown(code) => format!("TYPE{code}"),
        known => known.to_string(),
    }
}

fn rcode_text(rcode: ResponseCode) -> String {
    match rcode {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::YXDomain => "YXDOMAIN".to_owned(),
        other => format!("RCODE{}", u16::from(other)),
    }
}
