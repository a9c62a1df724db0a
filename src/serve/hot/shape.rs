//! For which other questions the octets of a reply hold, and what has to be moved for them.
//!
//! Names of a reply are pointers into its question or to names written before. If the question's name is another one at
//! the same spot, it may be longer or shorter: then pointers behind the part that differs move. And it may have more in
//! common with a name of the reply, so that the pointer would lead elsewhere: for those questions the octets do not hold.

use super::super::response::Layout;
use crate::answer::{Inside, Relation};

const HEADER: usize = 12;
/// Octets of a question behind its name.
const TYPE_AND_CLASS: usize = 4;
/// Octets of a record between owner and data.
const RECORD_HEAD: usize = 10;
/// The most labels that may be written in a body that is moved. Together with those of its question that are targets of
/// pointers they are fewer than the 64 that the encoder remembers, so that their number changes nothing.
const MOVABLE_LABELS: usize = 40;
/// How many names the question may have from its own up to the apex: see [`MOVABLE_LABELS`].
pub(super) const MOVABLE_QUESTION: u8 = 16;

/// What a body holds for.
pub(super) struct Shape {
    /// Where pointers into the question's name stand, counted from the end of the question.
    pub(super) into_question: Box<[u16]>,
    /// Where pointers behind the question stand.
    pub(super) into_body: Box<[u16]>,
    /// Labels that must not stand right in front of the node in the question's name.
    pub(super) barred: Box<[Box<[u8]>]>,
    /// Names outside the zone, which must not lie in another zone that has the body.
    pub(super) foreign: Box<[Box<[u8]>]>,
    /// Whether it holds for one name only, or for all because it has no names.
    pub(super) is_fixed: bool,
}

/// Why a reply is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// This question has more in common with a name of the reply than others; another may do.
    Question,
    /// It holds for no other question.
    Reply,
}

impl Shape {
    /// The shape of a body that is sent for one name only.
    pub(super) fn fixed() -> Self {
        Self { into_question: [].into(), into_body: [].into(), barred: [].into(), foreign: [].into(), is_fixed: true }
    }

    /// The shape of the reply to a question at `spot`, `name` in lower case. `shared`: whether other zones may have it.
    pub(super) fn of(layout: &Layout, name: &[u8], spot: &Inside, shared: bool) -> Result<Self, Misfit> {
        let frame = HEADER + name.len() + TYPE_AND_CLASS;
        let (node_at, apex_at) = (usize::from(spot.node_at), usize::from(spot.apex_at));
        let (origin, node) = (name.get(apex_at..).unwrap_or_default(), name.get(node_at..).unwrap_or_default());
        let mut reader = Reader { packet: &layout.octets, at: frame, labels: 0, names: Vec::new() };
        let records: usize = layout.parts.iter().map(|part| usize::from(part.records)).sum();
        let read = (0..records).try_for_each(|_| reader.record());
        if read.is_none() || reader.labels > MOVABLE_LABELS {
            return Err(Misfit::Reply);
        }
        let mut shape = Moving::default();
        for found in &reader.names {
            let is_question = spot.relation == Relation::Wildcard && found.is_question();
            if is_question && found.place == Place::Data {
                return Err(Misfit::Question);
            }
            if let Some((at, target)) = found.pointer {
                let at = u16::try_from(at.saturating_sub(frame)).map_err(|_| Misfit::Reply)?;
                match target.checked_sub(HEADER).filter(|within| *within < name.len()) {
                    None => shape.into_body.push(at),
                    // What stands in front of the apex is the same in all questions, and pointers lead no deeper.
                    Some(_) if spot.relation == Relation::Itself || is_question => {}
                    // More in common with the question than others have.
                    Some(within) if within < node_at => return Err(Misfit::Question),
                    Some(_) => shape.into_question.push(at),
                }
            }
            if spot.relation != Relation::Itself && !is_question {
                shape.barred.extend(label_in_front(&found.name, node));
            }
            if shared && !is_question && !found.name.ends_with(origin) {
                shape.foreign.push(found.name.clone().into());
            }
        }
        // Names that are never written as pointers have the origin in them.
        let body = layout.octets.get(frame..).unwrap_or_default();
        if shared && body.windows(origin.len()).any(|octets| octets.eq_ignore_ascii_case(origin)) {
            return Err(Misfit::Reply);
        }
        Ok(shape.done())
    }

    /// Octets of memory beside the shape itself.
    pub(super) fn size(&self) -> usize {
        let names = self.barred.iter().chain(&self.foreign).map(|name| name.len() + size_of::<Box<[u8]>>());
        (self.into_question.len() + self.into_body.len()) * size_of::<u16>() + names.sum::<usize>()
    }
}

/// A shape in the making.
#[derive(Default)]
struct Moving {
    into_question: Vec<u16>,
    into_body: Vec<u16>,
    barred: Vec<Box<[u8]>>,
    foreign: Vec<Box<[u8]>>,
}

impl Moving {
    fn done(mut self) -> Shape {
        for names in [&mut self.foreign, &mut self.barred] {
            names.sort_unstable();
            names.dedup();
        }
        Shape {
            into_question: self.into_question.into(),
            into_body: self.into_body.into(),
            barred: self.barred.into(),
            foreign: self.foreign.into(),
            is_fixed: false,
        }
    }
}

/// The label, its length included, that stands in `name` right in front of `ancestor`.
fn label_in_front(name: &[u8], ancestor: &[u8]) -> Option<Box<[u8]>> {
    let mut rest = name;
    while let Some(&length) = rest.first()
        && length > 0
    {
        let (label, after) = rest.split_at_checked(usize::from(length) + 1)?;
        if after == ancestor {
            return Some(label.into());
        }
        rest = after;
    }
    None
}

/// What a name is in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Owner,
    Data,
}

/// A name of a reply.
struct Found {
    /// In full and in lower case.
    name: Vec<u8>,
    /// Where it begins.
    at: usize,
    /// The pointer that it ends with: where it stands, and where it leads.
    pointer: Option<(usize, usize)>,
    place: Place,
}

impl Found {
    /// Whether it is nothing but a pointer to the whole name of the question.
    fn is_question(&self) -> bool {
        self.pointer.is_some_and(|(at, target)| target == HEADER && at == self.at)
    }
}

/// Goes through the records of a packet of our own making.
struct Reader<'p> {
    packet: &'p [u8],
    at: usize,
    /// Labels that were written, an upper bound.
    labels: usize,
    names: Vec<Found>,
}

impl Reader<'_> {
    fn u16_at(&self, at: usize) -> Option<usize> {
        self.packet.get(at..)?.first_chunk().map(|octets| usize::from(u16::from_be_bytes(*octets)))
    }

    fn record(&mut self) -> Option<()> {
        self.name(Place::Owner)?;
        let rtype = self.u16_at(self.at)?;
        let data = self.at + RECORD_HEAD;
        let length = self.u16_at(data - 2)?;
        self.at = data;
        // The types in which the encoder writes pointers, and how many octets stand in front of their names.
        let (before, names) = match rtype {
            2 | 5 | 12 => (0, 1),
            6 => (0, 2),
            15 => (2, 1),
            _ => (0, 0),
        };
        self.at += before;
        for _ in 0..names {
            self.name(Place::Data)?;
        }
        if names == 0 {
            // Names of other types are written in full, and are targets of later ones: a label has two octets at least.
            self.labels += if matches!(rtype, 33 | 35 | 64 | 65) { length / 2 } else { 0 };
        }
        self.at = data + length;
        Some(())
    }

    fn name(&mut self, place: Place) -> Option<()> {
        let start = self.at;
        let (mut name, mut pointer, mut at) = (Vec::new(), None, start);
        loop {
            let length = usize::from(*self.packet.get(at)?);
            if length & 0xc0 == 0xc0 {
                let target = self.u16_at(at)? & 0x3fff;
                if pointer.is_none() {
                    pointer = Some((at, target));
                    self.at = at + 2;
                }
                // Backwards only, or there is no end to it.
                at = Some(target).filter(|target| *target < at)?;
                continue;
            }
            name.extend(self.packet.get(at..=at + length)?.iter().map(u8::to_ascii_lowercase));
            at += length + 1;
            if pointer.is_none() {
                self.at = at;
                self.labels += 1;
            }
            if length == 0 {
                break;
            }
        }
        self.names.push(Found { name, at: start, pointer, place });
        Some(())
    }
}
