//! Rollovers under validators with caches of every age. Broken, a zone is bogus for part of the world (RELIABILITY I11).

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;

use super::lifecycle::{Division, ParentChecked, Policy, Refusal, begin, ds_seen, roll, take_back};
use super::{DnssecKey, KeyFault, KeyPhase, KeyRole, Keyset, Turn, Use};

const START: i64 = 1_800_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const TWO_YEARS: i64 = 731 * DAY;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn new_document() -> Result<Vec<u8>, KeyFault> {
    DnssecKey::generate(&SystemRandom::new())
}

fn begun(division: Division) -> Keyset {
    begin(division, &mut new_document, at(0), &Policy::default()).unwrap()
}

fn rolled(keyset: &Keyset, role: KeyRole, second: i64) -> Result<Keyset, Refusal> {
    roll(keyset, role, &mut new_document, at(second), &Policy::default())
}

fn tags(keys: &[std::sync::Arc<DnssecKey>]) -> Vec<u16> {
    keys.iter().map(|key| key.tag()).collect()
}

fn newest(keyset: &Keyset) -> u16 {
    keyset.keys().last().unwrap().key().tag()
}

#[test]
fn a_combined_key_is_replaced_when_the_parent_says_so() {
    let policy = Policy::default();
    let keyset = begun(Division::Combined);
    let old = newest(&keyset);
    assert_eq!(keyset.at(at(25 * HOUR - 1)).offered.len(), 0, "caches hold unsigned records");
    assert_eq!(tags(&keyset.at(at(25 * HOUR)).offered), [old]);
    let keyset = ds_seen(&keyset, at(30 * HOUR), &policy).unwrap();
    assert!(keyset.awaited(at(30 * HOUR)).is_none());

    let start = 100 * DAY;
    let keyset = rolled(&keyset, KeyRole::Csk, start).unwrap();
    let new = newest(&keyset);
    let phase = keyset.at(at(start));
    assert_eq!(tags(&phase.published), [old, new]);
    assert_eq!(tags(&phase.sign_keys), [old, new]);
    assert_eq!((tags(&phase.sign_zone), tags(&phase.offered)), (vec![old], vec![old]));
    assert_eq!(rolled(&keyset, KeyRole::Csk, start + DAY).err(), Some(Refusal::UnderWay(KeyRole::Csk)));
    let known = start + 25 * HOUR;
    let early = ds_seen(&keyset, at(known - 1), &policy).err();
    assert_eq!(early, Some(Refusal::TooEarly { tag: new, known: at(known) }));
    let phase = keyset.at(at(known));
    assert_eq!(
        (tags(&phase.sign_keys), tags(&phase.sign_zone), tags(&phase.offered)),
        (vec![old, new], vec![new], vec![new])
    );
    assert_eq!(keyset.awaited(at(known)).unwrap().replaces, [old]);
    // Nobody says that the parent has the DS: both keys sign for ever.
    assert_eq!(tags(&keyset.at(at(known + 300 * DAY)).sign_keys), [old, new]);

    let seen = known + 5 * DAY;
    let keyset = ds_seen(&keyset, at(seen), &policy).unwrap();
    assert_eq!(ds_seen(&keyset, at(seen + 1), &policy).err(), Some(Refusal::Known { tag: new, since: at(seen) }));
    assert_eq!(
        take_back(&keyset, KeyRole::Csk, ParentChecked::HasNoDs, at(seen), &policy).err(),
        Some(Refusal::TakenOver(new))
    );
    let (retired, removed) = (seen + 25 * HOUR, seen + 50 * HOUR);
    assert_eq!(tags(&keyset.at(at(retired - 1)).sign_keys), [old, new]);
    assert_eq!(tags(&keyset.at(at(retired)).sign_keys), [new]);
    assert_eq!(tags(&keyset.at(at(removed - 1)).published), [old, new]);
    assert_eq!(tags(&keyset.at(at(removed)).published), [new]);
    assert_eq!(rolled(&keyset, KeyRole::Csk, removed - 1).err(), Some(Refusal::UnderWay(KeyRole::Csk)));
    // The file forgets what is long over.
    let next = rolled(&keyset, KeyRole::Csk, removed + 30 * DAY).unwrap();
    assert!(!next.keys().iter().any(|key| key.key().tag() == old));
    assert_eq!(next.keys().len(), 2);
}

#[test]
fn a_key_that_is_overtaken_is_not_said_to_be_offered() {
    let keyset = rolled(&begun(Division::Combined), KeyRole::Csk, HOUR).unwrap();
    let offered = |keyset: &Keyset| -> Vec<u16> {
        let coming = keyset.coming(at(HOUR)).into_iter();
        coming.filter(|coming| coming.turn == Turn::Offered).map(|coming| coming.tag).collect()
    };
    // The first for an hour, until the second is.
    assert_eq!(offered(&keyset), [keyset.keys()[0].key().tag(), newest(&keyset)]);
    let keyset = rolled(&begun(Division::Combined), KeyRole::Csk, 0).unwrap();
    assert_eq!(offered(&keyset), [newest(&keyset)]);
    assert_eq!(tags(&keyset.at(at(25 * HOUR)).offered), [newest(&keyset)]);
}

#[test]
fn a_zone_signing_key_is_replaced_by_itself() {
    let keyset = begun(Division::Split);
    let zsk = newest(&keyset);
    let ksk = keyset.keys()[0].key().tag();
    let start = 10 * DAY;
    let keyset = rolled(&keyset, KeyRole::Zsk, start).unwrap();
    let new = newest(&keyset);
    let known = start + 25 * HOUR;
    assert_eq!(tags(&keyset.at(at(known - 1)).sign_zone), [zsk]);
    assert_eq!(tags(&keyset.at(at(known)).sign_zone), [new]);
    assert_eq!(tags(&keyset.at(at(known)).sign_keys), [ksk]);
    assert_eq!(tags(&keyset.at(at(known + 25 * HOUR - 1)).published), [ksk, zsk, new]);
    assert_eq!(tags(&keyset.at(at(known + 25 * HOUR)).published), [ksk, new]);
    let coming: Vec<_> = keyset.coming(at(start)).into_iter().map(|coming| (coming.tag, coming.turn)).collect();
    let (active, retired) = ((new, Turn::Active), (zsk, Turn::Retired));
    assert!(coming.contains(&active) && coming.contains(&retired), "{coming:?}");
    assert_eq!(coming.last(), Some(&(zsk, Turn::Removed)));
    assert_eq!(rolled(&keyset, KeyRole::Csk, start).err(), Some(Refusal::NoSuchRole(KeyRole::Csk)));
}

#[test]
fn a_rollover_can_be_taken_back_while_the_parent_cannot_know() {
    let policy = Policy::default();
    let take = |keyset: &Keyset, role, checked, second| take_back(keyset, role, checked, at(second), &policy);
    let keyset = begun(Division::Combined);
    let old = newest(&keyset);
    let none = take(&keyset, KeyRole::Csk, ParentChecked::HasNoDs, 0).err();
    assert_eq!(none, Some(Refusal::NotUnderWay(KeyRole::Csk)));
    let start = 10 * DAY;
    let under_way = rolled(&keyset, KeyRole::Csk, start).unwrap();
    let new = newest(&under_way);
    let back = take(&under_way, KeyRole::Csk, ParentChecked::Unknown, start + HOUR).unwrap();
    assert_eq!(tags(&back.at(at(start + HOUR)).published), [old]);
    assert!(rolled(&back, KeyRole::Csk, start + HOUR).is_ok());

    let late = start + 2 * DAY;
    let offered = take(&under_way, KeyRole::Csk, ParentChecked::Unknown, late).err();
    assert_eq!(offered, Some(Refusal::Offered(new)));
    let back = take(&under_way, KeyRole::Csk, ParentChecked::HasNoDs, late).unwrap();
    let phase = back.at(at(late));
    assert_eq!((tags(&phase.sign_keys), tags(&phase.offered)), (vec![old, new], vec![old]));
    assert_eq!(tags(&back.at(at(late + 25 * HOUR)).sign_keys), [old]);
    assert_eq!(tags(&back.at(at(late + 25 * HOUR)).sign_zone), [old]);
    let again = take(&back, KeyRole::Csk, ParentChecked::HasNoDs, late + 1).err();
    assert_eq!(again, Some(Refusal::NotUnderWay(KeyRole::Csk)));

    let split = begun(Division::Split);
    let under_way = rolled(&split, KeyRole::Zsk, start).unwrap();
    let back = take(&under_way, KeyRole::Zsk, ParentChecked::Unknown, start + HOUR).unwrap();
    assert_eq!(tags(&back.at(at(start + 9 * DAY)).published), tags(&split.at(at(start)).published));
    let active = take(&under_way, KeyRole::Zsk, ParentChecked::HasNoDs, start + 26 * HOUR).err();
    assert_eq!(active, Some(Refusal::TakenOver(newest(&under_way))));
}

#[test]
fn nothing_begins_while_the_times_or_the_clock_are_wrong() {
    let keyset = begun(Division::Combined);
    assert!(matches!(rolled(&keyset, KeyRole::Csk, -DAY), Err(Refusal::Times(_))));
    let split = begun(Division::Split);
    let wrong = rolled(&split, KeyRole::Zsk, DAY).unwrap();
    assert!(matches!(rolled(&wrong, KeyRole::Ksk, -DAY), Err(Refusal::Times(_))));
}

#[test]
fn what_each_key_does_has_a_word() {
    let policy = Policy::default();
    let keyset = ds_seen(&begun(Division::Combined), at(2 * DAY), &policy).unwrap();
    let keyset = rolled(&keyset, KeyRole::Csk, 3 * DAY).unwrap();
    let keyset = ds_seen(&keyset, at(5 * DAY), &policy).unwrap();
    let uses = |second: i64| -> Vec<Use> { keyset.keys().iter().map(|key| keyset.use_of(key, at(second))).collect() };
    assert_eq!(uses(3 * DAY), [Use::SignsAll, Use::SignsKeys]);
    assert_eq!(uses(5 * DAY), [Use::SignsKeys, Use::SignsAll]);
    assert_eq!(uses(5 * DAY + 25 * HOUR), [Use::Retired, Use::SignsAll]);
    assert_eq!(uses(8 * DAY), [Use::Removed, Use::SignsAll]);
    assert_eq!(uses(2 * DAY), [Use::SignsAll, Use::Planned]);
}

/// Numbers that only the seed decides.
struct Dice(u64);

impl Dice {
    /// From 0 up to `most`.
    fn upto(&mut self, most: i64) -> i64 {
        // Steele, Lea and Flood's splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((mixed ^ (mixed >> 31)) % u64::try_from(most + 1).unwrap()).unwrap()
    }

    fn once_in(&mut self, times: i64) -> bool {
        self.upto(times - 1) == 0
    }

    fn pick(&mut self, from: &[i64]) -> i64 {
        from[usize::try_from(self.upto(i64::try_from(from.len()).unwrap() - 1)).unwrap()]
    }

    fn policy(&mut self) -> Policy {
        let mut span = |from: &[i64]| Duration::from_secs(self.pick(from).unsigned_abs());
        Policy {
            dnskey_ttl: span(&[60, HOUR, DAY, 2 * DAY]),
            zone_ttl: span(&[5, HOUR, DAY, 7 * DAY]),
            propagation: span(&[0, 60, HOUR, 6 * HOUR]),
            parent_ttl: span(&[HOUR, DAY, 2 * DAY]),
        }
    }
}

/// What was in force from when on; the last that is not later than a moment holds at it.
struct History<T>(Vec<(i64, T)>);

impl<T> History<T> {
    fn get(&self, second: i64) -> &T {
        &self.0[self.0.partition_point(|(since, _)| *since <= second).saturating_sub(1)].1
    }

    fn last(&self) -> &T {
        &self.0.last().unwrap().1
    }
}

/// Two years of a zone, its parent and its operator.
struct World {
    keysets: History<Keyset>,
    parent: History<Vec<u16>>,
    rollovers: usize,
    taken_back: usize,
}

/// Lives the two years. The operator believes in `policy`.
fn live(dice: &mut Dice, division: Division, policy: &Policy) -> World {
    let first = begin(division, &mut new_document, at(0), policy).unwrap();
    let mut now = 10 * DAY;
    let ds = tags(&first.at(at(now)).offered);
    let first = ds_seen(&first, at(now), policy).unwrap();
    let mut world =
        World { keysets: History(vec![(0, first)]), parent: History(vec![(0, ds)]), rollovers: 0, taken_back: 0 };
    let roles: &[KeyRole] = match division {
        Division::Combined => &[KeyRole::Csk],
        Division::Split => &[KeyRole::Ksk, KeyRole::Zsk],
    };
    while now < TWO_YEARS {
        now += if dice.once_in(2) { dice.upto(HOUR) } else { dice.upto(4 * DAY) };
        let keyset = world.keysets.last().clone();
        let role = roles[usize::from(dice.once_in(2)) % roles.len()];
        let next = match dice.upto(3) {
            0 => roll(&keyset, role, &mut new_document, at(now), policy).ok().inspect(|_| world.rollovers += 1),
            1 if dice.once_in(4) => take_world_back(dice, &mut world, &keyset, role, now, policy),
            _ => {
                parent_looks(dice, &mut world, &keyset, now);
                let awaited = keyset.awaited(at(now)).map(|awaited| awaited.key.tag());
                let there = awaited.is_some_and(|tag| world.parent.last().contains(&tag));
                let said = (there && dice.once_in(2)).then(|| ds_seen(&keyset, at(now), policy).ok()).flatten();
                if said.is_some() && dice.once_in(2) {
                    // Whatever else stood there goes with or after the word.
                    world.parent.0.push((now, awaited.into_iter().collect()));
                }
                said
            }
        };
        if let Some(next) = next {
            assert!(next.at(at(now)).published.len() <= 5);
            world.keysets.0.push((now, next));
        }
    }
    world
}

/// The parent takes what CDS offers, in place of what it had or beside that.
fn parent_looks(dice: &mut Dice, world: &mut World, keyset: &Keyset, now: i64) {
    let offered = tags(&keyset.at(at(now)).offered);
    let had = world.parent.last().clone();
    if offered.is_empty() || offered.iter().all(|tag| had.contains(tag)) || dice.once_in(3) {
        return;
    }
    let beside = dice.once_in(2);
    let next = if beside { [had, offered].concat() } else { offered };
    world.parent.0.push((now, next));
}

fn take_world_back(
    dice: &mut Dice,
    world: &mut World,
    keyset: &Keyset,
    role: KeyRole,
    now: i64,
    policy: &Policy,
) -> Option<Keyset> {
    let mut checked = ParentChecked::Unknown;
    if dice.once_in(2)
        && let Some(awaited) = keyset.awaited(at(now))
        && let [old] = awaited.replaces[..]
    {
        // The operator has the parent point to the old key only, and vouches for it.
        world.parent.0.push((now, vec![old]));
        checked = ParentChecked::HasNoDs;
    }
    take_back(keyset, role, checked, at(now), policy).ok().inspect(|_| world.taken_back += 1)
}

impl World {
    fn phase(&self, second: i64) -> KeyPhase {
        self.keysets.get(second).at(at(second))
    }

    /// What a validator lacks whose records are of these moments.
    fn broken(&self, dnskey: i64, zone: i64, ds: i64) -> Option<String> {
        let keys = self.phase(dnskey);
        let (published, sign_keys) = (tags(&keys.published), tags(&keys.sign_keys));
        let ds = self.parent.get(ds);
        if !ds.iter().any(|tag| published.contains(tag) && sign_keys.contains(tag)) {
            return Some(format!("DS {ds:?} leads to none of the DNSKEYs {published:?} signed by {sign_keys:?}"));
        }
        let sign_zone = tags(&self.phase(zone).sign_zone);
        let known = sign_zone.iter().any(|tag| published.contains(tag));
        (!known).then(|| format!("signatures of {sign_zone:?} fit none of the DNSKEYs {published:?}"))
    }

    /// The first moment at which a validator with records that it may hold by `policy` finds no chain.
    fn first_break(&self, dice: &mut Dice, policy: &Policy) -> Option<String> {
        let seconds = |span: Duration| i64::try_from((span + policy.propagation).as_secs()).unwrap();
        let ages = [seconds(policy.dnskey_ttl), seconds(policy.zone_ttl), seconds(policy.parent_ttl)];
        let from = 20 * DAY;
        // Around every moment at which anything changes, when it happens and when it leaves the caches.
        let mut moments: Vec<i64> = self.keysets.0.iter().map(|(since, _)| *since).collect();
        moments.extend(self.parent.0.iter().map(|(since, _)| *since));
        moments.extend(
            self.keysets
                .0
                .iter()
                .flat_map(|(since, keyset)| keyset.coming(at(*since)))
                .map(|c| c.time.as_second() - START),
        );
        let mut probes: Vec<i64> = (0..500).map(|_| dice.upto(TWO_YEARS)).collect();
        for moment in moments {
            probes.extend([moment - 1, moment]);
            probes.extend(ages.iter().flat_map(|age| [moment + age - 1, moment + age]));
        }
        for now in probes.into_iter().filter(|now| (from..TWO_YEARS).contains(now)) {
            for _ in 0..6 {
                let held = ages.map(|most| match dice.upto(2) {
                    0 => now,
                    1 => now - most,
                    _ => now - dice.upto(most),
                });
                if let Some(why) = self.broken(held[0], held[1], held[2]) {
                    return Some(format!("at {now}, holding DNSKEY, RRSIG and DS of {held:?}: {why}"));
                }
            }
        }
        None
    }
}

#[test]
fn every_validator_has_a_chain_at_every_moment_of_two_years() {
    let (mut rollovers, mut taken_back) = (0, 0);
    for seed in 0..24 {
        let mut dice = Dice(seed);
        let policy = dice.policy();
        let division = if seed % 2 == 0 { Division::Combined } else { Division::Split };
        let world = live(&mut dice, division, &policy);
        assert_eq!(world.first_break(&mut dice, &policy), None, "seed {seed}, {policy:?}");
        rollovers += world.rollovers;
        taken_back += world.taken_back;
    }
    assert!(rollovers > 100 && taken_back > 5, "{rollovers} rollovers, {taken_back} taken back");
}

/// The simulation above would notice: each part of the policy is needed.
#[test]
fn who_waits_less_than_caches_do_breaks_the_chain() {
    let real = Policy {
        dnskey_ttl: Duration::from_secs(2 * 86_400),
        zone_ttl: Duration::from_secs(7 * 86_400),
        propagation: Duration::from_secs(6 * 3_600),
        parent_ttl: Duration::from_secs(2 * 86_400),
    };
    let none = Duration::ZERO;
    let impatient = [
        Policy { dnskey_ttl: none, ..real },
        Policy { zone_ttl: none, ..real },
        Policy { parent_ttl: none, ..real },
        Policy { propagation: none, ..real },
    ];
    for believed in impatient {
        let broken = (0..20).any(|seed| {
            let mut dice = Dice(seed);
            let division = if seed % 2 == 0 { Division::Combined } else { Division::Split };
            let world = live(&mut dice, division, &believed);
            world.first_break(&mut dice, &real).is_some()
        });
        assert!(broken, "{believed:?} does no harm");
    }
}
