//! The served serial: how it follows from the declared one, from updates, and from the time.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use hickory_proto::rr::RData;

use super::overlay::Overlay;
use super::rdata;
use super::template::Template;
use super::tree::Zone;
use crate::model::{ContentHash, SerialPolicy, ZonePolicy, ZoneState, is_later};

impl Zone {
    /// The zone as it is to be served at `now` (seconds since 1970) after `last` was: with what updates changed, and
    /// with the serial that its policy gives.
    ///
    /// `source` is what its state is kept under. The state is given where it differs from `last`; a zone that takes no
    /// updates, declares its serial itself and never had another has none.
    #[must_use]
    pub fn settled(self, source: &str, last: Option<&ZoneState>, now: u64) -> (Self, Option<ZoneState>) {
        let takes_updates = !self.policy().update.is_empty();
        if !takes_updates && last.is_none() && self.policy().serial == SerialPolicy::Keep {
            return (self, None);
        }
        let kept = last.map(|last| Overlay::of_sets(&last.overlay)).unwrap_or_default();
        let mut zone = if takes_updates { self.with_overlay(kept) } else { self };
        let content = zone.content_hash();
        let serial = settled_serial(zone.policy(), zone.declared_serial(), content, last, now);
        zone.set_edition(serial, content);
        if last.is_none() && zone.policy().serial == SerialPolicy::Keep {
            return (zone, None);
        }
        let state = zone.state(source, content);
        let is_new = last != Some(&state);
        (zone, is_new.then_some(state))
    }

    /// The zone after an update that changed it, with a higher serial than `served`, and the state to keep.
    #[must_use]
    pub fn raised(mut self, source: &str, served: u32, now: u64) -> (Self, ZoneState) {
        let content = self.content_hash();
        let serial = higher(self.policy().serial, served, now);
        self.set_edition(serial, content);
        let state = self.state(source, content);
        (self, state)
    }

    fn state(&self, source: &str, content: ContentHash) -> ZoneState {
        ZoneState { source: source.to_owned(), serial: self.serial(), content, overlay: self.overlay().to_sets() }
    }

    /// Whether `read`, the zone as just read from its file, is the one that this one was made of: under `keep` it has
    /// the same serial, under `unixtime` the same records.
    #[must_use]
    pub fn is_of_same_file(&self, read: &Self) -> bool {
        match read.policy().serial {
            SerialPolicy::Keep => self.declared_serial() == read.declared_serial(),
            SerialPolicy::UnixTime => {
                let content = match self.dynamic() {
                    Some(dynamic) => Some(dynamic.declared.content_hash()),
                    None => self.content(),
                };
                content == Some(read.content().unwrap_or_else(|| read.content_hash()))
            }
        }
    }

    /// The digest of all records but for the serial, whatever order they are declared in.
    fn content_hash(&self) -> ContentHash {
        let mut context = Context::new(&SHA256);
        let mut part = |octets: &[u8]| {
            // Lengths keep neighbours apart.
            context.update(&u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(octets);
        };
        for (node, set) in self.records() {
            part(&node.owner.key());
            part(&u16::from(set.rtype).to_be_bytes());
            part(&set.ttl.to_be_bytes());
            let mut wires: Vec<Vec<u8>> =
                set.rdata.iter().filter_map(|data| rdata::wire(&without_serial(data))).collect();
            wires.sort();
            wires.iter().for_each(|wire| part(wire));
        }
        let digest = context.finish();
        let mut start = [0; 16];
        start.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        ContentHash(start)
    }
}

impl Template {
    /// The template under `policy`, with the serial that the policy gives: see [`Zone::settled`].
    #[must_use]
    pub fn settled(
        self,
        policy: &Arc<ZonePolicy>,
        source: &str,
        last: Option<&ZoneState>,
        now: u64,
    ) -> (Self, Option<ZoneState>) {
        let mut state = None;
        let template = self.map(|zone| {
            let (zone, kept) = zone.with_policy(Arc::clone(policy)).settled(source, last, now);
            state = kept;
            zone
        });
        (template, state)
    }
}

fn without_serial(data: &RData) -> RData {
    let mut data = data.clone();
    if let RData::SOA(soa) = &mut data {
        soa.serial = 0;
    }
    data
}

/// The serial of `content` after `last` was served.
fn settled_serial(policy: &ZonePolicy, declared: u32, content: ContentHash, last: Option<&ZoneState>, now: u64) -> u32 {
    let own = match (last, policy.serial) {
        (Some(last), _) if last.content == content => last.serial,
        (Some(last), serial) => higher(serial, last.serial, now),
        (None, SerialPolicy::Keep) => declared,
        (None, SerialPolicy::UnixTime) => seconds(now),
    };
    // An operator who numbers beyond what was served means it.
    if is_later(declared, own) { declared } else { own }
}

/// A serial after `served` (RFC 1982).
fn higher(policy: SerialPolicy, served: u32, now: u64) -> u32 {
    let next = served.wrapping_add(1);
    match policy {
        SerialPolicy::UnixTime if is_later(seconds(now), next) => seconds(now),
        _ => next,
    }
}

/// Serials wrap as the seconds do, in 2106.
#[allow(clippy::cast_possible_truncation)]
const fn seconds(now: u64) -> u32 {
    now as u32
}
