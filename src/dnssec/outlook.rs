//! What the keys of a keyset do, and what comes next: for people.

use std::sync::Arc;

use jiff::Timestamp;

use super::key::DnssecKey;
use super::keyset::{KeptKey, Keyset};

/// What a key does at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is not in the DNSKEY RRset yet.
    Planned,
    /// It is in the DNSKEY RRset, for caches to learn it.
    Published,
    /// It signs the DNSKEY RRset, and not the zone.
    SignsKeys,
    /// It signs the zone, and not the DNSKEY RRset.
    SignsZone,
    /// It signs everything.
    SignsAll,
    /// It signs nothing any more, and is in the DNSKEY RRset for signatures that caches hold.
    Retired,
    /// It is no longer in the DNSKEY RRset.
    Removed,
}

impl Use {
    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "not yet published",
            Self::Published => "published, signs nothing yet",
            Self::SignsKeys => "signs the DNSKEY RRset",
            Self::SignsZone => "signs the zone",
            Self::SignsAll => "signs everything",
            Self::Retired => "retired, still published",
            Self::Removed => "removed",
        }
    }
}

/// What happens to a key by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It enters the DNSKEY RRset.
    Published,
    /// It begins to sign the zone.
    Active,
    /// CDS and CDNSKEY begin to offer it to the parent.
    Offered,
    /// It stops signing.
    Retired,
    /// It leaves the DNSKEY RRset.
    Removed,
}

impl Turn {
    /// The words for it, behind the key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "enters the DNSKEY RRset",
            Self::Active => "begins to sign the zone",
            Self::Offered => "is offered to the parent by CDS and CDNSKEY",
            Self::Retired => "stops signing",
            Self::Removed => "leaves the DNSKEY RRset",
        }
    }
}

/// A turn in the life of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coming {
    /// When.
    pub time: Timestamp,
    /// Tag of the key.
    pub tag: u16,
    /// What.
    pub turn: Turn,
}

/// A key whose DS nobody has seen at the parent yet.
#[derive(Clone, Debug)]
pub struct Awaited {
    /// The key.
    pub key: Arc<DnssecKey>,
    /// From when on the parent may point to it.
    pub from: Timestamp,
    /// Tags of the keys that retire after the parent does.
    pub replaces: Vec<u16>,
}

impl Keyset {
    /// What `key` of this keyset does at `now`.
    #[must_use]
    pub fn use_of(&self, key: &KeptKey, now: Timestamp) -> Use {
        let phase = self.at(now);
        let among = |keys: &[Arc<DnssecKey>]| keys.iter().any(|other| Arc::ptr_eq(other, key.key()));
        match (among(&phase.sign_keys), among(&phase.sign_zone)) {
            (true, true) => Use::SignsAll,
            (true, false) => Use::SignsKeys,
            (false, true) => Use::SignsZone,
            (false, false) if key.is_removed(now) => Use::Removed,
            (false, false) if key.is_retired(now) => Use::Retired,
            (false, false) if key.is_published(now) => Use::Published,
            (false, false) => Use::Planned,
        }
    }

    /// Everything that happens after `now` by itself, in its order.
    #[must_use]
    pub fn coming(&self, now: Timestamp) -> Vec<Coming> {
        let mut coming: Vec<Coming> = self.keys().iter().flat_map(|key| turns(key, now)).collect();
        // Where a newer key is offered by then, the older one never is.
        let overtaken = |one: &Coming| {
            let newer = self.keys().iter().rev().take_while(|key| key.key().tag() != one.tag);
            let offered = |key: &KeptKey| key.end().is_none().then_some(key.duty().parent()).flatten();
            one.turn == Turn::Offered && newer.filter_map(offered).any(|parent| parent.offered <= one.time)
        };
        coming.retain(|one| !overtaken(one));
        coming.sort_unstable();
        coming
    }

    /// The newest key that the parent shall point to, if its DS was not seen there by `now`.
    #[must_use]
    pub fn awaited(&self, now: Timestamp) -> Option<Awaited> {
        let entries = self.keys().iter().filter(|key| key.end().is_none());
        let mut lasting: Vec<_> = entries.filter_map(|key| Some((key, key.duty().parent()?))).collect();
        lasting.sort_by_key(|(key, _)| key.published());
        let (key, parent) = lasting.pop()?;
        if key.has_ds(now) {
            return None;
        }
        let replaces = lasting.iter().map(|(key, _)| key.key().tag()).collect();
        Some(Awaited { key: Arc::clone(key.key()), from: parent.offered, replaces })
    }

    /// The key that the DS RRset of the parent should point to at `now`: the newest that may be offered, or the one
    /// that is there.
    #[must_use]
    pub fn target(&self, now: Timestamp) -> Option<Arc<DnssecKey>> {
        let phase = self.at(now);
        phase.offered.first().or(phase.sign_keys.first()).cloned()
    }
}

/// What happens to `key` after `now`. What follows the end of a key does not happen.
fn turns(key: &KeptKey, now: Timestamp) -> Vec<Coming> {
    let end = key.end();
    let begins = [
        (Turn::Published, Some(key.published())),
        (Turn::Active, key.duty().active()),
        (Turn::Offered, key.duty().parent().map(|parent| parent.offered)),
    ];
    let begins = begins.into_iter().filter(|(turn, time)| {
        // A key whose end is known is not offered any more.
        let lasts = if *turn == Turn::Offered { end.is_none() } else { true };
        lasts && end.zip(*time).is_none_or(|(end, time)| end.retired > time)
    });
    let ends = [(Turn::Retired, end.map(|end| end.retired)), (Turn::Removed, end.map(|end| end.removed))];
    let all = begins.chain(ends).filter_map(|(turn, time)| Some((turn, time?)));
    all.filter(|(_, time)| *time > now).map(|(turn, time)| Coming { time, tag: key.key().tag(), turn }).collect()
}
