//! The lives of keys: how a keyset begins, and how one key takes the place of another (RFC 6781 section 4, RFC 7583).
//!
//! A zone signing key is published before it signs (pre-publication), and stays published until no signature of it is
//! in a cache. A key that the parent points to signs the DNSKEY RRset beside its predecessor (double signature), is
//! offered to the parent when every cache has it, and its predecessor retires when no cache holds a DS of that one
//! alone. So whatever DNSKEY, DS and RRSIG records a validator holds from different moments, they make a chain.

use std::time::Duration;

use jiff::Timestamp;

use super::key::{KeyFault, KeyRole};
use super::keyset::{AtParent, Duty, End, KeptKey, Keyset, KeysetError, TimesFault};

/// How long a removed key stays in the file, for whoever wants to know what happened: 30 days.
const MEMORY: Duration = Duration::from_secs(30 * 86_400);
/// How often a new key is made when its tag is taken. Two in a row are already one chance in a hundred million.
const TRIES: usize = 16;

/// What the moments of a life are reckoned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// TTL of the DNSKEY RRset.
    pub dnskey_ttl: Duration,
    /// The longest TTL in the zone, and of its records of denial.
    pub zone_ttl: Duration,
    /// How long a change takes to reach every server of the zone, and one of the parent to reach every server of that.
    pub propagation: Duration,
    /// TTL of the DS RRset at the parent.
    pub parent_ttl: Duration,
}

impl Default for Policy {
    /// For a zone whose TTLs are a day at most.
    fn default() -> Self {
        let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
        Self { dnskey_ttl: day, zone_ttl: day, propagation: hour, parent_ttl: day }
    }
}

impl Policy {
    /// When a DNSKEY RRset of `time` has replaced all earlier ones in every cache.
    fn keys_known(&self, time: Timestamp) -> Timestamp {
        after(time, self.dnskey_ttl.saturating_add(self.propagation))
    }

    /// When signatures made from `time` on have replaced all earlier ones in every cache.
    fn zone_known(&self, time: Timestamp) -> Timestamp {
        after(time, self.zone_ttl.saturating_add(self.propagation))
    }

    /// When a DS RRset of `time` has replaced all earlier ones in every cache.
    fn parent_known(&self, time: Timestamp) -> Timestamp {
        after(time, self.parent_ttl.saturating_add(self.propagation))
    }
}

/// Where new keys come from: PKCS #8 documents.
pub type Source<'s> = &'s mut dyn FnMut() -> Result<Vec<u8>, KeyFault>;

/// Which keys a keyset begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// One key signs everything.
    Combined,
    /// One key signs the DNSKEY RRset, another the zone.
    Split,
}

/// Whether the operator vouches that the parent has no DS of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentChecked {
    /// Yes.
    HasNoDs,
    /// Nobody looked.
    Unknown,
}

/// Why a change of a keyset is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The keyset has no key of the role.
    #[error("the keyset has no {}", .0.as_str())]
    NoSuchRole(KeyRole),
    /// A rollover of the role has not ended.
    #[error("a rollover of the {} is under way", .0.as_str())]
    UnderWay(KeyRole),
    /// No rollover of the role is under way.
    #[error("no rollover of the {} is under way", .0.as_str())]
    NotUnderWay(KeyRole),
    /// The times of the keyset are wrong already.
    #[error("the times of the keyset are wrong: {0}")]
    Times(TimesFault),
    /// The clock stands before the time at which the key in use was published.
    #[error("the clock stands before {0}, when the key in use was published")]
    Clock(Timestamp),
    /// Not every cache knows the new key yet.
    #[error("key {tag} is known to every cache from {known} on; the parent must not point to it alone before")]
    TooEarly {
        /// The new key.
        tag: u16,
        /// From when on every cache knows it.
        known: Timestamp,
    },
    /// It was said before.
    #[error("the DS of key {tag} is known to be at the parent since {since}")]
    Known {
        /// The key.
        tag: u16,
        /// Since when.
        since: Timestamp,
    },
    /// The parent may point to the new key.
    #[error("key {0} has been offered to the parent, which may point to it")]
    Offered(u16),
    /// The new key has taken over.
    #[error("key {0} has taken over")]
    TakenOver(u16),
    /// See [`KeyFault`].
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// See [`KeysetError`].
    #[error(transparent)]
    Keyset(#[from] KeysetError),
}

/// A keyset that begins at `now`.
///
/// Its first key signs at once, and is offered to the parent when no cache holds records from before the zone was
/// signed, provided that signing begins now.
///
/// # Errors
/// If no key can be made.
pub fn begin(division: Division, source: Source<'_>, now: Timestamp, policy: &Policy) -> Result<Keyset, Refusal> {
    let now = whole_second(now);
    let parent = AtParent { offered: policy.zone_known(now), ds: None };
    let duties = match division {
        Division::Combined => vec![Duty::Csk { active: now, parent }],
        Division::Split => vec![Duty::Ksk { parent }, Duty::Zsk { active: now }],
    };
    let mut keys = Vec::with_capacity(duties.len());
    for duty in duties {
        keys.push(new_key(source, &keys, now, duty)?);
    }
    Ok(Keyset::new(keys)?)
}

/// `keyset` with a new key that takes the place of the one of `role`, from `now` on.
///
/// # Errors
/// If a rollover of the role is under way, there is no such key, or the times of the keyset are wrong already.
pub fn roll(
    keyset: &Keyset,
    role: KeyRole,
    source: Source<'_>,
    now: Timestamp,
    policy: &Policy,
) -> Result<Keyset, Refusal> {
    let now = whole_second(now);
    if let Some(fault) = keyset.faults(now).first() {
        return Err(Refusal::Times(*fault));
    }
    let mut keys: Vec<KeptKey> = keyset.keys().iter().filter(|key| !is_forgotten(key, now)).cloned().collect();
    let old = match *living(&keys, role, now) {
        [] => return Err(Refusal::NoSuchRole(role)),
        [old] => old,
        _ => return Err(Refusal::UnderWay(role)),
    };
    let published = keys.get(old).map_or(now, KeptKey::published);
    if published > now {
        return Err(Refusal::Clock(published));
    }
    let known = policy.keys_known(now);
    // Not before the old key might be: the zone may be signed only since lately.
    let old_offered = keys.get(old).and_then(|old| old.duty.parent()).map_or(known, |parent| parent.offered);
    let parent = AtParent { offered: known.max(old_offered), ds: None };
    let duty = match role {
        KeyRole::Csk => Duty::Csk { active: known, parent },
        KeyRole::Ksk => Duty::Ksk { parent },
        KeyRole::Zsk => Duty::Zsk { active: known },
    };
    keys.push(new_key(source, &keys, now, duty)?);
    if role == KeyRole::Zsk
        && let Some(old) = keys.get_mut(old)
    {
        old.end = Some(End { retired: known, removed: policy.zone_known(known) });
    }
    Ok(Keyset::new(keys)?)
}

/// `keyset` after its newest CSK or KSK was seen at the parent at `now`: its predecessors retire when no cache holds an
/// older DS RRset.
///
/// # Errors
/// If that is known already, or a predecessor is in use and not every cache knows the new key yet.
pub fn ds_seen(keyset: &Keyset, now: Timestamp, policy: &Policy) -> Result<Keyset, Refusal> {
    let now = whole_second(now);
    let mut keys = keyset.keys().to_vec();
    let entries: Vec<usize> = lasting(&keys, |key| key.duty.parent().is_some());
    let Some((newest, earlier)) = entries.split_last() else { return Err(Refusal::NoSuchRole(KeyRole::Ksk)) };
    if let Some(key) = keys.get_mut(*newest)
        && let Some(parent) = key.duty.parent()
    {
        let tag = key.key.tag();
        if let Some(since) = parent.ds {
            return Err(Refusal::Known { tag, since });
        }
        let soonest = if earlier.is_empty() { key.published } else { parent.offered };
        if now < soonest {
            return Err(Refusal::TooEarly { tag, known: soonest });
        }
        key.duty = key.duty.with_ds(now);
    }
    for ix in earlier {
        if let Some(key) = keys.get_mut(*ix) {
            key.end = Some(end_at(key.duty, policy.parent_known(now), policy));
        }
    }
    Ok(Keyset::new(keys)?)
}

/// `keyset` with the rollover of `role` that is under way taken back at `now`: the old key stays.
///
/// # Errors
/// If none is under way, the new key has taken over, or the parent may point to it and nobody looked.
pub fn take_back(
    keyset: &Keyset,
    role: KeyRole,
    checked: ParentChecked,
    now: Timestamp,
    policy: &Policy,
) -> Result<Keyset, Refusal> {
    let now = whole_second(now);
    let mut keys = keyset.keys().to_vec();
    let living = living(&keys, role, now);
    let [old, new] = *living else { return Err(Refusal::NotUnderWay(role)) };
    let (Some(before), Some(key)) = (keys.get(old).cloned(), keys.get(new).cloned()) else {
        return Err(Refusal::NotUnderWay(role));
    };
    let tag = key.key.tag();
    // A new key that retires is one that was taken back already.
    if key.end.is_some() {
        return Err(Refusal::NotUnderWay(role));
    }
    let at_once = End { retired: now, removed: now };
    let end = match (key.duty, key.duty.parent()) {
        (Duty::Zsk { active }, _) if now < active => at_once,
        (_, Some(parent)) if before.end.is_none() && parent.ds.is_none() => {
            if now < parent.offered {
                at_once
            } else if checked == ParentChecked::HasNoDs {
                // A DS of it that was at the parent until just now is in caches still.
                end_at(key.duty, policy.parent_known(now), policy)
            } else {
                return Err(Refusal::Offered(tag));
            }
        }
        _ => return Err(Refusal::TakenOver(tag)),
    };
    if let Some(key) = keys.get_mut(new) {
        key.end = Some(end);
    }
    if let Some(key) = keys.get_mut(old) {
        key.end = None;
    }
    Ok(Keyset::new(keys)?)
}

/// The end of a key that retires at `retired`: it stays published while caches hold what it signed.
fn end_at(duty: Duty, retired: Timestamp, policy: &Policy) -> End {
    let removed = match duty {
        Duty::Csk { .. } | Duty::Zsk { .. } => policy.zone_known(retired),
        // It signed nothing but the RRset that it was in.
        Duty::Ksk { .. } => after(retired, policy.propagation),
    };
    End { retired, removed }
}

/// The positions of the keys of `role` whose lives are not over at `now`, oldest first.
fn living(keys: &[KeptKey], role: KeyRole, now: Timestamp) -> Box<[usize]> {
    by_age(keys, |key| key.duty.role() == role && !key.is_removed(now)).into()
}

/// The positions of the keys without an end that are `wanted`, oldest first.
fn lasting(keys: &[KeptKey], wanted: impl Fn(&KeptKey) -> bool) -> Vec<usize> {
    by_age(keys, |key| key.end.is_none() && wanted(key))
}

fn by_age(keys: &[KeptKey], wanted: impl Fn(&KeptKey) -> bool) -> Vec<usize> {
    let mut found: Vec<(Timestamp, usize)> =
        keys.iter().enumerate().filter(|(_, key)| wanted(key)).map(|(ix, key)| (key.published, ix)).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, ix)| ix).collect()
}

fn is_forgotten(key: &KeptKey, now: Timestamp) -> bool {
    key.end.is_some_and(|end| after(end.removed, MEMORY) <= now)
}

/// A key of `source` whose tag none of `others` has: RFC 4034 appendix B allows equal ones, people confuse them.
fn new_key(source: Source<'_>, others: &[KeptKey], now: Timestamp, duty: Duty) -> Result<KeptKey, KeyFault> {
    let mut made = KeptKey::new(&source()?, now, now, duty)?;
    for _ in 1..TRIES {
        if !others.iter().any(|other| other.key.tag() == made.key.tag()) {
            break;
        }
        made = KeptKey::new(&source()?, now, now, duty)?;
    }
    Ok(made)
}

/// Files and people have whole seconds.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// `time` and `span` later, or the end of time.
fn after(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}
