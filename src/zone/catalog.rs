//! Catalog zones (RFC 9432): which zones a primary asks its secondaries to serve.
//!
//! A broken catalog is an error as a whole: half a list would make a secondary drop the zones of the other half.

use std::collections::HashMap;

use hickory_proto::rr::{RData, RecordType};

use super::tree::{Node, Zone};
use crate::model::Name;

/// The schema that is read (RFC 9432 section 4.2).
const SCHEMA_VERSION: &[u8] = b"2";

/// What a catalog zone lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The member zones, in canonical order of their labels.
    pub members: Vec<CatalogMember>,
}

/// A zone that a catalog lists (RFC 9432 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogMember {
    /// The apex of the member zone.
    pub zone: Name,
    /// The label below `zones` in lower case. When it changes for the same zone, the zone's state is to be reset.
    pub unique: Vec<u8>,
    /// The `group` property (RFC 9432 section 4.4.2), in the order of the records.
    pub group: Vec<String>,
    /// The catalog that takes the zone over: the `coo` property (RFC 9432 section 4.4.1).
    pub coo: Option<Name>,
}

/// The members that `zone` lists as a catalog. Names and properties that RFC 9432 does not define are ignored, as
/// section 4.3 wants.
///
/// # Errors
/// Why the catalog is broken or not of schema version 2. Then nothing in it may be acted upon.
pub fn catalog(zone: &Zone) -> Result<Catalog, String> {
    let origin = zone.origin();
    version(zone, origin)?;
    let zones = below(origin, b"zones")?;
    let mut members = Vec::new();
    let mut listed: HashMap<Box<[u8]>, Name> = HashMap::new();
    for (node, set) in zone.records() {
        if set.rtype != RecordType::PTR || node.owner.parent().as_ref() != Some(&zones) {
            continue;
        }
        let owner = &node.owner;
        let member = target(node, RecordType::PTR)?.ok_or_else(|| format!("{owner} has no PTR"))?;
        if let Some(other) = listed.insert(member.key(), owner.clone()) {
            return Err(format!("the catalog {origin} lists {member} twice, at {other} and at {owner}"));
        }
        let unique = owner.labels().next().unwrap_or_default().to_ascii_lowercase();
        let group = match property(zone, owner, b"group")? {
            Some(node) => texts(node)?,
            None => Vec::new(),
        };
        let coo = match property(zone, owner, b"coo")? {
            Some(node) => target(node, RecordType::PTR)?,
            None => None,
        };
        members.push(CatalogMember { zone: member, unique, group, coo });
    }
    Ok(Catalog { members })
}

/// Checks the `version` property (RFC 9432 section 4.2.1).
fn version(zone: &Zone, origin: &Name) -> Result<(), String> {
    let owner = below(origin, b"version")?;
    let set = zone.node(&owner.key()).and_then(|node| node.rrset(RecordType::TXT));
    let Some(set) = set else {
        return Err(format!("{origin} is no catalog zone: there is no TXT at {owner}"));
    };
    match set.rdata.as_slice() {
        [RData::TXT(text)] => match text.txt_data.as_ref() {
            [version] if version.as_ref() == SCHEMA_VERSION => Ok(()),
            [version] => {
                let version = String::from_utf8_lossy(version);
                Err(format!("the catalog {origin} has schema version \"{version}\" at {owner}; only \"2\" is read"))
            }
            _ => Err(format!("the catalog {origin} is broken: the TXT at {owner} is not one string")),
        },
        _ => Err(format!("the catalog {origin} is broken: there is more than one TXT at {owner}")),
    }
}

/// The node of a member's property.
fn property<'z>(zone: &'z Zone, member: &Name, label: &[u8]) -> Result<Option<&'z Node>, String> {
    // A member's name may leave no room for a property, and then it has none.
    Ok(member.child(label).ok().and_then(|owner| zone.node(&owner.key())))
}

/// The one target of an RRset of `node`; `None` without the RRset.
fn target(node: &Node, rtype: RecordType) -> Result<Option<Name>, String> {
    let Some(set) = node.rrset(rtype) else { return Ok(None) };
    match set.rdata.as_slice() {
        [RData::PTR(target)] => Ok(Some(Name::from_rr(&target.0))),
        _ => Err(format!("the catalog is broken: there is more than one {rtype} at {}", node.owner)),
    }
}

/// The values of a `group` property: one string a record.
fn texts(node: &Node) -> Result<Vec<String>, String> {
    let set = node.rrset(RecordType::TXT);
    let texts = set.map(|set| set.rdata.as_slice()).unwrap_or_default().iter();
    texts
        .map(|rdata| match rdata {
            RData::TXT(text) if text.txt_data.len() == 1 => {
                Ok(text.txt_data.iter().map(|value| String::from_utf8_lossy(value)).collect())
            }
            _ => Err(format!("the catalog is broken: a TXT at {} is not one string", node.owner)),
        })
        .collect()
}

fn below(origin: &Name, label: &[u8]) -> Result<Name, String> {
    origin.child(label).map_err(|why| format!("the catalog's name {origin} is too long: {why}"))
}
