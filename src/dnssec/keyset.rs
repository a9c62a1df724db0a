//! A keyset: all keys of a zone, or of the many zones that share them, and the moments of their lives (RFC 7583).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::bounds;
use super::key::{DnssecKey, KeyFault, KeyPhase, KeyRole};

/// What the parent zone knows of a key that its DS may point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtParent {
    /// From when on the parent may point to it: CDS and CDNSKEY offer it (RFC 7344).
    pub offered: Timestamp,
    /// When its DS was seen at the parent; `None` is not yet.
    pub ds: Option<Timestamp>,
}

/// What a key is for, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Combined signing key. It signs the DNSKEY RRset while it is published.
    Csk {
        /// From when on it may sign the zone.
        active: Timestamp,
        /// See [`AtParent`].
        parent: AtParent,
    },
    /// Key signing key. It signs the DNSKEY RRset while it is published.
    Ksk {
        /// See [`AtParent`].
        parent: AtParent,
    },
    /// Zone signing key.
    Zsk {
        /// From when on it may sign the zone.
        active: Timestamp,
    },
}

impl Duty {
    /// The role that goes with it.
    #[must_use]
    pub const fn role(self) -> KeyRole {
        match self {
            Self::Csk { .. } => KeyRole::Csk,
            Self::Ksk { .. } => KeyRole::Ksk,
            Self::Zsk { .. } => KeyRole::Zsk,
        }
    }

    /// From when on the key may sign the zone, if it ever does.
    #[must_use]
    pub const fn active(self) -> Option<Timestamp> {
        match self {
            Self::Csk { active, .. } | Self::Zsk { active } => Some(active),
            Self::Ksk { .. } => None,
        }
    }

    /// What the parent knows of the key, if it ever points to it.
    #[must_use]
    pub const fn parent(self) -> Option<AtParent> {
        match self {
            Self::Csk { parent, .. } | Self::Ksk { parent } => Some(parent),
            Self::Zsk { .. } => None,
        }
    }

    /// The same duty with the DS seen at the parent at `time`.
    #[must_use]
    pub(super) const fn with_ds(self, time: Timestamp) -> Self {
        match self {
            Self::Csk { active, parent } => Self::Csk { active, parent: AtParent { ds: Some(time), ..parent } },
            Self::Ksk { parent } => Self::Ksk { parent: AtParent { ds: Some(time), ..parent } },
            Self::Zsk { .. } => self,
        }
    }
}

/// How a key's life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// From when on it signs nothing.
    pub retired: Timestamp,
    /// From when on it is no longer in the DNSKEY RRset.
    pub removed: Timestamp,
}

/// A private key as a PKCS #8 document. It does not show itself.
#[derive(Clone)]
pub(super) struct Document(pub(super) Box<[u8]>);

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document(..)")
    }
}

/// A key and its life.
#[derive(Clone, Debug)]
pub struct KeptKey {
    pub(super) key: Arc<DnssecKey>,
    pub(super) document: Document,
    pub(super) created: Timestamp,
    pub(super) published: Timestamp,
    pub(super) duty: Duty,
    pub(super) end: Option<End>,
}

impl KeptKey {
    /// A key made at `created` from a PKCS #8 document, in the DNSKEY RRset from `published` on.
    ///
    /// # Errors
    /// If the document holds no private key of the algorithm.
    pub fn new(document: &[u8], created: Timestamp, published: Timestamp, duty: Duty) -> Result<Self, KeyFault> {
        let key = Arc::new(DnssecKey::from_pkcs8(duty.role(), document)?);
        Ok(Self { key, document: Document(document.into()), created, published, duty, end: None })
    }

    /// The key itself.
    #[must_use]
    pub const fn key(&self) -> &Arc<DnssecKey> {
        &self.key
    }

    /// When it was made.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// From when on it is in the DNSKEY RRset.
    #[must_use]
    pub const fn published(&self) -> Timestamp {
        self.published
    }

    /// What it is for.
    #[must_use]
    pub const fn duty(&self) -> Duty {
        self.duty
    }

    /// How its life ends, where that is known.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether it is in the DNSKEY RRset at `now`.
    #[must_use]
    pub fn is_published(&self, now: Timestamp) -> bool {
        self.published <= now && !self.is_removed(now)
    }

    /// Whether it signs nothing any more at `now`.
    #[must_use]
    pub fn is_retired(&self, now: Timestamp) -> bool {
        self.end.is_some_and(|end| end.retired <= now)
    }

    /// Whether its life is over at `now`.
    #[must_use]
    pub fn is_removed(&self, now: Timestamp) -> bool {
        self.end.is_some_and(|end| end.removed <= now)
    }

    /// Whether its DS is known to be at the parent at `now`.
    #[must_use]
    pub fn has_ds(&self, now: Timestamp) -> bool {
        self.duty.parent().and_then(|parent| parent.ds).is_some_and(|ds| ds <= now)
    }

    /// Whether the DS of the parent may point to it.
    const fn is_entry(&self) -> bool {
        self.duty.parent().is_some()
    }

    /// The moments at which what it does changes.
    fn moments(&self) -> impl Iterator<Item = Timestamp> {
        let parent = self.duty.parent();
        let ends = self.end.map(|end| [end.retired, end.removed]);
        [Some(self.published), self.duty.active(), parent.map(|parent| parent.offered), parent.and_then(|p| p.ds)]
            .into_iter()
            .flatten()
            .chain(ends.into_iter().flatten())
    }
}

/// Why keys are no keyset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysetError {
    /// None is a CSK or KSK.
    #[error("no csk or ksk, so that nothing signs the DNSKEY RRset")]
    NoEntry,
    /// None is a CSK or ZSK.
    #[error("no csk or zsk, so that nothing signs the zone")]
    NoZoneKey,
    /// More than the bound.
    #[error("more than {} keys", bounds::KEYS)]
    TooMany,
    /// Two entries with one public key.
    #[error("the key with tag {0} twice")]
    Twice(u16),
}

/// What is wrong with the times of a keyset at some moment. The zone is signed all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimesFault {
    /// By its times no CSK or KSK signs the DNSKEY RRset.
    #[error("by the times in the file no csk or ksk is in use; key {0} signs the DNSKEY RRset all the same")]
    NoEntry(u16),
    /// By its times no CSK or ZSK signs the zone.
    #[error("by the times in the file no csk or zsk is in use; key {0} signs the zone all the same")]
    NoZoneKey(u16),
    /// The parent is known to point to a key whose life has ended, and to none that is in use.
    #[error(
        "the parent's DS is known to point to key {0} only, whose life is over by the times in the file; \
         it signs the DNSKEY RRset all the same"
    )]
    ParentPointsBack(u16),
}

impl TimesFault {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NoEntry(_) | Self::NoZoneKey(_) => {
                "mend the times of the keys, or give the key that shall be used no retired and removed"
            }
            Self::ParentPointsBack(_) => {
                "have the parent point to the key in use (waypost key ds), then say so with 'waypost key rollover \
                 --ds-published'"
            }
        }
    }
}

/// All keys of a zone, or of the zones that share them. At least one can sign the DNSKEY RRset, and one the zone.
#[derive(Clone, Debug)]
pub struct Keyset {
    keys: Vec<KeptKey>,
}

/// How often the served serial of a signed zone rises without any change of the zone, in seconds: a week. Signatures
/// hold for three.
pub const SERIAL_PERIOD: u64 = 7 * 86_400;
/// Serials between one such rise and the next: room for the changes of keys of a week.
const SERIALS_OF_PERIOD: u64 = 64;

impl Keyset {
    /// `keys` as a keyset.
    ///
    /// # Errors
    /// If no complete set of signatures could come from them, or they are too many.
    pub fn new(keys: Vec<KeptKey>) -> Result<Self, KeysetError> {
        if keys.len() > bounds::KEYS {
            return Err(KeysetError::TooMany);
        }
        if !keys.iter().any(KeptKey::is_entry) {
            return Err(KeysetError::NoEntry);
        }
        if !keys.iter().any(|key| key.duty.active().is_some()) {
            return Err(KeysetError::NoZoneKey);
        }
        let mut seen = BTreeSet::new();
        // Flags apart: one private key in two roles is one key all the same.
        match keys.iter().find(|key| !seen.insert(key.key.rdata().get(2..).unwrap_or_default())) {
            Some(twice) => Err(KeysetError::Twice(twice.key.tag())),
            None => Ok(Self { keys }),
        }
    }

    /// The keys, in the order of the file: oldest first.
    #[must_use]
    pub fn keys(&self) -> &[KeptKey] {
        &self.keys
    }

    /// What each key is used for at `now`.
    ///
    /// Every list but that of the offered keys holds at least one key at every moment: where the times leave none, the
    /// best one is used, and [`Keyset::faults`] says so.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> KeyPhase {
        self.judge(now).0
    }

    /// What is wrong with the times at `now`.
    #[must_use]
    pub fn faults(&self, now: Timestamp) -> Vec<TimesFault> {
        self.judge(now).1
    }

    /// The first moment after `now` at which [`Keyset::at`] may give something else.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.keys.iter().flat_map(KeptKey::moments).filter(|moment| *moment > now).min()
    }

    /// By how much the served serial of a zone signed with these keys is above the declared one.
    ///
    /// It rises every week, so that secondaries come for new signatures before theirs expire, and with every change of
    /// keys, so that they learn of it at once. It follows from the file alone: all nodes serve the same.
    #[must_use]
    pub fn serial_raise(&self, now: Timestamp) -> u32 {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let weeks = seconds / SERIAL_PERIOD;
        let begin = i64::try_from(weeks * SERIAL_PERIOD).unwrap_or_default();
        // Two keys may change in the same second; then each counts.
        let moments = self.keys.iter().flat_map(|key| key.moments().collect::<BTreeSet<Timestamp>>());
        let changes = moments.filter(|moment| *moment <= now && moment.as_second() >= begin).count();
        let changes = u64::try_from(changes).unwrap_or_default().min(SERIALS_OF_PERIOD - 1);
        u32::try_from(weeks * SERIALS_OF_PERIOD + changes).unwrap_or(u32::MAX)
    }

    fn judge(&self, now: Timestamp) -> (KeyPhase, Vec<TimesFault>) {
        let mut faults = Vec::new();
        let in_use = || self.keys.iter().filter(move |key| key.is_published(now) && !key.is_retired(now));

        let mut sign_keys: Vec<&KeptKey> = in_use().filter(|key| key.is_entry()).collect();
        if sign_keys.is_empty()
            && let Some(best) = self.best(now, KeptKey::is_entry)
        {
            faults.push(TimesFault::NoEntry(best.key.tag()));
            sign_keys.push(best);
        } else if !sign_keys.iter().any(|key| key.has_ds(now))
            && let Some(known) = self.best(now, |key| key.has_ds(now))
        {
            faults.push(TimesFault::ParentPointsBack(known.key.tag()));
            sign_keys.push(known);
        }

        // The newest: from the moment that a key may sign the zone, its predecessor need not.
        let ready = |key: &&KeptKey| key.duty.active().is_some_and(|active| active <= now);
        let newest = in_use().filter(ready).max_by_key(|key| (key.duty.active(), key.published));
        let sign_zone = newest.or_else(|| {
            let best = self.best(now, |key| key.duty.active().is_some());
            faults.extend(best.map(|best| TimesFault::NoZoneKey(best.key.tag())));
            best
        });

        // A key whose end is known is not one that the parent should begin to point to.
        let lasting = in_use().filter(|key| key.end.is_none());
        let offered = lasting
            .filter_map(|key| Some((key.duty.parent()?.offered, key)))
            .filter(|(offered, _)| *offered <= now)
            .max_by_key(|(_, key)| key.published)
            .map(|(_, key)| key);

        let signs =
            |key: &KeptKey| sign_keys.iter().chain(sign_zone.iter()).any(|signer| Arc::ptr_eq(&signer.key, &key.key));
        let shared = |key: &KeptKey| Arc::clone(&key.key);
        let phase = KeyPhase {
            published: self.keys.iter().filter(|key| key.is_published(now) || signs(key)).map(shared).collect(),
            sign_keys: sign_keys.iter().map(|key| shared(key)).collect(),
            sign_zone: sign_zone.into_iter().map(shared).collect(),
            offered: offered.into_iter().map(shared).collect(),
        };
        (phase, faults)
    }

    /// The key among those `able` that is most likely known to validators where the times name none: rather one that
    /// is published, then one that was, then one that the parent points to, then the one that ended last or began last.
    fn best(&self, now: Timestamp, able: impl Fn(&KeptKey) -> bool) -> Option<&KeptKey> {
        self.keys.iter().filter(|key| able(key)).max_by_key(|key| {
            let begun = key.published <= now;
            let ended = key.end.map_or(Timestamp::MAX, |end| end.retired);
            // Of those to come, the one that comes first.
            let age = if begun { key.published.as_second() } else { -key.published.as_second() };
            (key.is_published(now), begun, key.has_ds(now), ended, age)
        })
    }
}
