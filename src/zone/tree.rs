//! The immutable tree of a zone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hickory_proto::rr::{RData, RecordType};

use super::SteeredIx;
use super::overlay::Dynamic;
use crate::dnssec::{OrderKey, Secure};
use crate::model::{ContentHash, Name, ZonePolicy};

/// All records of one owner and type, in declared order without repetitions (RFC 2181 section 5).
#[derive(Clone, Debug)]
pub struct RrSet {
    /// The type.
    pub rtype: RecordType,
    /// The declared TTL in seconds; the lowest where records of the set differ (RFC 2181 section 5.2).
    pub ttl: u32,
    /// The record data, never empty.
    pub rdata: Vec<RData>,
    /// Set by attribution where a service steers the set.
    pub steered: Option<SteeredIx>,
}

/// Where an RRset was first declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Position in the files of its zone: 0 is the zone file, the others are included.
    pub(super) file: u32,
    /// Line, from 1.
    pub line: u32,
}

/// A name that exists in a zone. One without RRsets is an empty non-terminal (RFC 8020, RFC 4592 section 2.2.2).
#[derive(Clone, Debug)]
pub struct Node {
    /// The owner with the case of its first appearance.
    pub owner: Name,
    rrsets: Vec<RrSet>,
    /// Parallel to `rrsets`.
    places: Vec<Place>,
}

impl Node {
    /// A node without RRsets.
    #[must_use]
    pub const fn empty(owner: Name) -> Self {
        Self { owner, rrsets: Vec::new(), places: Vec::new() }
    }

    /// The RRset of `rtype`.
    #[must_use]
    pub fn rrset(&self, rtype: RecordType) -> Option<&RrSet> {
        self.rrsets.iter().find(|set| set.rtype == rtype)
    }

    /// All RRsets in declared order.
    #[must_use]
    pub fn rrsets(&self) -> &[RrSet] {
        &self.rrsets
    }

    /// All RRsets in declared order, with where each was first declared.
    pub fn placed_rrsets(&self) -> impl Iterator<Item = (Place, &RrSet)> {
        self.places.iter().copied().zip(&self.rrsets)
    }

    /// The RRset of `rtype`, to add to it.
    pub(super) fn rrset_mut(&mut self, rtype: RecordType) -> Option<&mut RrSet> {
        self.rrsets.iter_mut().find(|set| set.rtype == rtype)
    }

    /// All RRsets, to attribute them.
    pub(super) fn rrsets_mut(&mut self) -> &mut [RrSet] {
        &mut self.rrsets
    }

    /// Keeps the RRsets of the types that `keep` says.
    pub(super) fn retain(&mut self, keep: impl Fn(RecordType) -> bool) {
        let placed = std::mem::take(&mut self.places).into_iter().zip(std::mem::take(&mut self.rrsets));
        (self.places, self.rrsets) = placed.filter(|(_, set)| keep(set.rtype)).unzip();
    }

    /// Drops RRsets that have lost all their records.
    pub(super) fn drop_empty(&mut self) {
        let placed = std::mem::take(&mut self.places).into_iter().zip(std::mem::take(&mut self.rrsets));
        (self.places, self.rrsets) = placed.filter(|(_, set)| !set.rdata.is_empty()).unzip();
    }

    /// Gives back the room for more than there is: of a hundred thousand zones it would be most of what they take.
    fn shrink(&mut self) {
        self.rrsets.shrink_to_fit();
        self.places.shrink_to_fit();
        self.rrsets.iter_mut().for_each(|set| set.rdata.shrink_to_fit());
    }

    /// Adds the RRset of another type.
    pub(super) fn push(&mut self, set: RrSet, place: Place) {
        self.rrsets.push(set);
        self.places.push(place);
    }
}

/// One zone: every name that exists in it, glue and what lies below cuts included.
///
/// Zones made from one template share one tree, in which names stand below a home instead of the zone's own apex: what
/// they say is had through [`Zone::owner`] and [`Zone::rdata`], or from [`Zone::standalone`]. All that they have besides a
/// name is shared, so that a zone of a template is no more than its name and a clone of any zone costs no more than that.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    body: Arc<Body>,
}

/// What zones of one template have in common: everything but the name.
#[derive(Clone, Debug)]
pub(super) struct Body {
    serial: u32,
    /// As the SOA of the source has it.
    declared_serial: u32,
    /// Of the records, where the serial follows from it.
    content: Option<ContentHash>,
    tree: Arc<Tree>,
    policy: Arc<ZonePolicy>,
    /// What updates changed, where they may.
    dynamic: Option<Arc<Dynamic>>,
    secure: Option<Arc<Secure>>,
}

/// The names of a zone, or of all zones of a template.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// The apex under which owners and record data stand.
    home: Name,
    /// By what stands in front of the apex in [`Name::key`].
    nodes: HashMap<Box<[u8]>, Node>,
    /// The zone file, then the included ones.
    files: Vec<PathBuf>,
    /// Of a template, the text of its file.
    template: Option<Arc<str>>,
}

impl Zone {
    /// A zone of `nodes`, keyed by [`Name::key`]. The loader guarantees an apex with one SOA, and a node for
    /// every empty non-terminal.
    pub(super) fn new(origin: Name, serial: u32, nodes: HashMap<Box<[u8]>, Node>, files: Vec<PathBuf>) -> Self {
        let apex = origin.as_wire().len();
        let in_front = |key: Box<[u8]>| key.get(..key.len().saturating_sub(apex)).unwrap_or_default().into();
        let shrunk = |mut node: Node| {
            node.shrink();
            node
        };
        let nodes = nodes.into_iter().map(|(key, node)| (in_front(key), shrunk(node))).collect();
        let tree = Arc::new(Tree { home: origin.clone(), nodes, files, template: None });
        Self::of(origin, serial, tree)
    }

    fn of(origin: Name, serial: u32, tree: Arc<Tree>) -> Self {
        let body = Body {
            serial,
            declared_serial: serial,
            content: None,
            tree,
            policy: Arc::default(),
            dynamic: None,
            secure: None,
        };
        Self { origin, body: Arc::new(body) }
    }

    /// What the zone has besides its name, to change it; copied first where other zones have it too.
    fn body_mut(&mut self) -> &mut Body {
        Arc::make_mut(&mut self.body)
    }

    /// The zone under `policy`; a zone as loaded has one that allows nothing.
    #[must_use]
    pub fn with_policy(mut self, policy: Arc<ZonePolicy>) -> Self {
        if self.body.policy != policy {
            self.body_mut().policy = policy;
        }
        self
    }

    /// Who may transfer and update the zone, who is told of changes, how it is signed.
    #[must_use]
    pub fn policy(&self) -> &Arc<ZonePolicy> {
        &self.body.policy
    }

    /// The apex.
    #[must_use]
    pub const fn origin(&self) -> &Name {
        &self.origin
    }

    /// The keys and the chain of a signed zone.
    #[must_use]
    pub fn secure(&self) -> Option<&Arc<Secure>> {
        self.body.secure.as_ref()
    }

    /// The serial of the SOA: as declared, or as updates and the serial policy made it. A signed zone is served with a
    /// higher one: see [`Zone::secured`].
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.body.serial
    }

    /// The serial of the SOA as declared.
    #[must_use]
    pub fn declared_serial(&self) -> u32 {
        self.body.declared_serial
    }

    /// What the serial stands for, where it does not simply follow the declared one.
    pub(super) fn content(&self) -> Option<ContentHash> {
        self.body.content
    }

    /// What updates changed, where they may.
    pub(super) fn dynamic(&self) -> Option<&Arc<Dynamic>> {
        self.body.dynamic.as_ref()
    }

    pub(super) fn set_dynamic(&mut self, dynamic: Arc<Dynamic>) {
        self.body_mut().dynamic = Some(dynamic);
    }

    /// Puts `serial`, which stands for `content`, in place of the present one.
    pub(super) fn set_edition(&mut self, serial: u32, content: ContentHash) {
        let body = self.body_mut();
        body.content = Some(content);
        if body.serial == serial {
            return;
        }
        body.serial = serial;
        let apex = Arc::make_mut(&mut body.tree).nodes.get_mut(&[][..]);
        if let Some(RData::SOA(soa)) = apex.and_then(|apex| apex.rrset_mut(RecordType::SOA)?.rdata.first_mut()) {
            soa.serial = serial;
        }
    }

    /// The node of a lower-cased name in wire format.
    #[must_use]
    pub fn node(&self, key: &[u8]) -> Option<&Node> {
        self.body.tree.nodes.get(self.in_front(key)?)
    }

    /// Which names the zone has: zones of one template share them, and have the same number for as long as one of them
    /// lives. Meaningless beyond that.
    #[must_use]
    pub fn tree_id(&self) -> usize {
        Arc::as_ptr(&self.body.tree).addr()
    }

    /// All nodes, in no order, each with what stands in front of the apex in its lower-cased name in wire format. These
    /// are the same for all zones of a [`Zone::tree_id`].
    pub fn fronts(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.body.tree.nodes.iter().map(|(front, node)| (&**front, node))
    }

    /// The file that `place` is in.
    #[must_use]
    pub fn file(&self, place: Place) -> &Path {
        usize::try_from(place.file)
            .ok()
            .and_then(|ix| self.body.tree.files.get(ix))
            .map_or(Path::new(""), PathBuf::as_path)
    }

    /// Of a zone made from a template, the file of that and its text as it was read. Zones of the same reading have the very
    /// same text, whatever became of the file since.
    #[must_use]
    pub fn template(&self) -> Option<(&Path, &Arc<str>)> {
        Some((self.body.tree.files.first()?.as_path(), self.body.tree.template.as_ref()?))
    }

    /// Notes that the zone is the tree of a template that was read from `text`.
    pub(super) fn set_template(&mut self, text: Arc<str>) {
        self.tree_mut().template = Some(text);
    }

    /// All nodes, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.body.tree.nodes.values()
    }

    /// All RRsets with their nodes: owners in the canonical order of RFC 4034 section 6.1, so that the apex comes first,
    /// and at each owner the SOA first, then the others by the number of their type.
    pub fn records(&self) -> impl Iterator<Item = (&Node, &RrSet)> {
        let mut nodes: Vec<&Node> = self.nodes().filter(|node| !node.rrsets.is_empty()).collect();
        nodes.sort_by_cached_key(|node| OrderKey::of(&node.owner.key()));
        nodes.into_iter().flat_map(|node| {
            let mut sets: Vec<&RrSet> = node.rrsets.iter().collect();
            sets.sort_by_key(|set| (set.rtype != RecordType::SOA, u16::from(set.rtype)));
            sets.into_iter().map(move |set| (node, set))
        })
    }

    /// What stands in front of the apex in a lower-cased name in wire format; `None` outside the zone.
    fn in_front<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let (front, apex) = key.split_at_checked(key.len().checked_sub(self.origin.as_wire().len())?)?;
        apex.eq_ignore_ascii_case(self.origin.as_wire()).then_some(front)
    }

    /// What the zone has besides its name, which other zones may share.
    pub(super) const fn body(&self) -> &Arc<Body> {
        &self.body
    }

    /// The zone `origin` with the tree of a zone that stands below another home.
    pub(super) fn sharing(origin: Name, of: &Self) -> Self {
        Self { origin, body: Arc::clone(&of.body) }
    }

    /// Takes what a zone has that says the same.
    pub(super) fn share(&mut self, body: &Arc<Body>) {
        self.body = Arc::clone(body);
    }

    fn tree_mut(&mut self) -> &mut Tree {
        Arc::make_mut(&mut self.body_mut().tree)
    }

    /// The apex under which the names of the tree stand.
    pub(super) fn home(&self) -> &Name {
        &self.body.tree.home
    }

    /// Puts a tree of this zone alone in place of one that others share.
    pub(super) fn set_nodes(&mut self, nodes: HashMap<Box<[u8]>, Node>) {
        let files = self.body.tree.files.clone();
        let own = Self::new(self.origin.clone(), self.serial(), nodes, files);
        self.body_mut().tree = Arc::clone(&own.body.tree);
    }

    /// All nodes, to change them.
    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.tree_mut().nodes.values_mut()
    }

    /// The node of `owner`, made with every missing name between it and the apex (RFC 4592 section 2.2.2); `None` if it
    /// is not in the zone.
    pub(super) fn node_or_insert(&mut self, owner: &Name) -> Option<&mut Node> {
        let key = owner.key();
        let front: Box<[u8]> = self.in_front(&key)?.into();
        let nodes = &mut Arc::make_mut(&mut Arc::make_mut(&mut self.body).tree).nodes;
        let (mut name, mut rest) = (Some(owner.clone()), front.as_ref());
        while let Some(missing) = name.filter(|_| !nodes.contains_key(rest)) {
            name = missing.parent();
            nodes.insert(rest.into(), Node::empty(missing));
            rest = rest.split_first().and_then(|(length, after)| after.get(usize::from(*length)..)).unwrap_or_default();
        }
        nodes.get_mut(&front)
    }

    /// Takes a node away.
    pub(super) fn remove_node(&mut self, key: &[u8]) {
        if let Some(front) = self.in_front(key) {
            Arc::make_mut(&mut Arc::make_mut(&mut self.body).tree).nodes.remove(front);
        }
    }

    /// Marks the zone as signed.
    pub(super) fn set_secure(&mut self, secure: Arc<Secure>) {
        self.body_mut().secure = Some(secure);
    }

    /// The node of a lower-cased name in wire format, to change it.
    pub(super) fn node_mut(&mut self, key: &[u8]) -> Option<&mut Node> {
        let front = self.in_front(key)?;
        self.tree_mut().nodes.get_mut(front)
    }
}
