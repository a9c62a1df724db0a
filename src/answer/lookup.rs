//! Where a name is found in one zone: RFC 1034 section 4.3.2 step 3, with RFC 4592 (wildcards) and RFC 6672 (DNAME).

use hickory_proto::rr::{RData, RecordType};

use crate::model::Name;
use crate::zone::{Node, RrSet, Zone, Zones};

/// Where a name is found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'z> {
    /// Matched.
    Node(Found<'z>),
    /// At or below a zone cut: the node of the NS RRset.
    Cut(&'z Node, &'z RrSet),
    /// Below a DNAME: the node of the DNAME RRset.
    Dname(&'z Node, &'z RrSet),
    /// Does not exist. The closest encloser is so many last octets of the name.
    Nowhere(usize),
}

/// A name that was matched. An empty non-terminal has no RRsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'z> {
    /// Its node, or that of the wildcard.
    pub(super) node: &'z Node,
    /// Where the wildcard at the closest encloser matched: how many last octets of the name are the closest encloser.
    pub(super) encloser: Option<usize>,
}

/// The zone that answers for a lower-cased name: the deepest one, but for DS the parent's where both are ours
/// (RFC 4035 section 3.1.4.1).
pub(super) fn zone_for<'z>(zones: &'z Zones, key: &[u8], rtype: RecordType) -> Option<&'z Zone> {
    let zone = zones.find(key)?;
    if rtype == RecordType::DS
        && zone.origin().key().as_ref() == key
        && let Some(parent) = parent(key).and_then(|parent| zones.find(parent))
        // A parent that does not delegate the child knows nothing of it, and would deny its existence.
        && parent.node(key).is_some()
    {
        return Some(parent);
    }
    Some(zone)
}

/// Finds a lower-cased name at or below the apex of `zone`.
///
/// Walks the suffixes of the name upwards to the apex. The topmost cut or DNAME on the way decides, because it hides
/// everything below; without one, the deepest existing suffix is the closest encloser.
pub(super) fn locate<'z>(zone: &'z Zone, key: &[u8], rtype: RecordType) -> Place<'z> {
    let apex_length = zone.origin().as_wire().len();
    let mut encloser: Option<(&[u8], &Node)> = None;
    let mut hidden = None;
    let mut suffix = key;
    loop {
        let exact = suffix.len() == key.len();
        let at_apex = suffix.len() <= apex_length;
        if let Some(node) = zone.node(suffix) {
            encloser = encloser.or(Some((suffix, node)));
            // At the cut the parent still answers for DS.
            let asks_parent = exact && rtype == RecordType::DS;
            let cut = node.rrset(RecordType::NS).filter(|_| !at_apex && !asks_parent);
            let dname = node.rrset(RecordType::DNAME).filter(|_| !exact);
            if let Some(ns) = cut {
                hidden = Some(Place::Cut(node, ns));
            } else if let Some(dname) = dname {
                hidden = Some(Place::Dname(node, dname));
            }
        }
        match parent(suffix) {
            Some(above) if !at_apex => suffix = above,
            _ => break,
        }
    }
    if let Some(place) = hidden {
        return place;
    }
    match encloser {
        Some((found, node)) if found.len() == key.len() => Place::Node(Found { node, encloser: None }),
        // The closest encloser's own wildcard, and no other, may stand for the name (RFC 4592 section 3.3.1).
        Some((found, _)) => match zone.node(&[b"\x01*", found].concat()) {
            Some(node) => Place::Node(Found { node, encloser: Some(found.len()) }),
            None => Place::Nowhere(found.len()),
        },
        None => Place::Nowhere(apex_length),
    }
}

/// The name one label longer than the last `encloser` octets of `key`, and also an end of it (RFC 5155 section 1.3).
pub(super) fn next_closer(key: &[u8], encloser: usize) -> &[u8] {
    let mut next = key;
    while let Some(above) = parent(next)
        && above.len() > encloser
    {
        next = above;
    }
    next
}

/// The name one label up, `None` for the root.
fn parent(key: &[u8]) -> Option<&[u8]> {
    match key.split_first() {
        Some((&length, after)) if length > 0 => after.get(usize::from(length)..),
        _ => None,
    }
}

/// The name that a CNAME or DNAME record points to.
pub(super) fn target(rdata: &RData) -> Option<Name> {
    match rdata {
        RData::CNAME(target) => Some(Name::from_rr(&target.0)),
        // The message library has no DNAME, so that it comes as octets (never compressed, RFC 6672 section 2.5).
        RData::Unknown { code: RecordType::DNAME, rdata } => Name::from_wire(&rdata.anything).ok(),
        _ => None,
    }
}
