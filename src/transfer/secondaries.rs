//! The zones that are held by transfer: one task that knows when each is due, and one more for each check under way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep_until;

use super::bounds::MAILBOX;
use super::check::{Job, Kind, Surroundings, Verdict};
use super::schedule::{Held, Schedule, Step};
use super::slots::Slots;
use super::stats::Stats;
use crate::model::{Mono, Name, Peer};
use crate::zone::Zone;

/// A zone to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its apex.
    pub origin: Name,
    /// What it is for.
    pub kind: Kind,
    /// Who is asked, in this order.
    pub primaries: Vec<Peer>,
    /// Another value makes it another zone, of which nothing is held: the unique label of a catalog's member.
    pub incarnation: Vec<u8>,
    /// What there is of it, and how long ago that was known to be current. Heeded for zones that are not held yet.
    pub held: Option<(Held, Duration)>,
}

/// What becomes of zones.
pub enum News {
    /// A version was transferred; it is held from now on.
    Version {
        /// The zone, whole and checked.
        zone: Box<Zone>,
        /// What it is for.
        kind: Kind,
        /// Who gave it.
        from: Peer,
    },
    /// A primary says that what is held is current.
    Current {
        /// The zone.
        origin: Name,
    },
    /// A check failed; when it is held, what is held stays.
    Failed {
        /// The zone.
        origin: Name,
        /// Why, by primary.
        detail: String,
        /// Whether the check before it had not.
        is_first: bool,
    },
    /// No primary was heard of for so long that the zone must not be served any more.
    Expired {
        /// The zone.
        origin: Name,
    },
}

/// How a zone stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it is for.
    pub kind: Kind,
    /// The serial that is held.
    pub serial: Option<u32>,
    /// When it was last known to be current.
    pub checked: Option<Mono>,
    /// When it expires unless a primary is heard of before.
    pub expires: Option<Mono>,
    /// Why the last check failed, if it did.
    pub failure: Option<String>,
}

enum Command {
    Assign(Vec<Assignment>),
    Notified(Name, IpAddr, Option<u32>),
    Retry,
    Stop(oneshot::Sender<()>),
}

/// See the module.
pub struct Secondaries {
    commands: mpsc::Sender<Command>,
    standings: Arc<Mutex<BTreeMap<Name, Standing>>>,
}

impl Secondaries {
    /// Starts without zones. `origin` is the instant of [`Mono::START`].
    #[must_use]
    pub fn start(
        origin: Instant,
        surroundings: Arc<dyn Surroundings>,
        stats: Arc<Stats>,
        news: mpsc::UnboundedSender<News>,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(MAILBOX);
        let standings = Arc::default();
        let keeper = Keeper {
            origin,
            surroundings,
            slots: Arc::default(),
            stats,
            news,
            standings: Arc::clone(&standings),
            zones: HashMap::new(),
            due: BTreeSet::new(),
            checks: JoinSet::new(),
            next_number: 0,
        };
        tokio::spawn(keeper.run(inbox));
        Self { commands, standings }
    }

    /// Holds exactly these zones from now on. Those that were held before stay as they are.
    pub async fn assign(&self, assignments: Vec<Assignment>) {
        // The other end is gone only after a stop.
        let _ = self.commands.send(Command::Assign(assignments)).await;
    }

    /// Takes note that a primary at `from` says that a zone changed. What comes faster than it is heeded is dropped.
    pub fn notified(&self, origin: Name, from: IpAddr, serial: Option<u32>) {
        let _ = self.commands.try_send(Command::Notified(origin, from, serial));
    }

    /// Checks the zones soon whose last check failed. May be dropped, too.
    pub fn retry(&self) {
        let _ = self.commands.try_send(Command::Retry);
    }

    /// How all zones stand.
    #[must_use]
    pub fn standings(&self) -> BTreeMap<Name, Standing> {
        lock(&self.standings).clone()
    }

    /// Ends all checks.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind it is replaced by whole values.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A zone as the task knows it.
struct Entry {
    /// Tells it from one of the same name that was held before.
    number: u64,
    kind: Kind,
    primaries: Vec<Peer>,
    incarnation: Vec<u8>,
    schedule: Schedule,
    /// When it is in `due`.
    wake: Option<Mono>,
    checked: Option<Mono>,
    failure: Option<String>,
    /// Who last said that it changed: asked first.
    told_by: Option<IpAddr>,
    check: Option<AbortHandle>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(check) = &self.check {
            check.abort();
        }
    }
}

struct Keeper {
    origin: Instant,
    surroundings: Arc<dyn Surroundings>,
    slots: Arc<Slots>,
    stats: Arc<Stats>,
    news: mpsc::UnboundedSender<News>,
    standings: Arc<Mutex<BTreeMap<Name, Standing>>>,
    zones: HashMap<Name, Entry>,
    due: BTreeSet<(Mono, Name)>,
    checks: JoinSet<(Name, u64, Verdict)>,
    next_number: u64,
}

impl Keeper {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        loop {
            let wake = self.due.first().map(|(wake, _)| self.origin + wake.0);
            let asleep = async {
                match wake {
                    Some(wake) => sleep_until(wake.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(Command::Assign(assignments)) => self.assign(assignments),
                    Some(Command::Notified(origin, from, serial)) => self.notified(origin, from, serial),
                    Some(Command::Retry) => self.retry(),
                    Some(Command::Stop(done)) => {
                        self.checks.shutdown().await;
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                Some(ended) = self.checks.join_next() => {
                    // Otherwise it was aborted with its zone.
                    if let Ok((origin, number, verdict)) = ended {
                        self.ended(origin, number, verdict);
                    }
                }
                () = asleep => self.look(),
            }
        }
    }

    fn now(&self) -> Mono {
        Mono(self.origin.elapsed())
    }

    fn assign(&mut self, assignments: Vec<Assignment>) {
        let now = self.now();
        let mut before = std::mem::take(&mut self.zones);
        self.due.clear();
        for assignment in assignments {
            let Assignment { origin, kind, primaries, incarnation, held } = assignment;
            let known = before.remove(&origin).filter(|entry| entry.kind == kind && entry.incarnation == incarnation);
            let entry = match known {
                Some(mut entry) => {
                    if entry.primaries != primaries {
                        entry.primaries = primaries;
                        entry.schedule.notified(None, now);
                    }
                    entry.wake = None;
                    entry
                }
                None => {
                    self.next_number += 1;
                    Entry {
                        number: self.next_number,
                        kind,
                        primaries,
                        incarnation,
                        schedule: Schedule::new(held, now),
                        wake: None,
                        checked: None,
                        failure: None,
                        told_by: None,
                        check: None,
                    }
                }
            };
            self.zones.insert(origin.clone(), entry);
            self.arrange(&origin);
        }
        drop(before);
        lock(&self.standings).retain(|origin, _| self.zones.contains_key(origin));
        self.look();
    }

    fn notified(&mut self, origin: Name, from: IpAddr, serial: Option<u32>) {
        let now = self.now();
        let Some(entry) = self.zones.get_mut(&origin) else { return };
        if entry.schedule.notified(serial, now) {
            entry.told_by = Some(from);
            self.arrange(&origin);
        }
    }

    fn retry(&mut self) {
        let now = self.now();
        let failing = self.zones.iter_mut().filter(|(_, entry)| entry.failure.is_some());
        let failing: Vec<Name> = failing
            .map(|(origin, entry)| {
                entry.schedule.notified(None, now);
                origin.clone()
            })
            .collect();
        failing.iter().for_each(|origin| self.arrange(origin));
    }

    /// Does what is due.
    fn look(&mut self) {
        let now = self.now();
        while let Some((_, origin)) = self.due.first().filter(|(wake, _)| *wake <= now).cloned() {
            let Some(entry) = self.zones.get_mut(&origin) else {
                self.due.pop_first();
                continue;
            };
            match entry.schedule.step(now) {
                Step::Expire => {
                    self.stats.count_expired();
                    self.tell(News::Expired { origin: origin.clone() });
                }
                Step::Check => self.begin(&origin, now),
                Step::Wait => {}
            }
            self.arrange(&origin);
        }
    }

    fn begin(&mut self, origin: &Name, now: Mono) {
        let Some(entry) = self.zones.get_mut(origin) else { return };
        entry.schedule.begin(now);
        let mut primaries = entry.primaries.clone();
        if let Some(first) = entry.told_by.take() {
            primaries.sort_by_key(|peer| peer.address.ip().to_canonical() != first.to_canonical());
        }
        let job = Job {
            origin: origin.clone(),
            kind: entry.kind,
            primaries,
            serial: entry.schedule.held().map(|held| held.serial),
            surroundings: Arc::clone(&self.surroundings),
            slots: Arc::clone(&self.slots),
            stats: Arc::clone(&self.stats),
        };
        let number = entry.number;
        entry.check = Some(self.checks.spawn(async move {
            // What a panic may leave half done is this check's own.
            let verdict = AssertUnwindSafe(job.run()).catch_unwind().await;
            let verdict = verdict.unwrap_or_else(|_| Verdict::Failed("the check panicked".to_owned()));
            (job.origin.clone(), number, verdict)
        }));
    }

    fn ended(&mut self, origin: Name, number: u64, verdict: Verdict) {
        let now = self.now();
        let jitter = jitter();
        let Some(entry) = self.zones.get_mut(&origin).filter(|entry| entry.number == number) else { return };
        entry.check = None;
        let news = match verdict {
            Verdict::Current => {
                self.stats.count_current();
                entry.schedule.current(now, jitter);
                (entry.checked, entry.failure) = (Some(now), None);
                News::Current { origin: origin.clone() }
            }
            Verdict::Version(zone, from) => match Held::of(&zone) {
                Some(held) => {
                    self.stats.count_transferred();
                    entry.schedule.replaced(held, now, jitter);
                    (entry.checked, entry.failure) = (Some(now), None);
                    News::Version { zone, kind: entry.kind, from }
                }
                None => entry.fail("the zone has no SOA".to_owned(), &origin, now, jitter),
            },
            Verdict::Failed(detail) => entry.fail(detail, &origin, now, jitter),
        };
        if matches!(news, News::Failed { .. }) {
            self.stats.count_failed();
        }
        self.tell(news);
        self.arrange(&origin);
    }

    /// Puts a zone where it is due, and shows how it stands.
    fn arrange(&mut self, origin: &Name) {
        let Some(entry) = self.zones.get_mut(origin) else { return };
        if let Some(wake) = entry.wake.take() {
            self.due.remove(&(wake, origin.clone()));
        }
        entry.wake = entry.schedule.wake();
        if let Some(wake) = entry.wake {
            self.due.insert((wake, origin.clone()));
        }
        let standing = Standing {
            kind: entry.kind,
            serial: entry.schedule.held().map(|held| held.serial),
            checked: entry.checked,
            expires: entry.schedule.expires(),
            failure: entry.failure.clone(),
        };
        lock(&self.standings).insert(origin.clone(), standing);
    }

    fn tell(&self, news: News) {
        // Nobody listens only while the node stops.
        let _ = self.news.send(news);
    }
}

impl Entry {
    fn fail(&mut self, detail: String, origin: &Name, now: Mono, jitter: u16) -> News {
        let is_first = self.failure.is_none();
        self.schedule.failed(now, jitter);
        self.failure = Some(detail.clone());
        News::Failed { origin: origin.clone(), detail, is_first }
    }
}

/// Any number, another each time. Nothing but the spread of checks hangs on it.
fn jitter() -> u16 {
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher, Hasher};
    let [low, high, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
    u16::from_le_bytes([low, high])
}
