//! The life of a zone at a secondary: when its primary is asked, and until when it is served (RFC 1034 section 4.3.5).
//!
//! Pure: time and jitter are arguments. An expired zone is as one that was never there.

use std::time::Duration;

use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{RData, RecordType};

use super::bounds::{
    BACKOFF_FIRST, BACKOFF_MOST, CHECK_INTERVAL, EXPIRE_LEAST, EXPIRE_MOST, JITTER, REFRESH_LEAST, REFRESH_MOST,
    RETRY_LEAST, RETRY_MOST,
};
use crate::model::Mono;
use crate::zone::Zone;

/// Whether `serial` comes after `other` (RFC 1982 section 3.2). Of two that are 2^31 apart neither does.
#[must_use]
pub const fn is_after(serial: u32, other: u32) -> bool {
    let ahead = serial.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

/// What the SOA of a zone asks of its secondaries (RFC 1035 section 3.3.13), within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    refresh: Duration,
    retry: Duration,
    expire: Duration,
}

impl Timers {
    /// The timers of `soa`. A zone that expires soon is checked and retried before, whatever its refresh says.
    #[must_use]
    pub fn of(soa: &SOA) -> Self {
        // The library reads the fields as signed; on the wire they are not.
        let seconds = |field: i32| Duration::from_secs(field.cast_unsigned().into());
        let expire = seconds(soa.expire).clamp(EXPIRE_LEAST, EXPIRE_MOST);
        let refresh = seconds(soa.refresh).clamp(REFRESH_LEAST, REFRESH_MOST).min(expire / 2);
        let retry = seconds(soa.retry).clamp(RETRY_LEAST, RETRY_MOST).min(expire / 4);
        Self { refresh: refresh.max(CHECK_INTERVAL), retry: retry.max(CHECK_INTERVAL), expire }
    }

    /// How long the zone is served after it was last known to be current.
    #[must_use]
    pub const fn expire(&self) -> Duration {
        self.expire
    }
}

/// A version of a zone that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its serial.
    pub serial: u32,
    /// What its SOA asks.
    pub timers: Timers,
}

impl Held {
    /// What holding `zone` means; `None` without its SOA.
    #[must_use]
    pub fn of(zone: &Zone) -> Option<Self> {
        match zone.node(&zone.origin().key())?.rrset(RecordType::SOA)?.rdata.first()? {
            RData::SOA(soa) => Some(Self { serial: zone.serial(), timers: Timers::of(soa) }),
            _ => None,
        }
    }
}

/// What a zone wants now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is no longer served; its schedule has forgotten it already.
    Expire,
    /// Its primary is asked: call [`Schedule::begin`], and then say how that ended.
    Check,
    /// Nothing.
    Wait,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Schedule {
    held: Option<(Held, Mono)>,
    next: Mono,
    begun: Option<Mono>,
    checking: bool,
    /// Asked for while a check was under way that may have come too early to see what is meant.
    again: bool,
    failures: u32,
}

impl Schedule {
    /// A zone that is to be checked at once. `held` is what there is of it and how long ago that was known to be
    /// current.
    #[must_use]
    pub fn new(held: Option<(Held, Duration)>, now: Mono) -> Self {
        let expires = |held: Held, age: Duration| now.after(held.timers.expire.saturating_sub(age));
        let held = held.filter(|(held, age)| *age < held.timers.expire);
        Self {
            held: held.map(|(held, age)| (held, expires(held, age))),
            next: now,
            begun: None,
            checking: false,
            again: false,
            failures: 0,
        }
    }

    /// What is held.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        self.held.map(|(held, _)| held)
    }

    /// When it expires unless its primary is heard of before.
    #[must_use]
    pub fn expires(&self) -> Option<Mono> {
        self.held.map(|(_, expires)| expires)
    }

    /// When to call [`Schedule::step`] next; `None` when only the end of the check under way changes anything.
    #[must_use]
    pub fn wake(&self) -> Option<Mono> {
        let next = (!self.checking).then_some(self.next);
        [next, self.expires()].into_iter().flatten().min()
    }

    /// What is due at `now`.
    pub fn step(&mut self, now: Mono) -> Step {
        if self.expires().is_some_and(|expires| expires <= now) {
            self.held = None;
            return Step::Expire;
        }
        if !self.checking && self.next <= now { Step::Check } else { Step::Wait }
    }

    /// A check begins.
    pub const fn begin(&mut self, now: Mono) {
        self.checking = true;
        self.again = false;
        self.begun = Some(now);
    }

    /// A primary says that what is held is current. `jitter` is any number, another each time.
    pub fn current(&mut self, now: Mono, jitter: u16) {
        self.failures = 0;
        match &mut self.held {
            Some((held, expires)) => {
                *expires = now.after(held.timers.expire);
                let refresh = held.timers.refresh;
                self.end(now, shortened(refresh, jitter));
            }
            // It expired while the question was under way.
            None => self.end(now, Duration::ZERO),
        }
    }

    /// A version was transferred.
    pub fn replaced(&mut self, held: Held, now: Mono, jitter: u16) {
        self.failures = 0;
        self.held = Some((held, now.after(held.timers.expire)));
        self.end(now, shortened(held.timers.refresh, jitter));
    }

    /// No primary could be asked, or none gave what it should.
    pub fn failed(&mut self, now: Mono, jitter: u16) {
        let wait = match self.held {
            Some((held, _)) => held.timers.retry,
            None => BACKOFF_FIRST.saturating_mul(1 << self.failures.min(16)).min(BACKOFF_MOST),
        };
        self.failures = self.failures.saturating_add(1);
        self.end(now, shortened(wait, jitter));
    }

    /// A primary says that there is a version with this serial, if it says so much. Gives whether it is asked for.
    pub fn notified(&mut self, serial: Option<u32>, now: Mono) -> bool {
        if let (Some(told), Some((held, _))) = (serial, self.held)
            && !is_after(told, held.serial)
        {
            return false;
        }
        if self.checking {
            self.again = true;
        } else {
            self.next = self.next.min(self.soon(now));
        }
        true
    }

    fn end(&mut self, now: Mono, wait: Duration) {
        self.checking = false;
        let soon = self.soon(now);
        self.next = if std::mem::take(&mut self.again) { soon } else { now.after(wait).max(soon) };
    }

    /// The first moment that another check may begin.
    fn soon(&self, now: Mono) -> Mono {
        self.begun.map_or(now, |begun| begun.after(CHECK_INTERVAL).max(now))
    }
}

/// `interval` less up to a tenth of it.
fn shortened(interval: Duration, jitter: u16) -> Duration {
    interval.saturating_sub(interval / JITTER * u32::from(jitter) / u32::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;
    use proptest::prelude::*;

    use super::*;

    fn soa(serial: u32, refresh: u32, retry: u32, expire: u32) -> SOA {
        let [refresh, retry, expire] = [refresh, retry, expire].map(u32::cast_signed);
        SOA::new(Name::root(), Name::root(), serial, refresh, retry, expire, 0)
    }

    fn held(serial: u32, refresh: u32, retry: u32, expire: u32) -> Held {
        Held { serial, timers: Timers::of(&soa(serial, refresh, retry, expire)) }
    }

    const fn at(seconds: u64) -> Mono {
        Mono(Duration::from_secs(seconds))
    }

    #[test]
    fn serials_compare_as_rfc_1982_says() {
        assert!(is_after(1, 0) && is_after(0, u32::MAX) && is_after(0x8000_0000, 1));
        assert!(!is_after(5, 5) && !is_after(0, 1) && !is_after(0x8000_0000, 0) && !is_after(0, 0x8000_0000));
    }

    #[test]
    fn a_zone_that_is_not_held_is_asked_for_at_once_and_then_less_and_less_often() {
        let mut schedule = Schedule::new(None, at(0));
        let (mut now, mut waits) = (at(0), Vec::new());
        for _ in 0..12 {
            assert_eq!(schedule.step(now), Step::Check);
            schedule.begin(now);
            assert_eq!((schedule.step(now), schedule.wake()), (Step::Wait, None));
            schedule.failed(now, 0);
            let next = schedule.wake().unwrap();
            waits.push(next.since(now).as_secs());
            now = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn refresh_retry_and_expire_are_those_of_the_soa() {
        let mut schedule = Schedule::new(Some((held(7, 3600, 600, 86_400), Duration::from_secs(400))), at(1000));
        assert_eq!(schedule.expires(), Some(at(1000 + 86_000)));
        schedule.begin(at(1000));
        schedule.current(at(1002), 0);
        assert_eq!((schedule.wake(), schedule.expires()), (Some(at(4602)), Some(at(1002 + 86_400))));
        assert_eq!(schedule.step(at(4601)), Step::Wait);
        assert_eq!(schedule.step(at(4602)), Step::Check);
        schedule.begin(at(4602));
        schedule.failed(at(4610), 0);
        assert_eq!((schedule.wake(), schedule.expires()), (Some(at(5210)), Some(at(1002 + 86_400))));
        schedule.begin(at(5210));
        assert_eq!(schedule.step(at(1002 + 86_400)), Step::Expire);
        assert_eq!((schedule.held(), schedule.step(at(1002 + 86_400))), (None, Step::Wait));
        // The check was under way all the time; what it says is of a zone that is gone, so it is asked for anew.
        schedule.current(at(90_000), 0);
        assert_eq!((schedule.held(), schedule.step(at(90_000))), (None, Step::Check));
    }

    #[test]
    fn what_expired_while_the_node_was_down_is_not_held() {
        let schedule = Schedule::new(Some((held(7, 3600, 600, 86_400), Duration::from_secs(86_400))), at(0));
        assert_eq!((schedule.held(), schedule.wake()), (None, Some(at(0))));
    }

    #[test]
    fn a_zone_that_expires_soon_is_checked_before() {
        let timers = Timers::of(&soa(1, 0, 0, 5));
        assert_eq!((timers.refresh, timers.retry), (Duration::from_millis(2500), Duration::from_millis(1250)));
        let timers = Timers::of(&soa(1, u32::MAX, u32::MAX, u32::MAX));
        assert_eq!((timers.refresh, timers.retry, timers.expire), (REFRESH_MOST, RETRY_MOST, EXPIRE_MOST));
        let timers = Timers::of(&soa(1, 1, 1, 86_400));
        assert_eq!((timers.refresh, timers.retry), (REFRESH_LEAST, RETRY_LEAST));
    }

    #[test]
    fn notify_brings_the_check_forward_but_not_without_end() {
        let mut schedule = Schedule::new(Some((held(7, 3600, 600, 86_400), Duration::ZERO)), at(0));
        schedule.begin(at(0));
        schedule.current(at(0), 0);
        assert!(!schedule.notified(Some(7), at(100)) && !schedule.notified(Some(6), at(100)));
        assert_eq!(schedule.wake(), Some(at(3600)));
        assert!(schedule.notified(Some(8), at(100)));
        assert_eq!(schedule.step(at(100)), Step::Check);
        schedule.begin(at(100));
        // One that comes meanwhile may mean a version that the check under way does not see.
        assert!(schedule.notified(None, at(100)));
        schedule.current(at(100), 0);
        assert_eq!((schedule.step(at(100)), schedule.wake()), (Step::Wait, Some(at(101))));
        schedule.begin(at(101));
        schedule.current(at(101), 0);
        assert_eq!(schedule.wake(), Some(at(101 + 3600)));
    }

    #[derive(Clone, Debug)]
    enum Happening {
        Pass(u32),
        Notify(Option<u32>),
        Current,
        Replaced(u32, u32, u32, u32),
        Failed,
    }

    fn happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            (0_u32..200_000).prop_map(Happening::Pass),
            any::<Option<u32>>().prop_map(Happening::Notify),
            Just(Happening::Current),
            any::<(u32, u32, u32, u32)>().prop_map(|(a, b, c, d)| Happening::Replaced(a, b, c, d % 100_000)),
            Just(Happening::Failed),
        ]
    }

    proptest! {
        #[test]
        fn jitter_only_shortens_and_by_a_tenth_at_most(ms in 0_u64..u64::from(u32::MAX), jitter: u16) {
            let whole = Duration::from_millis(ms);
            let short = shortened(whole, jitter);
            prop_assert!(short <= whole && short + whole / JITTER >= whole);
        }

        #[test]
        fn a_zone_is_served_while_its_last_good_check_is_younger_than_its_expiry(
            happenings in prop::collection::vec((happening(), any::<u16>()), 0..80),
        ) {
            let mut now = at(0);
            let mut schedule = Schedule::new(None, now);
            let (mut confirmed, mut checking, mut last_begin) = (None, false, None::<Mono>);
            for (happening, jitter) in happenings {
                match happening {
                    Happening::Pass(ms) => now = now.after(Duration::from_millis(ms.into())),
                    Happening::Notify(serial) => drop(schedule.notified(serial, now)),
                    Happening::Current if checking => {
                        schedule.current(now, jitter);
                        confirmed = confirmed.map(|(_, expire)| (now, expire));
                        checking = false;
                    }
                    Happening::Replaced(serial, refresh, retry, expire) if checking => {
                        let held = held(serial, refresh, retry, expire);
                        schedule.replaced(held, now, jitter);
                        confirmed = Some((now, held.timers.expire));
                        checking = false;
                    }
                    Happening::Failed if checking => {
                        schedule.failed(now, jitter);
                        checking = false;
                    }
                    _ => {}
                }
                loop {
                    match schedule.step(now) {
                        Step::Expire => {
                            let (at, expire) = confirmed.take().expect("only what was held expires");
                            prop_assert!(now.since(at) >= expire);
                        }
                        Step::Check => {
                            prop_assert!(!checking);
                            prop_assert!(last_begin.is_none_or(|last| now.since(last) >= CHECK_INTERVAL));
                            schedule.begin(now);
                            (checking, last_begin) = (true, Some(now));
                        }
                        Step::Wait => break,
                    }
                }
                prop_assert_eq!(schedule.held().is_some(), confirmed.is_some());
                if let Some((at, expire)) = confirmed {
                    prop_assert!(now.since(at) < expire);
                }
                match schedule.wake() {
                    Some(wake) => prop_assert!(wake > now && wake.since(now) <= REFRESH_MOST),
                    None => prop_assert!(checking && confirmed.is_none()),
                }
            }
        }
    }
}
