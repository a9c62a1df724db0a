//! Transferred zones in the node: what the transfer room gives is written to disk and served, and what is served anew is told
//! to secondaries.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};

use super::clock::Clock;
use super::copies::{self, Note};
use super::crew::in_background;
use super::desk::Desk;
use super::engine::Message;
use super::picture::Picture;
use super::roster::Roster;
use crate::model::{EventKind, Name, Peer};
use crate::serve::{Notification, Secrets};
use crate::transfer::{Herald, Kind, News, Secondaries, Standing, Stats, Surroundings, Unanswered};
use crate::tsig::Key;
use crate::zone::{Zone, Zones};

/// News that are handled together: zones are taken over once for all of them.
const BATCH: usize = 256;
/// How often it is said which zones cannot be transferred, at most.
const LOOK: Duration = Duration::from_millis(500);
/// Zones that a degradation names; the others are counted.
const NAMED: usize = 5;
/// The part that degradations are of.
const PART: &str = "secondary";

/// The transfer room as the rest of the node sees it.
pub struct Transfers {
    secondaries: Secondaries,
    herald: Herald,
    stats: Arc<Stats>,
    picture: Arc<ArcSwap<Picture>>,
}

/// What the room says.
pub struct Inbox {
    news: mpsc::UnboundedReceiver<News>,
    unanswered: mpsc::UnboundedReceiver<Unanswered>,
    taken_over: Arc<Notify>,
}

/// Keys and zones as they are in force.
struct InForce {
    secrets: Arc<ArcSwap<Secrets>>,
    picture: Arc<ArcSwap<Picture>>,
}

impl Surroundings for InForce {
    fn key(&self, name: &Name) -> Option<Key> {
        self.secrets.load().keyring.get(name).cloned()
    }

    fn zone(&self, origin: &Name) -> Option<Zone> {
        self.picture.load().roster.get(origin)?.held.clone()
    }
}

impl Transfers {
    /// Starts the room. `taken_over` is told whenever zones were taken over.
    pub fn start(
        clock: Clock,
        picture: Arc<ArcSwap<Picture>>,
        secrets: Arc<ArcSwap<Secrets>>,
        taken_over: Arc<Notify>,
    ) -> (Arc<Self>, Inbox) {
        let surroundings: Arc<dyn Surroundings> = Arc::new(InForce { secrets, picture: Arc::clone(&picture) });
        let stats = Arc::new(Stats::default());
        let (news_sender, news) = mpsc::unbounded_channel();
        let (unanswered_sender, unanswered) = mpsc::unbounded_channel();
        let herald = Herald::new(Arc::clone(&surroundings), Arc::clone(&stats), unanswered_sender);
        let secondaries = Secondaries::start(clock.origin(), surroundings, Arc::clone(&stats), news_sender);
        let room = Arc::new(Self { secondaries, herald, stats, picture });
        (room, Inbox { news, unanswered, taken_over })
    }

    /// Takes note that a primary says that a zone changed (RFC 1996). Gives the RCODE of the reply.
    pub fn notified(&self, notification: Notification) -> ResponseCode {
        let picture = self.picture.load();
        let Some(entry) = picture.roster.get(&notification.zone) else { return ResponseCode::NotAuth };
        let Notification { zone, from, key, serial } = notification;
        let is_of = |peer: &Peer| {
            let is_signed = key.is_some() && peer.key == key;
            is_signed || peer.address.ip().to_canonical() == from.to_canonical()
        };
        if !entry.primaries.iter().any(is_of) {
            return ResponseCode::Refused;
        }
        self.secondaries.notified(zone, from, serial);
        ResponseCode::NoError
    }

    /// Tries again at once what failed: an operator may have mended it.
    pub fn retry(&self) {
        self.secondaries.retry();
    }

    /// How all transferred zones stand.
    #[must_use]
    pub fn standings(&self) -> BTreeMap<Name, Standing> {
        self.secondaries.standings()
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Ends everything that is under way.
    pub async fn stop(&self) {
        self.secondaries.stop().await;
    }
}

/// Does what the room says, until aborted.
pub async fn keep(desk: Arc<Desk>, mut inbox: Inbox) {
    let mut keeper = Keeper {
        room: Arc::clone(&desk.transfers),
        desk,
        told: HashMap::new(),
        seen: None,
        unwritten: BTreeMap::new(),
        trouble: None,
        stirred: true,
    };
    keeper.taken_over().await;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(first) = inbox.news.recv() => {
                let mut batch = vec![first];
                while batch.len() < BATCH
                    && let Ok(more) = inbox.news.try_recv()
                {
                    batch.push(more);
                }
                keeper.hear(batch).await;
            }
            Some(unanswered) = inbox.unanswered.recv() => keeper.unanswered(unanswered),
            () = inbox.taken_over.notified() => keeper.taken_over().await,
            _ = looks.tick() => keeper.look().await,
        }
    }
}

struct Keeper {
    desk: Arc<Desk>,
    room: Arc<Transfers>,
    /// The served serials, and who was told of them.
    told: HashMap<Name, (u32, Vec<Peer>)>,
    /// What was taken over last.
    seen: Option<(Arc<Zones>, Arc<Roster>)>,
    /// Copies that the disk did not take, and why.
    unwritten: BTreeMap<Name, String>,
    /// What was last said of this part.
    trouble: Option<String>,
    /// Whether anything happened that may change that.
    stirred: bool,
}

/// A version or the end of one.
type Change = (Name, Kind, Option<Zone>);

/// What goes to disk.
enum Writing {
    Copy(Zone, Note),
    Note(Name, Note),
}

impl Keeper {
    async fn hear(&mut self, batch: Vec<News>) {
        self.stirred = true;
        let picture = self.desk.picture.load_full();
        let checked = Timestamp::now();
        let note = |origin: &Name, serial: u32| {
            let member = picture.roster.get(origin).map(|entry| entry.member()).unwrap_or_default();
            Note { checked, serial, member }
        };
        let (mut changes, mut writings, mut catalogs) = (Vec::<Change>::new(), Vec::new(), Vec::new());
        for news in batch {
            match news {
                News::Version { zone, kind, from } => {
                    let (origin, serial) = (zone.origin().clone(), zone.serial());
                    let Some(entry) = picture.roster.get(&origin).filter(|entry| entry.kind == kind) else { continue };
                    let zone = zone.with_policy(Arc::clone(&entry.policy));
                    if kind == Kind::Catalog {
                        catalogs.push(format!("catalog {origin} serial {serial}"));
                    }
                    self.desk.journal.record(EventKind::ZoneTransferred {
                        zone: origin.to_string(),
                        serial,
                        from: from.address.to_string(),
                    });
                    writings.push(Writing::Copy(zone.clone(), note(&origin, serial)));
                    changes.push((origin, kind, Some(zone)));
                }
                News::Current { origin } => {
                    let Some(held) = picture.roster.get(&origin).and_then(|entry| entry.held.clone()) else { continue };
                    let note = note(&origin, held.serial());
                    // The disk may have room again.
                    let writing = if self.unwritten.contains_key(&origin) {
                        Writing::Copy(held, note)
                    } else {
                        Writing::Note(origin, note)
                    };
                    writings.push(writing);
                }
                News::Expired { origin } => {
                    self.desk.journal.record(EventKind::ZoneExpired { zone: origin.to_string() });
                    let kind = picture.roster.get(&origin).map_or(Kind::Zone, |entry| entry.kind);
                    // Members of a catalog expire by their own timers; an expired list removes none of them.
                    if kind == Kind::Zone {
                        changes.push((origin, kind, None));
                    }
                }
                // Shown as a degradation.
                News::Failed { .. } => {}
            }
        }
        self.write(&picture, writings).await;
        if changes.is_empty() {
            return;
        }
        let change = move |roster: &mut Roster| {
            for (origin, kind, held) in changes {
                roster.replace(&origin, kind, held);
            }
        };
        let cause = (!catalogs.is_empty()).then(|| catalogs.join(", "));
        self.desk.load_transferred(change, cause.as_deref()).await;
    }

    /// Writes copies, so that a start needs no primary. What the disk does not take is served all the same.
    async fn write(&mut self, picture: &Picture, writings: Vec<Writing>) {
        if writings.is_empty() {
            return;
        }
        let directory = copies::directory(&picture.settings);
        let written = in_background(move || {
            let write = |writing: Writing| match writing {
                Writing::Copy(zone, note) => {
                    (zone.origin().clone(), copies::write(&directory, &zone, &note).map_err(|error| error.to_string()))
                }
                Writing::Note(origin, note) => {
                    let written = copies::write_note(&directory, &origin, &note).map_err(|error| error.to_string());
                    (origin, written)
                }
            };
            writings.into_iter().map(write).collect::<Vec<_>>()
        });
        for (origin, outcome) in written.await.unwrap_or_default() {
            match outcome {
                Ok(()) => drop(self.unwritten.remove(&origin)),
                Err(why) => drop(self.unwritten.insert(origin, why)),
            }
        }
    }

    fn unanswered(&self, Unanswered { origin, serial, to, detail }: Unanswered) {
        let (zone, to) = (origin.to_string(), to.to_string());
        self.desk.journal.record(EventKind::NotifyUnanswered { zone, serial, to, detail });
    }

    /// Follows what the engine took over: other zones to transfer, other serials to tell of.
    async fn taken_over(&mut self) {
        let picture = self.desk.picture.load_full();
        let seen = self.seen.replace((Arc::clone(&picture.zones), Arc::clone(&picture.roster)));
        self.room.secondaries.assign(picture.roster.assignments(Timestamp::now())).await;
        self.unwritten.retain(|origin, _| picture.roster.get(origin).is_some());
        self.stirred = true;
        if seen.is_some_and(|(zones, _)| Arc::ptr_eq(&zones, &picture.zones)) {
            return;
        }
        let mut told = HashMap::new();
        // A million zones are looked through beside those that answer.
        let zones = Arc::clone(&picture.zones);
        let watched = in_background(move || {
            zones.iter().filter(|zone| !zone.policy().notify.is_empty()).cloned().collect::<Vec<Zone>>()
        });
        for zone in watched.await.unwrap_or_default() {
            let Some(serial) = served_serial(&zone) else { continue };
            let now = (serial, zone.policy().notify.clone());
            if self.told.get(zone.origin()) != Some(&now) {
                self.room.herald.announce(&zone);
            }
            told.insert(zone.origin().clone(), now);
        }
        for gone in self.told.keys().filter(|origin| !told.contains_key(*origin)) {
            self.room.herald.forget(gone);
        }
        self.told = told;
    }

    /// Says which zones cannot be transferred or written, when that changed.
    async fn look(&mut self) {
        if !std::mem::take(&mut self.stirred) {
            return;
        }
        let trouble = trouble(&self.room.standings(), &self.unwritten);
        if trouble == self.trouble {
            return;
        }
        let state = trouble.clone().map_or_else(|| Ok("all transferred zones are current".to_owned()), Err);
        // A node that is stopping needs no news.
        let _ = self.desk.engine.send(Message::Part(PART, state)).await;
        self.trouble = trouble;
    }
}

/// What is wrong with transferred zones, in one line.
fn trouble(standings: &BTreeMap<Name, Standing>, unwritten: &BTreeMap<Name, String>) -> Option<String> {
    let failing = standings.iter().filter_map(|(origin, standing)| {
        let failure = standing.failure.as_ref()?;
        let outcome = match (standing.serial, standing.kind) {
            (Some(serial), Kind::Zone) => format!("is served as last transferred, serial {serial}"),
            (None, Kind::Zone) => "is answered with SERVFAIL".to_owned(),
            (Some(serial), Kind::Catalog) => format!("lists the zones of serial {serial}"),
            (None, Kind::Catalog) => "lists no zones yet".to_owned(),
        };
        Some(format!("{origin} {outcome}: {failure}"))
    });
    let lost = unwritten.iter().map(|(origin, why)| {
        format!(
            "the copy of {origin} was not written, so a restart serves the one before: {why}; make room in [state] path"
        )
    });
    let mut all = failing.chain(lost);
    let mut named: Vec<String> = all.by_ref().take(NAMED).collect();
    match all.count() {
        0 => {}
        more => named.push(format!("and {more} more")),
    }
    (!named.is_empty()).then(|| named.join("; "))
}

/// The serial of the SOA as it is answered: that of a signed zone is higher than the declared one.
fn served_serial(zone: &Zone) -> Option<u32> {
    match zone.node(&zone.origin().key())?.rrset(RecordType::SOA)?.rdata.first()? {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    }
}
