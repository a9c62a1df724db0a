//! The octets of a reply behind its question, and how they are put into a packet.

use std::ops::Range;

use hickory_proto::ProtoError;

use super::super::bounds::{UDP_PAYLOAD, UDP_PLAIN};
use super::super::cookies::FullCookie;
use super::super::kind::{Kind, Trait, zone_mark};
use super::super::options::Extension;
use super::super::response::{LaidPart, Layout, Section, Sign};
use super::query::Query;
use super::shape::{MOVABLE_QUESTION, Misfit, Shape};
use crate::answer::{Inside, Relation, Reply, Tables};
use crate::dnssec::{Window, renewal};
use crate::model::{ServiceIx, SiteSet};

const HEADER: usize = 12;
/// Octets of an OPT record without options.
const OPT: usize = 11;
/// Octets of an option beside its data.
const OPTION_HEAD: usize = 4;

/// A reply without question, ID and OPT.
pub(super) struct Body {
    /// Of the zone that it was made for.
    spot: Inside,
    name_length: u8,
    rcode: u8,
    authoritative: bool,
    octets: Box<[u8]>,
    /// Ends are counted from the end of the question.
    parts: Box<[LaidPart]>,
    /// All parts.
    whole: Fit,
    shape: Shape,
    kind: BodyKind,
    /// Which sites it names, for which service and how long in seconds; hosts of one site left out.
    pub(super) named: Box<[(ServiceIx, SiteSet, u32)]>,
    /// Extended errors, as options.
    notes: Box<[u8]>,
    /// From when until when its signatures are those to send, in seconds since 1970.
    fresh: Range<u64>,
}

/// How the kind of a response follows.
#[derive(Clone, Copy, Debug)]
enum BodyKind {
    Fixed(Kind),
    /// From the zone of the question.
    OfZone(u64),
}

/// Whether a body that holds for more than one name may hold for the name at this spot.
pub(super) const fn is_movable(spot: &Inside) -> bool {
    spot.labels_in_front < MOVABLE_QUESTION
}

/// Where a body may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// For names of its zone alone.
    Zone,
    /// For names of all zones that share its tree.
    Group,
}

impl Body {
    /// The body of `reply` to `query` at `spot`, or why it can be sent for no other question there. `now` is in seconds since
    /// 1970, `key` that of the rate limiter.
    ///
    /// # Errors
    /// If the reply cannot be encoded or signed.
    pub(super) fn new(
        query: &Query<'_>,
        spot: &Inside,
        reach: Reach,
        reply: &Reply<'_>,
        tables: &Tables,
        sign: Sign<'_>,
        (now, key): (u64, &[u8; 16]),
    ) -> Result<Result<Self, Misfit>, ProtoError> {
        let question = query.question.to_ascii_lowercase();
        let layout = Layout::new(&question, reply, sign)?;
        let shape = if layout.parts.is_empty() || (reach == Reach::Zone && spot.relation == Relation::Itself) {
            Shape::fixed()
        } else if !is_movable(spot) {
            return Ok(Err(Misfit::Question));
        } else {
            match Shape::of(&layout, query.name, spot, reach == Reach::Group) {
                Ok(shape) => shape,
                Err(misfit) => return Ok(Err(misfit)),
            }
        };
        let (zone, like) = Trait::of(reply);
        let is_own = zone.is_some() && zone == reply.within;
        let kind = match (reach, is_own) {
            (Reach::Group, true) => BodyKind::OfZone(like.mark(key)),
            // A cut of its own for each zone.
            (Reach::Group, false)
                if zone.is_some_and(|zone| reply.within.is_some_and(|apex| zone.is_at_or_below(apex))) =>
            {
                return Ok(Err(Misfit::Reply));
            }
            _ => BodyKind::Fixed(Kind::of(reply, key)),
        };
        let frame = HEADER + question.len();
        // What fits no datagram is never sent.
        let sendable = layout.parts.iter().map(|part| part.end).filter(|end| *end - frame <= UDP_PAYLOAD.into()).max();
        let octets = layout.octets.get(frame..sendable.unwrap_or(frame)).unwrap_or_default();
        let parts: Box<[LaidPart]> =
            layout.parts.iter().map(|part| LaidPart { end: part.end.saturating_sub(frame), ..*part }).collect();
        let signed = reply.answer.iter().chain(&reply.authority).chain(reply.additional.iter().map(|glue| &glue.part));
        let owners = signed
            .filter_map(|part| part.signer.as_ref().map(|signer| signer.wildcard.as_ref().unwrap_or(&part.owner)));
        let notes = reply.notes.iter().flat_map(|note| {
            let length = u16::try_from(note.text.len() + 2).unwrap_or(u16::MAX);
            [&15_u16.to_be_bytes()[..], &length.to_be_bytes(), &note.code.to_be_bytes(), note.text.as_bytes()].concat()
        });
        let named = reply.named.iter().filter(|named| !tables.is_host(named.set));
        Ok(Ok(Self {
            spot: *spot,
            name_length: query.name_length,
            rcode: reply.rcode.low(),
            authoritative: reply.authoritative,
            octets: octets.into(),
            whole: fit(&parts, usize::MAX).unwrap_or_default(),
            parts,
            shape,
            kind,
            named: named.map(|named| (named.service, named.sites, named.ttl)).collect(),
            notes: notes.collect(),
            fresh: owners.map(|owner| renewal(owner, now)).fold(0..u64::MAX, |fresh, end| {
                // A clock that is set back makes other signatures right.
                fresh.start.max(end - Window::RENEWAL)..fresh.end.min(end)
            }),
        }))
    }

    /// Octets of memory that it takes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>()
            + self.octets.len()
            + self.parts.len() * size_of::<LaidPart>()
            + self.shape.size()
            + self.named.len() * size_of::<(ServiceIx, SiteSet, u32)>()
            + self.notes.len()
    }

    /// Whether its signatures are those to send at `now`, in seconds since 1970.
    pub(super) fn is_fresh(&self, now: u64) -> bool {
        self.fresh.contains(&now)
    }

    /// Whether it holds for `query` at `spot`, which has the same key.
    pub(super) fn holds_for(&self, query: &Query<'_>, spot: &Inside) -> bool {
        if self.shape.is_fixed {
            return true;
        }
        if !is_movable(spot) {
            return false;
        }
        if !self.shape.barred.is_empty() {
            let label = query.label_before(spot.node_at);
            if self.shape.barred.iter().any(|barred| **barred == *label) {
                return false;
            }
        }
        if spot.apex == self.spot.apex || self.shape.foreign.is_empty() {
            return true;
        }
        let origin = query.name.get(usize::from(spot.apex_at)..).unwrap_or_default();
        !self.shape.foreign.iter().any(|name| name.ends_with(origin))
    }

    /// The kind of the response to `query` at `spot`.
    pub(super) fn kind(&self, query: &Query<'_>, spot: &Inside, key: &[u8; 16]) -> Kind {
        match self.kind {
            BodyKind::Fixed(kind) => kind,
            BodyKind::OfZone(like) => {
                let apex = query.name.get(usize::from(spot.apex_at)..).unwrap_or_default();
                Kind::within(zone_mark(apex, key), like)
            }
        }
    }

    /// Writes the reply to `query` at `spot`. `None` where it takes more than leaving RRsets out at the end to make it fit.
    pub(super) fn write(
        &self,
        query: &Query<'_>,
        spot: &Inside,
        options: &Options<'_>,
        out: &mut [u8],
    ) -> Option<Written> {
        let frame = HEADER + query.question.len();
        let limit = query.edns.as_ref().map_or(UDP_PLAIN, |edns| edns.payload.clamp(UDP_PLAIN, UDP_PAYLOAD));
        let room = |opt: usize| usize::from(limit).saturating_sub(opt).saturating_sub(frame);
        let (fit, extent) = match &query.edns {
            None => (self.fit(room(0))?, Extent::Needed),
            Some(edns) => {
                let (needed, everything) = (options.needed(edns), options.everything(edns, &self.notes));
                let may_shrink = edns.nsid || !self.notes.is_empty();
                let whole = if may_shrink && frame + everything > usize::from(limit) {
                    None
                } else {
                    Some(self.fit(room(everything))?).filter(|fit| !(may_shrink && fit.truncated))
                };
                match whole {
                    Some(fit) => (fit, Extent::Everything),
                    None => (self.fit(room(needed))?, Extent::Needed),
                }
            }
        };
        let mut writer = Writer { out, at: 0 };
        writer.head(query, self.rcode, self.authoritative, fit.truncated, fit.counts)?;
        let start = writer.at;
        writer.put(self.octets.get(..fit.end)?)?;
        self.moved(query, spot, fit.end, writer.out.get_mut(start..writer.at)?)?;
        if let Some(edns) = &query.edns {
            let notes = if extent == Extent::Everything { &*self.notes } else { &[] };
            writer.opt(edns, options, extent, notes, 0)?;
        }
        Some(Written {
            length: writer.at,
            truncated: fit.truncated,
            rcode: self.rcode.into(),
            is_empty: fit.counts[0] == 0,
        })
    }

    /// Moves the pointers of the first `end` octets to where they lead for `query`.
    fn moved(&self, query: &Query<'_>, spot: &Inside, end: usize, body: &mut [u8]) -> Option<()> {
        let shift = i32::from(query.name_length) - i32::from(self.name_length);
        let node_shift = i32::from(spot.node_at) - i32::from(self.spot.node_at);
        for (places, shift) in [(&self.shape.into_body, shift), (&self.shape.into_question, node_shift)] {
            if shift == 0 {
                continue;
            }
            for place in places.iter().map(|place| usize::from(*place)).filter(|place| *place < end) {
                let pointer: &mut [u8; 2] = body.get_mut(place..)?.first_chunk_mut()?;
                let moved = i32::from(u16::from_be_bytes(*pointer)) + shift;
                *pointer = u16::try_from(moved).ok()?.to_be_bytes();
            }
        }
        Some(())
    }

    /// What fits into so many octets behind the question.
    fn fit(&self, room: usize) -> Option<Fit> {
        if self.whole.end <= room { Some(self.whole) } else { fit(&self.parts, room) }
    }
}

/// What fits a client.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    end: usize,
    counts: [u16; 3],
    truncated: bool,
}

/// Which of `parts` fit into so many octets.
fn fit(parts: &[LaidPart], room: usize) -> Option<Fit> {
    let mut fit = Fit::default();
    for part in parts {
        if part.end > room {
            fit.truncated = true;
            // What may be left out is left out alone.
            return part.required.then_some(fit);
        }
        fit.end = part.end;
        let [answers, authorities, additionals] = &mut fit.counts;
        *match part.section {
            Section::Answer => answers,
            Section::Authority => authorities,
            Section::Additional => additionals,
        } += part.records;
    }
    Some(fit)
}

/// How much of the OPT there is room for; see [`super::super::options::Extent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Everything,
    Needed,
}

/// What was written.
pub(super) struct Written {
    pub(super) length: usize,
    pub(super) truncated: bool,
    pub(super) rcode: u16,
    /// Whether the answer section is empty.
    pub(super) is_empty: bool,
}

/// What the OPT record of a reply says.
pub(super) struct Options<'n> {
    /// Name of the node.
    pub(super) node: &'n str,
    /// The cookie that the client gets.
    pub(super) cookie: Option<FullCookie>,
    /// The scope of the client's subnet; `None` where the reply says nothing of it.
    pub(super) scope: Option<u8>,
}

impl Options<'_> {
    fn needed(&self, asked: &Extension) -> usize {
        let cookie = self.cookie.as_ref().map_or(0, |cookie| OPTION_HEAD + cookie.len());
        let subnet = asked.subnet.filter(|_| self.scope.is_some());
        OPT + cookie + subnet.map_or(0, |subnet| OPTION_HEAD + 4 + usize::from(subnet.source_prefix()).div_ceil(8))
    }

    fn everything(&self, asked: &Extension, notes: &[u8]) -> usize {
        let node = if asked.nsid { OPTION_HEAD + self.node.len() } else { 0 };
        self.needed(asked) + node + notes.len()
    }
}

/// The reply that rate limiting leaves of one: no records, with TC, or BADCOOKIE where the client gets a cookie.
pub(super) fn write_limited(
    query: &Query<'_>,
    authoritative: bool,
    rcode: u8,
    options: &Options<'_>,
    out: &mut [u8],
) -> Option<Written> {
    let mut writer = Writer { out, at: 0 };
    let challenge = options.cookie.is_some();
    let (authoritative, rcode) = if challenge { (false, BADCOOKIE) } else { (authoritative, u16::from(rcode)) };
    let [high, low] = [rcode >> 4, rcode & 0x0f].map(|half| u8::try_from(half).unwrap_or_default());
    writer.head(query, low, authoritative, !challenge, [0; 3])?;
    if let Some(edns) = &query.edns {
        writer.opt(edns, options, Extent::Needed, &[], high)?;
    }
    Some(Written { length: writer.at, truncated: !challenge, rcode, is_empty: true })
}

/// RFC 7873 section 8.
const BADCOOKIE: u16 = 23;

impl Body {
    /// What remains of it under rate limiting.
    pub(super) fn write_limited(&self, query: &Query<'_>, options: &Options<'_>, out: &mut [u8]) -> Option<Written> {
        write_limited(query, self.authoritative, self.rcode, options, out)
    }
}

/// Writes into a buffer that is large enough for any datagram.
struct Writer<'o> {
    out: &'o mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.at + octets.len();
        self.out.get_mut(self.at..end)?.copy_from_slice(octets);
        self.at = end;
        Some(())
    }

    fn head(
        &mut self,
        query: &Query<'_>,
        rcode: u8,
        authoritative: bool,
        truncated: bool,
        counts: [u16; 3],
    ) -> Option<()> {
        let [id_high, id_low] = query.id;
        let flags = 0x80
            | if authoritative { 0x04 } else { 0 }
            | if truncated { 0x02 } else { 0 }
            | u8::from(query.recursion_desired);
        let [answers, authorities, additionals] = counts;
        let additionals = additionals + u16::from(query.edns.is_some());
        let [a1, a2] = answers.to_be_bytes();
        let [n1, n2] = authorities.to_be_bytes();
        let [d1, d2] = additionals.to_be_bytes();
        self.put(&[id_high, id_low, flags, rcode, 0, 1, a1, a2, n1, n2, d1, d2])?;
        self.put(query.question)
    }

    fn opt(&mut self, asked: &Extension, options: &Options<'_>, extent: Extent, notes: &[u8], rcode: u8) -> Option<()> {
        let [payload_high, payload_low] = UDP_PAYLOAD.to_be_bytes();
        let dnssec_ok = if asked.dnssec_ok { 0x80 } else { 0 };
        self.put(&[0, 0, 41, payload_high, payload_low, rcode, 0, dnssec_ok, 0, 0, 0])?;
        let start = self.at;
        if let Some(cookie) = &options.cookie {
            self.put(&[0, 10, 0, 24])?;
            self.put(cookie)?;
        }
        if let (Some(subnet), Some(scope)) = (&asked.subnet, options.scope) {
            let (octets, length) = subnet.to_octets(scope);
            self.put(&[0, 8, 0, length])?;
            self.put(octets.get(..usize::from(length))?)?;
        }
        if extent == Extent::Everything {
            if asked.nsid {
                let [high, low] = u16::try_from(options.node.len()).ok()?.to_be_bytes();
                self.put(&[0, 3, high, low])?;
                self.put(options.node.as_bytes())?;
            }
            self.put(notes)?;
        }
        let length = u16::try_from(self.at - start).ok()?.to_be_bytes();
        self.out.get_mut(start - 2..start)?.copy_from_slice(&length);
        Some(())
    }
}
