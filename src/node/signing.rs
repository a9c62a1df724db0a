//! Zones that are to be signed, signed with the keys on disk.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::keys::{self, Keys};
use super::loading::Marks;
use crate::config::{Report, Severity};
use crate::dnssec::{KeysetName, SERIAL_PERIOD};
use crate::model::{Settings, ZoneOrigins};
use crate::zone::{Zone, Zones};

/// What a load knows of keys.
#[derive(Clone, Default)]
pub struct Signed {
    /// The keysets in use.
    pub keys: Keys,
    /// When the zones are to be signed anew: with other keys, or with another serial. `None` where none is signed.
    pub renewal: Option<Timestamp>,
}

/// What happens with a problem of keys.
pub enum Problems<'p> {
    /// It is an error.
    Refuse,
    /// It is told, the keys that were good stay in use, and a zone that never had any is unavailable: served unsigned it
    /// would be bogus wherever its parent points to its keys.
    Endure {
        /// What was in use before, if anything was.
        before: Option<&'p Signed>,
        /// Where it is told.
        troubles: &'p mut Vec<String>,
    },
}

/// Signs the zones whose policy says so, as of `now`.
pub fn sign(
    zones: &mut Zones,
    settings: &Settings,
    now: Timestamp,
    problems: Problems<'_>,
    report: &mut Report,
) -> Signed {
    let policies = || zones.iter().map(|zone| (zone.origin(), zone.policy().as_ref()));
    let (mut found, diagnostics) = keys::read(settings, policies(), now);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    warnings.into_iter().for_each(|warning| report.push(warning));
    match problems {
        Problems::Refuse => errors.into_iter().for_each(|error| report.push(error)),
        Problems::Endure { before, troubles } => {
            troubles.extend(errors.iter().map(ToString::to_string));
            if let Some(before) = before {
                let (names, _) = keys::wanted(policies());
                found = found.or_as_before(&before.keys, &names);
            }
        }
    }
    let wanted: Vec<Zone> = zones.iter().filter(|zone| zone.policy().dnssec.is_some()).cloned().collect();
    for zone in &wanted {
        match signed(zone, &found, now) {
            Some(Cow::Borrowed(_)) => {}
            Some(Cow::Owned(zone)) => zones.insert(zone),
            None => zones.withdraw(zone.origin()),
        }
    }
    let renewal = (!wanted.is_empty()).then(|| {
        let period = i64::try_from(SERIAL_PERIOD).unwrap_or(i64::MAX);
        let next = (now.as_second() / period + 1) * period;
        let serials = Timestamp::from_second(next).unwrap_or(Timestamp::MAX);
        found.next_change(now).map_or(serials, |change| change.min(serials))
    });
    Signed { keys: found, renewal }
}

/// `zone` signed with its keyset of `keys`, if its policy says so; `None` where there is no such keyset.
pub fn signed<'z>(zone: &'z Zone, keys: &Keys, now: Timestamp) -> Option<Cow<'z, Zone>> {
    let Some(signing) = &zone.policy().dnssec else { return Some(Cow::Borrowed(zone)) };
    let keyset = keys.of_zone(zone.origin(), zone.policy())?;
    // Only who transfers the zone has to learn of new signatures by its serial.
    let has_secondaries = !zone.policy().transfer.is_empty() || !zone.policy().notify.is_empty();
    let (phase, raise) = (keyset.at(now), if has_secondaries { keyset.serial_raise(now) } else { 0 });
    Some(if zone.is_secured(&phase, signing.denial, raise) {
        Cow::Borrowed(zone)
    } else {
        Cow::Owned(zone.clone().secured(phase, signing.denial, raise))
    })
}

/// How soon after the moment that it is due zones are signed anew, so that every node has passed it.
pub const AFTER: Duration = Duration::from_secs(1);

/// The keysets that `settings` need.
pub fn keysets(settings: &Settings) -> BTreeSet<KeysetName> {
    let single = settings.zones.iter().filter_map(|source| match &source.origins {
        ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin) => Some((origin, &source.policy)),
        ZoneOrigins::Listed(_) => None,
    });
    let (mut names, _) = keys::wanted(single);
    // Zones of a list share a keyset that the policy names.
    let shared = settings.zones.iter().filter_map(|source| source.policy.dnssec.as_ref()?.keyset.as_ref());
    names.extend(shared.filter_map(|name| name.parse().ok()));
    names
}

/// The key files that `settings` need, by what tells that they changed.
pub fn marks(settings: &Settings) -> Marks {
    keys::marks(&settings.dnssec.keys, &keysets(settings))
}
