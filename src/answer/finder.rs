//! Finding names without walking trees: all names of all zones in two flat tables of hashes.
//!
//! The names of zones made from one template stand in the table once, by what stands in front of the apex, so that a
//! million hosted domains cost their apexes and no more. What is found is not an answer but the *spot* that the answer
//! hangs on, by number: everyone who asks at the same spot for the same type gets the same records.

use std::collections::HashMap;

use hickory_proto::rr::RecordType;

use super::hashes::{Hashes, Labels, Suffixes};
use crate::zone::{Node, Zone, Zones};

/// Zones whose answers are alike but for their apex: those that share one tree. Most have it for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupIx(pub u32);

/// A zone, by its apex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApexIx(pub u32);

/// A name in the zones of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeIx(pub u32);

/// Where a question's name belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In none of our zones.
    Elsewhere,
    /// In a zone.
    Inside(Inside),
    /// Below a DNAME, or in a zone that could not be loaded: told by the tree alone.
    Rare,
}

/// Where in a zone a question's name belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The zone.
    pub apex: ApexIx,
    /// The zones that it is like.
    pub group: GroupIx,
    /// The name that the answer hangs on.
    pub node: NodeIx,
    /// What the node is to the name.
    pub relation: Relation,
    /// Where in the name the zone's apex begins, in octets.
    pub apex_at: u8,
    /// Where in the name the node begins: 0 where it is the name itself.
    pub node_at: u8,
    /// Labels in front of the apex.
    pub labels_in_front: u8,
    /// Whether the zone is signed.
    pub is_signed: bool,
    /// Whether the group has this zone only.
    pub is_alone: bool,
    /// Whether the zone may answer otherwise than others of its group.
    pub is_apart: bool,
}

/// What a node is to the name that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The name exists.
    Itself,
    /// The closest encloser, whose wildcard stands for the name.
    Wildcard,
    /// The closest encloser, without a wildcard: the name does not exist.
    Encloser,
    /// The zone cut that the name is at or below.
    Cut,
}

/// All names of all zones.
#[derive(Debug, Default)]
pub struct Finder {
    apexes: Hashes<APEX>,
    /// Whether there was no room for all names.
    lacks_some: bool,
    /// At which depths there are apexes, bit `n` for names of `n` labels.
    depths: u64,
    /// Each by what stands in front of the apex, with its number in front.
    nodes: Hashes<4>,
    /// By number.
    node_records: Vec<Record>,
    /// The types of all nodes, one node behind the other.
    types: Vec<u16>,
    groups: Vec<Group>,
}

/// An apex. The group of a zone that could not be loaded is [`UNAVAILABLE`].
#[derive(Clone, Copy, Debug)]
struct Apex {
    group: GroupIx,
    /// Whether its zone may answer otherwise than others of its group: another zone of ours lies below it, or its name is
    /// not in lower case, so that names end otherwise.
    is_apart: bool,
}

/// Octets of an apex.
const APEX: usize = 5;

impl Apex {
    fn to_octets(self) -> [u8; APEX] {
        let [a, b, c, d] = self.group.0.to_le_bytes();
        [a, b, c, d, u8::from(self.is_apart)]
    }

    const fn from_octets([a, b, c, d, is_apart]: [u8; APEX]) -> Self {
        Self { group: GroupIx(u32::from_le_bytes([a, b, c, d])), is_apart: is_apart != 0 }
    }
}

const UNAVAILABLE: GroupIx = GroupIx(u32::MAX);

#[derive(Clone, Copy, Debug)]
struct Group {
    /// Labels in front of the apex of the deepest name.
    depth: u8,
    /// How many zones there are.
    zones: u32,
    is_signed: bool,
}

/// What is known of a node.
#[derive(Clone, Copy, Debug)]
struct Record {
    group: GroupIx,
    /// Where its types stand among those of all nodes.
    types: (u32, u16),
    /// The node of the wildcard right below it.
    wildcard: Option<NodeIx>,
    /// The topmost cut or DNAME at or above it, which hides what is below.
    hidden: Option<Hider>,
}

#[derive(Clone, Copy, Debug)]
struct Hider {
    node: NodeIx,
    front: u8,
    kind: Hides,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hides {
    Cut,
    Dname,
}

const TYPE_CNAME: u16 = 5;
/// Octets that a table may have and still be in a near cache mostly.
const LARGE: usize = 1 << 18;

impl Finder {
    /// The names of `zones`.
    #[must_use]
    pub fn new(zones: &Zones) -> Self {
        let mut finder = Self { apexes: Hashes::with_room(zones.len()), ..Self::default() };
        let mut groups: HashMap<(usize, bool), GroupIx> = HashMap::new();
        for zone in zones.iter() {
            // Signing changes what is answered and not the tree.
            let alike = (zone.tree_id(), zone.secure().is_some());
            let group = *groups.entry(alike).or_insert_with(|| finder.add_group(zone));
            let (origin, key) = (zone.origin().as_wire(), zone.origin().key());
            finder.add_apex(&key, group, origin != &*key);
        }
        for origin in zones.unavailable() {
            finder.add_apex(origin, UNAVAILABLE, false);
        }
        for zone in zones.iter() {
            finder.note_inner(&zone.origin().key());
        }
        for origin in zones.unavailable() {
            finder.note_inner(origin);
        }
        finder
    }

    /// Notes of the zone above `key`, an apex, that it has another below it.
    fn note_inner(&mut self, key: &[u8]) {
        let labels = Labels::of(key);
        if labels.count() == 0 {
            return;
        }
        let above = key.get(usize::from(labels.offset(1))..).unwrap_or_default();
        let found = self.apex_above(above, &Labels::of(above), &mut Suffixes::default());
        if let Some((_, ApexIx(place), apex)) = found
            && let Some(head) = self.apexes.head_mut(place)
        {
            *head = Apex { is_apart: true, ..apex }.to_octets();
        }
    }

    /// The deepest apex at or above a name, with how many labels of the name stand in front of it.
    fn apex_above(&self, key: &[u8], labels: &Labels, suffixes: &mut Suffixes) -> Option<(u8, ApexIx, Apex)> {
        let (count, most) = self.most_labels(labels);
        suffixes.take_name(key, labels, most);
        (count - most..=count).find_map(|skipped| {
            if self.depths >> (count - skipped) & 1 == 0 {
                return None;
            }
            let rest = key.get(usize::from(labels.offset(skipped))..)?;
            // Names end where their root is.
            let (place, head) = self.apexes.find(suffixes.from(skipped), rest, |_, _| true)?;
            Some((skipped, ApexIx(place), Apex::from_octets(head)))
        })
    }

    /// How many labels there are, and how many of them an apex can have: nothing is deeper than the deepest.
    fn most_labels(&self, labels: &Labels) -> (u8, u8) {
        let deepest = self.depths.checked_ilog2().and_then(|depth| u8::try_from(depth).ok()).unwrap_or_default();
        (labels.count(), deepest.min(labels.count()))
    }

    fn add_apex(&mut self, key: &[u8], group: GroupIx, is_apart: bool) {
        let labels = Labels::of(key);
        if usize::from(labels.offset(labels.count())) + 1 != key.len() {
            // Too many labels: who asks below it has too many as well.
            return;
        }
        self.depths |= 1 << labels.count();
        let head = Apex { group, is_apart }.to_octets();
        if self.apexes.insert(Suffixes::of_name(key, &labels), head, key).is_none() {
            self.lacks_some = true;
            return;
        }
        if let Some(group) = self.group_mut(group) {
            group.zones += 1;
        }
    }

    fn add_group(&mut self, zone: &Zone) -> GroupIx {
        let group = GroupIx(u32::try_from(self.groups.len()).unwrap_or(u32::MAX));
        let first = self.node_records.len();
        let mut fronts: Vec<(&[u8], &Node)> = zone.fronts().collect();
        // The apex first, then what is below it: each name after those above it.
        fronts.sort_unstable_by_key(|(front, _)| front.len());
        let position = |ix: usize| NodeIx(u32::try_from(first + ix).unwrap_or(u32::MAX));
        let known: HashMap<&[u8], usize> = fronts.iter().enumerate().map(|(ix, (front, _))| (*front, ix)).collect();
        let mut depth = 0;
        for (ix, (front, node)) in fronts.iter().enumerate() {
            let labels = Labels::of(front);
            depth = depth.max(labels.count());
            let NodeIx(number) = position(ix);
            let hash = Suffixes::of_front(group, front, &labels);
            let place = self.nodes.insert(hash, number.to_le_bytes(), &[*front, &[END]].concat());
            self.lacks_some |= place.is_none();
            let above = labels
                .parent(front)
                .and_then(|parent| known.get(parent))
                .and_then(|ix| self.node_records.get(first + ix));
            let own = |kind| Hider { node: position(ix), front: u8::try_from(front.len()).unwrap_or(u8::MAX), kind };
            let hidden = above.and_then(|above| above.hidden).or_else(|| {
                if !front.is_empty() && node.rrset(RecordType::NS).is_some() {
                    Some(own(Hides::Cut))
                } else {
                    node.rrset(RecordType::DNAME).map(|_| own(Hides::Dname))
                }
            });
            let wildcard = known.get([b"\x01*", *front].concat().as_slice()).map(|ix| position(*ix));
            let before = self.types.len();
            self.types.extend(node.rrsets().iter().map(|set| u16::from(set.rtype)));
            // More than fit belong to nobody.
            let count = u16::try_from(self.types.len() - before).unwrap_or_default();
            let types = (u32::try_from(before).unwrap_or(u32::MAX), count);
            self.node_records.push(Record { group, types, wildcard, hidden });
        }
        self.groups.push(Group { depth, zones: 0, is_signed: zone.secure().is_some() });
        group
    }

    /// Where `key`, a lower-cased name in wire format with `labels`, belongs. Not for the type DS, which is its parent's.
    #[must_use]
    pub fn find(&self, key: &[u8], labels: &Labels, suffixes: &mut Suffixes) -> Spot {
        if self.lacks_some {
            return Spot::Rare;
        }
        let Some((skipped, apex, known)) = self.apex_above(key, labels, suffixes) else { return Spot::Elsewhere };
        let (apex_at, Apex { group, is_apart }) = (labels.offset(skipped), known);
        let Some(&Group { depth, zones, is_signed }) = self.group(group) else { return Spot::Rare };
        let front = key.get(..usize::from(apex_at)).unwrap_or_default();
        // Nothing is deeper than the deepest name.
        let most = depth.min(skipped);
        suffixes.take_front(group, front, labels, (skipped, most));
        let nearest = (skipped - most..=skipped).find_map(|label| {
            let at = labels.offset(label);
            let rest = front.get(usize::from(at)..)?;
            let (_, number) = self.nodes.find(suffixes.from(label), rest, |number, after| {
                // Behind it, and not in the middle of a longer one.
                let is_end = after.first() == Some(&END);
                is_end && self.node(u32::from_le_bytes(*number)).is_some_and(|node| node.group == group)
            })?;
            let number = u32::from_le_bytes(number);
            Some((at, NodeIx(number), self.node(number)?))
        });
        let Some((node_at, node, record)) = nearest else { return Spot::Rare };
        let inside = |node, relation, node_at| {
            Spot::Inside(Inside {
                apex,
                group,
                node,
                relation,
                apex_at,
                node_at,
                labels_in_front: skipped,
                is_signed,
                is_alone: zones == 1,
                is_apart,
            })
        };
        match record.hidden {
            // A DNAME hides what is below it, not itself.
            Some(hider) if hider.kind == Hides::Dname && !(node_at == 0 && hider.node == node) => Spot::Rare,
            Some(hider) if hider.kind == Hides::Cut => {
                inside(hider.node, Relation::Cut, apex_at.saturating_sub(hider.front))
            }
            _ if node_at == 0 => inside(node, Relation::Itself, 0),
            _ if record.wildcard.is_some() => inside(node, Relation::Wildcard, node_at),
            _ => inside(node, Relation::Encloser, node_at),
        }
    }

    /// Whether the apexes take more than caches hold, so that [`Self::approach`] is worth its while.
    #[must_use]
    pub const fn is_large(&self) -> bool {
        self.apexes.extent() > LARGE
    }

    /// The hashes that the search for the zone of `key` goes by, for [`Self::approach`].
    pub fn hashes<'s>(
        &'s self,
        key: &[u8],
        labels: &Labels,
        suffixes: &'s mut Suffixes,
    ) -> impl Iterator<Item = u64> + 's {
        let (count, most) = self.most_labels(labels);
        suffixes.take_name(key, labels, most);
        let is_apex_there = move |skipped: &u8| self.depths >> (count - skipped) & 1 != 0;
        (count - most..=count).filter(is_apex_there).map(|skipped| suffixes.from(skipped))
    }

    /// Has the memory come closer that [`Self::find`] reads first for names with these hashes; they are spent by it.
    pub fn approach(&self, hashes: &mut [u64]) {
        self.apexes.approach(hashes);
    }

    fn node(&self, node: u32) -> Option<&Record> {
        self.node_records.get(usize::try_from(node).ok()?)
    }

    fn group(&self, group: GroupIx) -> Option<&Group> {
        self.groups.get(usize::try_from(group.0).ok()?)
    }

    fn group_mut(&mut self, group: GroupIx) -> Option<&mut Group> {
        self.groups.get_mut(usize::try_from(group.0).ok()?)
    }

    /// Whether the name or wildcard at a spot certainly has no record of the type `rtype`, nor an alias.
    #[must_use]
    pub fn lacks(&self, spot: &Inside, rtype: u16) -> bool {
        let record = |NodeIx(node)| self.node(node);
        let record = match spot.relation {
            Relation::Itself => record(spot.node),
            Relation::Wildcard => record(spot.node).and_then(|encloser| record(encloser.wildcard?)),
            Relation::Encloser | Relation::Cut => None,
        };
        let Some((first, count)) = record.map(|record| record.types) else { return false };
        let types = usize::try_from(first).ok().and_then(|first| self.types.get(first..)?.get(..count.into()));
        let present = |types: &[u16]| types.iter().any(|known| *known == rtype || *known == TYPE_CNAME);
        types.is_some_and(|types| !present(types))
    }
}

/// Behind what stands in front of an apex: no label begins so.
const END: u8 = 0;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::lookup::{Place, locate, zone_for};
    use super::*;
    use crate::model::Name;
    use crate::zone::{self, Include, Template};

    struct Nothing;

    impl Include for Nothing {
        fn read(&self, _: &Path) -> Result<String, String> {
            Err("nothing is there".to_owned())
        }
    }

    const ZONE: &str = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\na.b.c A 192.0.2.2\n*.w TXT x\n\
        a.w TXT y\n*.a.w NS ns\nsub NS ns.sub\nns.sub A 192.0.2.3\nx.y.sub DNAME b\nold DNAME b\nbelow.old TXT hidden\n\
        in.sub NS ns\nold.w DNAME b\n* MX 10 ns\n";
    const LABELS: [&str; 14] = ["a", "b", "c", "w", "*", "sub", "ns", "old", "x", "y", "in", "below", "t", "other"];

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn zones() -> Zones {
        let load = |origin: &str| zone::load(&name(origin), Path::new("zone"), ZONE, &Nothing).0.unwrap();
        let template = Template::load(&name("t"), Path::new("zone"), ZONE, &Nothing).0.unwrap();
        let own = ["a.test", "test", "b.a.a.test", "sub.other"].map(load);
        let hosted = ["a.t", "b.t", "w.a.t", "a.other"].map(|origin| template.zone(name(origin)).unwrap());
        let mut zones: Zones = own.into_iter().chain(hosted).collect();
        zones.insert_unavailable(&name("x.test"));
        zones
    }

    #[test]
    fn zones_of_one_tree_are_one_group() {
        let (zones, spot) = (zones(), |finder: &Finder, text: &str| {
            let key = name(text).key();
            match finder.find(&key, &Labels::of(&key), &mut Suffixes::default()) {
                Spot::Inside(spot) => spot,
                other => panic!("{text}: {other:?}"),
            }
        });
        let finder = Finder::new(&zones);
        let (one, other) = (spot(&finder, "ns.a.t"), spot(&finder, "ns.b.t"));
        assert_eq!((one.group, one.node), (other.group, other.node));
        assert_ne!(one.apex, other.apex);
        assert!(!one.is_alone && spot(&finder, "ns.test").is_alone);
        assert!(one.is_apart && !other.is_apart, "w.a.t lies in a.t");
        assert!(spot(&finder, "ns.test").is_apart);
        assert!(finder.lacks(&one, RecordType::MX.into()) && !finder.lacks(&one, RecordType::A.into()));
        assert!(
            !finder.lacks(&spot(&finder, "q.q.b.t"), RecordType::MX.into())
                && finder.lacks(&spot(&finder, "q.b.t"), RecordType::A.into())
        );
    }

    proptest! {
        /// The tables and the tree agree on where every name belongs.
        #[test]
        fn names_are_found_where_the_tree_has_them(
            labels in prop::collection::vec(prop::sample::select(&LABELS), 0..6),
            origin in prop::sample::select(vec!["a.test", "test", "b.a.a.test", "sub.other", "a.t", "w.a.t", "a.other", "org", ""]),
        ) {
            thread_local! {
                // Kept, as workers keep theirs: what is left of other names must not matter.
                static SUFFIXES: RefCell<Suffixes> = RefCell::default();
                static WORLD: (Zones, Finder) = { let zones = zones(); let finder = Finder::new(&zones); (zones, finder) };
            }
            let text = labels.iter().copied().chain([origin]).filter(|label| !label.is_empty()).collect::<Vec<_>>().join(".");
            let key = if text.is_empty() { Name::root().key() } else { name(&text).key() };
            SUFFIXES.with(|suffixes| WORLD.with(|(zones, finder)| {
                let spot = finder.find(&key, &Labels::of(&key), &mut suffixes.borrow_mut());
                let Some(zone) = zone_for(zones, &key, RecordType::TXT) else {
                    let expected = if zones.is_unavailable(&key) { Spot::Rare } else { Spot::Elsewhere };
                    prop_assert_eq!(spot, expected, "{}", text);
                    return Ok(());
                };
                let place = locate(zone, &key, RecordType::TXT);
                let apex = zone.origin().key();
                // The number of a node is its own in its group: the same name gives it by itself.
                let number = |owner: &Node| {
                    let key = zone.owner(owner).key();
                    match finder.find(&key, &Labels::of(&key), &mut suffixes.borrow_mut()) { Spot::Inside(spot) => Some(spot.node), _ => None }
                };
                let (relation, node, at) = match (place, spot) {
                    (Place::Dname(..), spot) => { prop_assert_eq!(spot, Spot::Rare, "{}", text); return Ok(()); }
                    (Place::Cut(node, _), _) => (Relation::Cut, number(node), key.len() - zone.owner(node).key().len()),
                    (Place::Node(found), _) => match found.encloser {
                        None => (Relation::Itself, number(found.node), 0),
                        Some(encloser) => {
                            let node = zone.node(&key[key.len() - encloser..]).unwrap();
                            (Relation::Wildcard, number(node), key.len() - encloser)
                        }
                    },
                    (Place::Nowhere(encloser), _) => {
                        (Relation::Encloser, zone.node(&key[key.len() - encloser..]).and_then(number), key.len() - encloser)
                    }
                };
                let Spot::Inside(spot) = spot else { return Err(TestCaseError::fail(format!("{text}: {spot:?}"))) };
                prop_assert_eq!((spot.relation, Some(spot.node), usize::from(spot.node_at)), (relation, node, at), "{}", text);
                prop_assert_eq!(&key[usize::from(spot.apex_at)..], &*apex);
                Ok(())
            }))?;
        }
    }
}
