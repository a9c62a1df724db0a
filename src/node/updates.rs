//! Updates of zones (RFC 2136): judged, made durable, served, then answered. One at a time, and never beside a load.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hickory_proto::op::ResponseCode;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tracing::error;

use super::clock::Clock;
use super::engine::{Message, with_remedy};
use super::journal::Journal;
use super::ledger::{Lasting, Ledger, source_of};
use super::loading::{self, Loaded};
use super::picture::Picture;
use super::roster::Roster;
use super::signing;
use crate::answer::Tables;
use crate::model::{EventKind, ZoneState};
use crate::serve::UpdateRequest;
use crate::steer::Steering;
use crate::store::StoreError;
use crate::zone::{self, Update, Zone, Zones};

/// Updates that may wait for the one before them. A store that hangs must not collect clients.
const WAITING: usize = 64;

/// Who makes updates.
pub struct Updates {
    /// Clocks.
    pub clock: Clock,
    /// What is served.
    pub picture: Arc<ArcSwap<Picture>>,
    /// What queries are answered from.
    pub tables: Arc<ArcSwap<Tables>>,
    /// How zones were last served.
    pub ledger: Arc<Ledger>,
    /// Events.
    pub journal: Journal,
    /// Who serves.
    pub engine: mpsc::Sender<Message>,
    /// One change of the zones at a time.
    pub reloading: Arc<Mutex<()>>,
    /// Places for updates under way.
    pub places: Arc<Semaphore>,
}

/// An update that may be made.
struct Prepared {
    state: ZoneState,
    changes: Vec<String>,
    loaded: Loaded,
}

/// Why an update is not made.
enum Obstacle {
    /// The client's fault, or that of the configuration.
    Refused(ResponseCode),
    /// The store's.
    Store(StoreError),
}

impl Updates {
    /// The places of a node.
    #[must_use]
    pub fn places() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(WAITING))
    }

    /// Makes an update. When this returns NOERROR, the update is durable and served by this node; any other RCODE says
    /// that nothing was changed.
    pub async fn make(self: &Arc<Self>, request: UpdateRequest) -> ResponseCode {
        if self.ledger.lasting() == Lasting::No {
            // It would be gone after a restart: the degradation of the store says what to do.
            return ResponseCode::ServFail;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return ResponseCode::ServFail };
        let updates = Arc::clone(self);
        // A client that goes away must not leave an update half made.
        let made = tokio::spawn(async move {
            let _place = place;
            updates.one(request).await
        });
        made.await.unwrap_or(ResponseCode::ServFail)
    }

    async fn one(&self, request: UpdateRequest) -> ResponseCode {
        let _one = self.reloading.lock().await;
        let (picture, tables) = (self.picture.load_full(), self.tables.load_full());
        let (clock, journal, ledger) = (self.clock, self.journal.clone(), Arc::clone(&self.ledger));
        let done = tokio::task::spawn_blocking(move || {
            let Some(prepared) = prepare(&picture, &tables, &request, clock).map_err(Obstacle::Refused)? else {
                return Ok(None);
            };
            let Prepared { state, changes, loaded } = prepared;
            let event = journal.event(EventKind::ZoneUpdated {
                zone: state.source.clone(),
                serial: state.serial,
                key: request.key.to_string(),
                changes,
            });
            let event = ledger.keep(state, event).map_err(Obstacle::Store)?;
            Ok(Some((event, loaded)))
        });
        let (event, loaded) = match done.await {
            Ok(Ok(Some(done))) => done,
            // Nothing to change.
            Ok(Ok(None)) => return ResponseCode::NoError,
            Ok(Err(Obstacle::Refused(rcode))) => return rcode,
            Ok(Err(Obstacle::Store(problem))) => {
                let _ = self.engine.send(Message::Part("store", Err(with_remedy(&problem)))).await;
                return ResponseCode::ServFail;
            }
            Err(panic) => {
                error!(%panic, "an update was not made");
                return ResponseCode::ServFail;
            }
        };
        let (served, answer) = oneshot::channel();
        let taken = self.engine.send(Message::Load(Box::new(loaded), served)).await.is_ok() && answer.await.is_ok();
        if let Some(event) = event {
            self.journal.announce(event);
        }
        if self.picture.load().degradations.contains_key("store") {
            let _ = self.engine.send(Message::Part("store", Ok("writes go through again".to_owned()))).await;
        }
        // A node that is stopping has it in the store: the client asks again, and the update changes nothing then.
        if taken { ResponseCode::NoError } else { ResponseCode::ServFail }
    }
}

/// What `request` makes of the zones in force; `None` where it changes nothing.
fn prepare(
    picture: &Picture,
    tables: &Tables,
    request: &UpdateRequest,
    clock: Clock,
) -> Result<Option<Prepared>, ResponseCode> {
    let zone = picture.zones.get(&request.zone).ok_or(ResponseCode::NotAuth)?;
    let update = Update { key: &request.key, prerequisites: &request.prerequisites, updates: &request.updates };
    let Some(updated) = zone.updated(update)? else { return Ok(None) };
    let now = clock.wall();
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let (raised, state) = updated.zone.raised(&source_of(zone.origin()), zone.serial(), seconds);
    // Its keys were there when it was loaded.
    let served = signing::signed(&raised, &picture.signed.keys, now).ok_or(ResponseCode::ServFail)?.into_owned();
    Ok(Some(Prepared { state, changes: updated.changes, loaded: with_zone(picture, tables, served) }))
}

/// What `picture` says, with `zone` in place of the one of the same name. No file is read.
fn with_zone(picture: &Picture, tables: &Tables, zone: Zone) -> Loaded {
    let settings = Arc::clone(&picture.settings);
    let mut attribution = tables.attribution().with_zone(zone.clone()).unwrap_or_else(|| {
        let mut zones = Zones::clone(&picture.zones);
        zones.insert(zone);
        zone::attribute(zones, &settings)
    });
    let mut roster = Roster::clone(&picture.roster);
    roster.settle(&attribution.zones);
    // Where clients are does not hang on records.
    let steering = if attribution.topology == *picture.topology {
        Arc::clone(tables.steering())
    } else {
        Arc::new(Steering::build(&attribution.topology, &settings.geo, &picture.geo.atlas))
    };
    let report = std::mem::take(&mut attribution.report);
    let attribution = Arc::new(attribution);
    Loaded {
        settings,
        report,
        tables: loading::unjudged(&attribution, steering),
        attribution,
        geo: picture.geo.clone(),
        secrets: None,
        probe_files: None,
        roster: Arc::new(roster),
        troubles: picture.troubles.to_vec(),
        marks: Arc::clone(&picture.marks),
        signed: Arc::clone(&picture.signed),
        states: Vec::new(),
    }
}
