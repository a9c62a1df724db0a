//! Zones made from one template: a tree read once, below a home that stands for every apex.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use domain::base::iana::Rtype;
use hickory_proto::rr::{RData, RecordType};

use super::master::{Include, load};
use super::rdata;
use super::tree::{Node, RrSet, Zone};
use crate::config::Report;
use crate::dnssec::names_in;
use crate::model::{Name, NameError, ZonePolicy};

/// The label of the home of every template. A space and a control octet: nobody writes it by chance.
const HOME: &[u8] = b"the zone\x01";

/// A master file that makes many zones.
#[derive(Clone, Debug)]
pub struct Template {
    zone: Zone,
    /// Octets of the longest name in front of an apex, among owners and in record data.
    longest: usize,
}

impl Template {
    /// Reads the template from the text of its file, as [`load`] does; `example` is one of the zones that it makes, and
    /// the one that diagnostics speak of.
    pub fn load(example: &Name, file: &Path, text: &str, include: &dyn Include) -> (Option<Self>, Report) {
        let (zone, report) = load(example, file, text, include);
        if zone.is_none() {
            return (None, report);
        }
        let Ok(home) = Name::root().child(HOME) else { return (None, report) };
        // What is wrong below the home and right below the example hangs on the example's name.
        match load(&home, file, text, include) {
            (Some(mut zone), below) => {
                zone.set_template(text.into());
                let found = if below.warnings().count() > report.warnings().count() { below } else { report };
                (Some(Self { longest: longest(&zone), zone }), found)
            }
            (None, report) => (None, report),
        }
    }

    /// The template with `change` made to the zone that it is read as.
    pub(super) fn map(self, change: impl FnOnce(Zone) -> Zone) -> Self {
        Self { zone: change(self.zone), ..self }
    }

    /// The template under `policy`.
    #[must_use]
    pub fn with_policy(self, policy: Arc<ZonePolicy>) -> Self {
        self.map(|zone| zone.with_policy(policy))
    }

    /// The zone `origin`.
    ///
    /// # Errors
    /// `origin` again, if a name would become longer than 255 octets.
    pub fn zone(&self, origin: Name) -> Result<Zone, (Name, NameError)> {
        if self.longest + origin.as_wire().len() > Name::MAX_OCTETS {
            return Err((origin, NameError::LongName));
        }
        Ok(Zone::sharing(origin, &self.zone))
    }
}

/// Octets of the longest name in front of the home.
fn longest(zone: &Zone) -> usize {
    let home = zone.home();
    let apex = home.as_wire().len();
    let owners = zone.nodes().map(|node| node.owner.as_wire().len());
    let below = |data: &RData| {
        let Some(wire) = rdata::wire(data) else { return 0 };
        let names = names(data.record_type(), &wire);
        let lengths = names.into_iter().filter(|name| ends_in(wire.get(name.clone()), home)).map(|name| name.len());
        lengths.max().unwrap_or_default()
    };
    let targets = zone.nodes().flat_map(Node::rrsets).flat_map(|set| &set.rdata).map(below);
    owners.chain(targets).max().unwrap_or_default().saturating_sub(apex)
}

/// NSAP-PTR (RFC 1706), a name.
const NSAP_PTR: u16 = 23;
/// IPSECKEY (RFC 4025), whose gateway is a name if the second octet is 3.
const IPSECKEY: u16 = 45;
/// TALINK, two names.
const TALINK: u16 = 58;
/// LP (RFC 6742), a preference and a name.
const LP: u16 = 107;

/// Where names lie in record data, of those types too whose names keep their case when they are signed.
fn names(rtype: RecordType, wire: &[u8]) -> Vec<Range<usize>> {
    let first = match (rtype, wire.get(1)) {
        // RFC 9460 section 2.2: SvcPriority, TargetName, SvcParams.
        (RecordType::SVCB | RecordType::HTTPS | RecordType::Unknown(LP), _) => name_at(wire, 2),
        (RecordType::NSEC | RecordType::Unknown(NSAP_PTR | TALINK), _) => name_at(wire, 0),
        // Behind the fixed octets (RFC 4034 section 3.1).
        (RecordType::RRSIG, _) => name_at(wire, 18),
        (RecordType::Unknown(IPSECKEY), Some(3)) => name_at(wire, 3),
        (RecordType::Unknown(IPSECKEY), _) => None,
        _ => return names_in(rtype, wire),
    };
    let second = first.as_ref().filter(|_| u16::from(rtype) == TALINK).and_then(|first| name_at(wire, first.end));
    first.into_iter().chain(second).collect()
}

/// The name that starts at `start`.
fn name_at(wire: &[u8], start: usize) -> Option<Range<usize>> {
    let mut end = start;
    while let Some(&length) = wire.get(end)
        && length > 0
    {
        end += usize::from(length) + 1;
    }
    (end < wire.len()).then_some(start..end + 1)
}

fn ends_in(name: Option<&[u8]>, home: &Name) -> bool {
    name.is_some_and(|name| name.ends_with(home.as_wire()))
}

impl Zone {
    /// Whether other zones share the names of this one.
    pub(super) fn is_shared(&self) -> bool {
        self.home().as_wire() != self.origin().as_wire()
    }

    /// The owner of a node of this zone.
    #[must_use]
    pub fn owner(&self, node: &Node) -> Name {
        if !self.is_shared() {
            return node.owner.clone();
        }
        // The lengths were checked when the zone was made.
        node.owner.with_suffix(self.home(), self.origin()).unwrap_or_else(|_| self.origin().clone())
    }

    /// The record data of an RRset of this zone.
    #[must_use]
    pub fn rdata<'z>(&self, set: &'z RrSet) -> Cow<'z, [RData]> {
        if !self.is_shared() {
            return Cow::Borrowed(&set.rdata);
        }
        let moved: Vec<Option<RData>> = set.rdata.iter().map(|data| self.moved(data)).collect();
        if moved.iter().all(Option::is_none) {
            return Cow::Borrowed(&set.rdata);
        }
        Cow::Owned(
            moved.into_iter().zip(&set.rdata).map(|(moved, data)| moved.unwrap_or_else(|| data.clone())).collect(),
        )
    }

    /// Record data with the names below the home moved to the apex; `None` where there is none.
    fn moved(&self, data: &RData) -> Option<RData> {
        let rtype = data.record_type();
        if rtype.is_ip_addr() || rtype == RecordType::TXT {
            return None;
        }
        let wire = rdata::wire(data)?;
        let mut moved = Vec::with_capacity(wire.len() + self.origin().as_wire().len());
        let mut done = 0;
        let (home, origin) = (self.home(), self.origin());
        for name in names(rtype, &wire).into_iter().filter(|name| ends_in(wire.get(name.clone()), home)) {
            moved.extend(wire.get(done..name.end.checked_sub(home.as_wire().len())?)?);
            moved.extend(origin.as_wire());
            done = name.end;
        }
        if done == 0 {
            return None;
        }
        moved.extend(wire.get(done..)?);
        rdata::decode(Rtype::from_int(u16::from(rtype)), &moved, true)
    }

    /// The zone with names of its own, as for a zone file of its own.
    #[must_use]
    pub fn standalone(&self) -> Cow<'_, Self> {
        if !self.is_shared() {
            return Cow::Borrowed(self);
        }
        let mut nodes = HashMap::new();
        for node in self.nodes() {
            let owner = self.owner(node);
            let mut own = Node::empty(owner.clone());
            for (place, set) in node.placed_rrsets() {
                own.push(RrSet { rdata: self.rdata(set).into_owned(), ..set.clone() }, place);
            }
            nodes.insert(owner.key(), own);
        }
        let mut zone = self.clone();
        zone.set_nodes(nodes);
        Cow::Owned(zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::write;

    struct Nothing;

    impl Include for Nothing {
        fn read(&self, _: &Path) -> Result<String, String> {
            Err("nothing is there".to_owned())
        }
    }

    const TEMPLATE: &str = "$TTL 1h\n@ SOA ns1.host.example. hostmaster 7 1h 1h 1w 1h\n@ NS ns1.host.example.\n@ NS ns\n\
        ns A 192.0.2.53\n@ MX 10 mx\n@ MX 20 MX.host.example.\nmx A 192.0.2.1\n* CNAME www\nwww A 192.0.2.2\n\
        old DNAME new\n_x._tcp SRV 0 0 1 www\n@ HTTPS 1 www alpn=h2\n@ NAPTR 1 1 \"\" \"\" \"\" mx\n@ TXT \"v=spf1 mx -all\"\n\
        a.b.c TXT deep\nsub NS ns.sub\nns.sub A 192.0.2.3\n";

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn a_zone_of_a_template_says_what_its_own_file_would() {
        let file = Path::new("hosted.zone");
        let (template, report) = Template::load(&name("first.example"), file, TEMPLATE, &Nothing);
        let template = template.unwrap_or_else(|| panic!("{report}"));
        for origin in ["first.example", "Second.Test", "a.very.long.origin.for.a.hosted.domain.example", "x"] {
            let own = load(&name(origin), file, TEMPLATE, &Nothing).0.unwrap();
            let shared = template.zone(name(origin)).unwrap();
            assert_eq!(write(&shared.standalone()), write(&own), "{origin}");
            assert!(Arc::ptr_eq(shared.body(), template.zone.body()), "nothing is copied");
            for node in own.nodes() {
                let same = shared.node(&node.owner.key()).unwrap();
                assert_eq!(shared.owner(same), node.owner);
                for set in node.rrsets() {
                    assert_eq!(*shared.rdata(same.rrset(set.rtype).unwrap()), *set.rdata);
                }
            }
        }
    }

    #[test]
    fn a_name_that_would_be_too_long_is_no_zone() {
        let (template, _) = Template::load(&name("first.example"), Path::new("t"), TEMPLATE, &Nothing);
        let template = template.unwrap();
        // "hostmaster" is eleven octets in front of the apex, and the longest.
        let origin = |octets: usize| {
            let label = "a".repeat(49);
            name(&format!("{label}.{label}.{label}.{label}.{}", "b".repeat(octets - 4 * 50 - 2)))
        };
        assert_eq!(origin(244).as_wire().len(), 244);
        assert!(template.zone(origin(244)).is_ok());
        assert_eq!(template.zone(origin(245)).err(), Some((origin(245), NameError::LongName)));
    }

    #[test]
    fn mistakes_are_told_of_the_example() {
        let text = TEMPLATE.replace("mx A 192.0.2.1", "mx A 192.0.2.256");
        let (template, report) = Template::load(&name("first.example"), Path::new("t"), &text, &Nothing);
        assert!(template.is_none());
        assert!(!report.to_string().contains("the zone"), "{report}");
        // Right for the example alone: no zone has it, and that is said.
        let text = format!("{TEMPLATE}mx.first.example. TXT only here\n");
        let (template, report) = Template::load(&name("first.example"), Path::new("t"), &text, &Nothing);
        assert!(template.is_some() && report.to_string().contains("not in this zone"), "{report}");
    }
}
