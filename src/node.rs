//! The node: joins the rooms, starts, reloads and stops.
//!
//! The only place that knows more than one room of the shell. [`run`] reads the configuration, opens the store, binds
//! the sockets, and then leaves the work to four parties that share nothing but channels and snapshots: the DNS
//! server, the prober, the admin API and the engine, which owns every decision.

mod acts;
mod backstage;
mod by_hand;
mod checking;
mod checkpoints;
mod clock;
mod cluster;
mod cluster_metrics;
mod cluster_status;
mod copies;
mod crew;
mod demand;
mod demand_file;
mod desk;
mod desk_audit;
mod desk_cluster;
mod desk_difference;
mod desk_drills;
mod desk_entrance;
mod desk_incidents;
mod desk_notifications;
mod desk_orders;
mod desk_questions;
mod desk_rehearsal;
mod desk_sights;
mod desk_tokens;
mod dns_metrics;
mod drained;
mod drill_measures;
mod drill_metrics;
mod drill_runners;
mod drill_turns;
mod drills;
mod ends;
mod engine;
mod entrance_metrics;
mod forecast;
mod heard;
mod history;
mod hooks;
mod incident_metrics;
mod incidents;
mod journal;
mod judging;
pub mod key_ttls;
pub mod keys;
pub mod keyset_files;
mod ledger;
mod lint;
mod load_metrics;
mod loading;
mod log;
mod metrics;
mod notify_metrics;
mod notifying;
mod opening;
mod orders;
mod outlook;
mod peers;
mod picture;
mod planning;
pub mod private_files;
mod probe_files;
mod probe_metrics;
mod recorder;
mod reloading;
mod retired;
mod roster;
mod secondaries;
mod secrets;
mod settling;
pub mod shared_files;
mod shared_orders;
mod signing;
mod site_metrics;
mod standing;
mod status;
mod steps;
mod tellers;
mod undo;
mod updates;
mod verdict;
mod watch;
mod zone_files;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, Notify, broadcast, mpsc, oneshot};
use tracing::{info, warn};

use self::backstage::Stage;
pub use self::by_hand::{ProbeHere, probe_here};
pub use self::checking::{Declared, check, declared};
use self::checkpoints::{Archivist, Checkpoints};
use self::clock::Clock;
use self::demand::Gauge;
use self::desk::Desk;
use self::engine::{Engine, Message, Parts};
use self::history::History;
use self::hooks::Attendant;
use self::incidents::{Casebook, Follower};
use self::journal::Journal;
use self::ledger::Ledger;
use self::lint::Lint;
use self::loading::Fallback;
pub use self::log::Backlog;
use self::notifying::{Board, Notifier};
use self::opening::{Opened, Shared, open_store, share};
use self::recorder::Recorder;
pub use self::recorder::{BEFORE as RECORDING_BEFORE, NAME as RECORDING};
use self::secondaries::Transfers;
use self::updates::Updates;
use crate::admin::Control;
use crate::config::Report;
use crate::model::{Event, EventKind, Generation, Settings};
use crate::plan::Record;
use crate::probe::Prober;
use crate::serve::{ServeError, Server, Setup, Usage};
use crate::store::StoreError;

/// Messages that may wait for the engine.
const MAILBOX: usize = 1_024;
/// Opinions that may wait for the engine; probes wait beyond that.
const OPINIONS: usize = 4_096;
/// Between two tries to have the addresses of the admin API.
const ADMIN_RETRY: Duration = Duration::from_secs(5);
/// Warnings of the configuration that are logged at the start.
const WARNINGS: usize = 100;
/// How long the parties may take to end.
const STOP: Duration = Duration::from_secs(3);

/// How a node is started.
pub struct RunOptions {
    /// When this resolves the node stops in order.
    pub stop: BoxFuture<'static, ()>,
    /// Gets every event, where someone in the same process watches.
    pub events: Option<broadcast::Sender<Arc<Event>>>,
    /// Whether the node obeys the signals of its process: SIGHUP reloads.
    pub signals: Signals,
    /// Lines of the log.
    pub backlog: Backlog,
}

/// Whether a node listens to the signals of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// SIGHUP reloads.
    Obeyed,
    /// They are someone else's.
    Ignored,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Configuration or zones have errors.
    #[error("the configuration has errors; nothing was started")]
    Configuration(Box<Report>),
    /// Another node uses the state directory, or it may not be used.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Store(StoreError),
    /// A DNS address cannot be listened on.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The system refused something else.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Runs a node until told to stop.
///
/// # Errors
/// If the node could not start; once it answers, it goes on whatever fails.
pub async fn run(path: &Path, options: RunOptions) -> Result<(), NodeError> {
    let clock = Clock::start();
    let started = clock.wall();
    let owned = path.to_path_buf();
    let refused = |report| NodeError::Configuration(Box::new(report));
    let read = tokio::task::spawn_blocking(move || loading::read_settings(&owned)).await.map_err(io::Error::other)?;
    let (settings, report) = read.map_err(refused)?;
    // What updates made of zones is in the store.
    let Opened { store, mut snapshot, epoch, mut trouble, lasting } = open_store(&settings.state.path)?;
    let ledger = Arc::new(Ledger::new(Arc::clone(&store), std::mem::take(&mut snapshot.zones), lasting));
    let known = Arc::clone(&ledger);
    let load = move || {
        let mut loaded = loading::assemble(Arc::new(settings), Fallback::Start, None, Some(&known), report)?;
        let followed = known.follow(std::mem::take(&mut loaded.states));
        Ok((loaded, followed))
    };
    let read = tokio::task::spawn_blocking(load).await.map_err(io::Error::other)?;
    let (loaded, followed) = read.map_err(refused)?;
    if let Err(problem) = followed {
        trouble.get_or_insert_with(|| ("store", engine::with_remedy(&problem)));
    }
    for warning in loaded.report.warnings().take(WARNINGS) {
        warn!("{warning}");
    }
    let more = loaded.report.warnings().count().saturating_sub(WARNINGS);
    if more > 0 {
        warn!("{more} more warnings; 'waypost check' shows all");
    }
    let lint = Lint::of(&loaded.report, clock.wall());
    let settings = Arc::clone(&loaded.settings);
    let (health_sender, store_health) = mpsc::unbounded_channel();
    let last_id = snapshot.next_event.saturating_sub(1);
    let (journal, journal_task) =
        Journal::start(&settings.node.name, clock, Arc::clone(&store), last_id, health_sender);
    if let Some(events) = options.events {
        forward(&journal, events);
    }

    let Shared { commons, peers, voice, files } = share(&settings, &store, &mut trouble).await;
    let usage = Arc::new(Usage::new(clock.origin()));
    let first = planning::first_picture(&loaded, Generation { epoch, sequence: 0 });
    let plan = planning::first_plan(&loaded.attribution.topology, Generation { epoch, sequence: 0 });
    let tables = Arc::new(ArcSwap::from_pointee(loaded.tables.with_plan(plan)));
    let picture = Arc::new(ArcSwap::from_pointee(first));
    let (measured, directory) = (Arc::clone(&usage), settings.state.path.clone());
    let demand = tokio::task::spawn_blocking(move || Gauge::start(clock, measured, directory));
    let demand = Arc::new(demand.await.map_err(io::Error::other)?);
    let (opinion_sender, opinions) = mpsc::channel(OPINIONS);
    let prober = Arc::new(Prober::start(&settings.node.name, clock.origin(), opinion_sender));
    let (recorder, recording) = Recorder::start(&settings, clock);
    let (history, keeping) = History::start(&settings, clock);
    let observer = recorder.clone();
    prober.observe(Box::new(move |run| {
        // What is lost is counted.
        let _ = observer.record(Record::Observed(run));
    }));
    let (mailbox, messages) = mpsc::channel(MAILBOX);
    let taken_over = Arc::new(Notify::new());
    let (retired_sender, retired) = mpsc::unbounded_channel();
    // Ends with the engine.
    tokio::spawn(retired::keep(retired));
    let drills = Arc::new(drills::kept(&*store));
    let board = Board::default();
    let parts = Parts {
        clock,
        started: Some(started),
        journal: journal.clone(),
        recorder: recorder.clone(),
        history: history.clone(),
        store: Arc::clone(&store),
        commons: Arc::clone(&commons),
        tables: Arc::clone(&tables),
        usage: Arc::clone(&usage),
        demand: Arc::clone(&demand),
        picture: Arc::clone(&picture),
        taken_over: Arc::clone(&taken_over),
        retired: retired_sender,
        prober: Arc::clone(&prober),
        drills: Arc::clone(&drills),
        board: board.clone(),
        mailbox: mailbox.clone(),
    };
    // Serves the restored verdicts and orders before the first query is taken.
    let secrets = loaded.secrets.as_ref().map(|loaded| Arc::clone(&loaded.secrets)).unwrap_or_default();
    let secrets = Arc::new(ArcSwap::new(secrets));
    let mut engine = Engine::new(parts, loaded, snapshot, epoch, peers);
    if let Some((part, detail)) = trouble {
        engine.degrade(part, detail);
    }

    let (transfers, inbox) =
        Transfers::start(clock, Arc::clone(&picture), Arc::clone(&secrets), Arc::clone(&taken_over));
    let reloading = Arc::new(Mutex::new(()));
    let updates = Arc::new(Updates {
        clock,
        picture: Arc::clone(&picture),
        tables: Arc::clone(&tables),
        ledger: Arc::clone(&ledger),
        journal: journal.clone(),
        engine: mailbox.clone(),
        reloading: Arc::clone(&reloading),
        places: Updates::places(),
    });
    let server = Server::start(Setup {
        backstage: Arc::new(Stage { engine: mailbox.clone(), updates, transfers: Arc::clone(&transfers) }),
        secrets: Arc::clone(&secrets),
        ..Setup::of(&settings, Arc::clone(&tables), Arc::clone(&usage))
    })?;
    let engine_task = tokio::spawn(engine.run(messages, opinions, store_health));
    let among_others = voice.map(|voice| {
        let following = cluster::follow(Arc::clone(&commons), journal.clone(), mailbox.clone());
        let speaking = cluster::speak(Arc::clone(&commons), clock, voice, mailbox.clone());
        [tokio::spawn(following), tokio::spawn(speaking)]
    });
    let casebook = Casebook::default();
    let follower = Follower {
        casebook: casebook.clone(),
        clock,
        journal: journal.clone(),
        store: Arc::clone(&store),
        picture: Arc::clone(&picture),
    };
    let incidents = tokio::spawn(follower.follow());
    let notifier = Notifier {
        board: board.clone(),
        clock,
        journal: journal.clone(),
        store: Arc::clone(&store),
        picture: Arc::clone(&picture),
        before: last_id,
    };
    let attendant = Attendant {
        board: board.clone(),
        journal: journal.clone(),
        picture: Arc::clone(&picture),
        prober: Arc::clone(&prober),
    };
    let telling = tokio::spawn(notifier.follow());
    let attending = tokio::spawn(attendant.follow());
    let archivist = Archivist {
        clock,
        store: Arc::clone(&store),
        picture: Arc::clone(&picture),
        checkpoints: Checkpoints::read(&settings),
        engine: mailbox.clone(),
    };
    let checkpoints = archivist.checkpoints.clone();
    let last_checkpoint = archivist.clone();
    let archiving = tokio::spawn(archivist.keep());
    let desk = Arc::new(Desk {
        clock,
        started,
        path: path.to_path_buf(),
        at_start: Arc::clone(&settings),
        picture: Arc::clone(&picture),
        tables: Arc::clone(&tables),
        secrets,
        usage,
        demand: Arc::clone(&demand),
        journal: journal.clone(),
        casebook,
        board,
        checkpoints,
        history: history.clone(),
        past: Arc::default(),
        recorder: recorder.clone(),
        store,
        commons,
        prober: Arc::clone(&prober),
        drills,
        transfers: Arc::clone(&transfers),
        engine: mailbox.clone(),
        ledger,
        reloading,
        lint: Arc::new(lint),
        tally: Arc::default(),
        backlog: options.backlog.clone(),
        by_hand: by_hand::places(),
    });
    let control: Arc<dyn Control> = Arc::clone(&desk) as Arc<dyn Control>;
    let (stop_admin, admin_stops) = oneshot::channel();
    let admin = tokio::spawn(keep_admin(Arc::clone(&settings), control, mailbox.clone(), admin_stops));

    let generation = picture.load().plan.generation;
    journal.record(EventKind::Started { version: env!("CARGO_PKG_VERSION").to_owned(), generation });
    for address in server.local_addrs() {
        info!(%address, "answering DNS over UDP and TCP");
    }
    notify(&[sd_notify::NotifyState::Ready]);
    let zones = tokio::spawn(watch::zones(Arc::clone(&desk)));
    let logging = tokio::spawn(log::keep(options.backlog, mailbox.clone()));
    let sharing = files.map(|files| tokio::spawn(shared_files::keep(Arc::clone(&desk), files)));
    let turns = tokio::spawn(drill_turns::keep(Arc::clone(&desk)));
    let measuring = tokio::spawn(Arc::clone(&demand).keep(Arc::clone(&picture), tables, mailbox.clone()));
    let transferred = tokio::spawn(secondaries::keep(Arc::clone(&desk), inbox));
    let signals = (options.signals == Signals::Obeyed).then(|| tokio::spawn(watch::hangups(Arc::clone(&desk))));

    options.stop.await;
    notify(&[sd_notify::NotifyState::Stopping]);
    among_others.into_iter().flatten().chain(sharing).for_each(|task| task.abort());
    incidents.abort();
    telling.abort();
    // What it kills is journalled before the journal ends.
    attending.abort();
    let _killed = attending.await;
    archiving.abort();
    zones.abort();
    logging.abort();
    measuring.abort();
    turns.abort();
    transferred.abort();
    transfers.stop().await;
    if let Some(signals) = signals {
        signals.abort();
    }
    let saving = tokio::time::timeout(STOP, tokio::task::spawn_blocking(move || demand.save()));
    if let Ok(Ok(Err(problem))) = saving.await {
        warn!("the peaks of demand were not saved: {problem}");
    }
    let _ = stop_admin.send(());
    stop(admin, server, &prober, &mailbox, engine_task).await;
    journal.record(EventKind::Stopped);
    // The writers end when the last sender is gone and everything is written, or cannot be.
    drop((desk, journal, prober, recorder, history));
    if tokio::time::timeout(STOP, recording).await.is_err() {
        warn!("the last observations were not written: the disk did not answer in time");
    }
    if tokio::time::timeout(STOP, journal_task).await.is_err() {
        warn!("the last events were not written: the store did not answer in time");
    }
    // What was journalled until now is in the store.
    let noting = tokio::task::spawn_blocking(move || last_checkpoint.note_last());
    if tokio::time::timeout(STOP, noting).await.is_err() {
        warn!("the last checkpoint of the journal was not written: the store did not answer in time");
    }
    if let Some(keeping) = keeping
        && tokio::time::timeout(STOP, keeping).await.is_err()
    {
        warn!("the last plans were not written: the disk did not answer in time");
    }
    Ok(())
}

/// Serves the admin API until told to stop. An address or socket that cannot be had is tried again: queries are answered
/// without it, and nobody who takes the port first may keep a name server from starting.
async fn keep_admin(
    settings: Arc<Settings>,
    control: Arc<dyn Control>,
    engine: mpsc::Sender<Message>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut failed = false;
    loop {
        let socket = settings.admin.socket.clone();
        match crate::admin::start(settings.admin.listen, settings.admin.tls.clone(), socket, Arc::clone(&control)).await
        {
            Ok(server) => {
                if failed {
                    let _ = engine.send(Message::Part("admin", Ok("the admin API listens".to_owned()))).await;
                }
                // Also where the sender is gone.
                let _ = stop.await;
                server.stop().await;
                return;
            }
            Err(problem) => {
                failed = true;
                let _ = engine.send(Message::Part("admin", Err(problem.to_string()))).await;
            }
        }
        if tokio::time::timeout(ADMIN_RETRY, &mut stop).await.is_ok() {
            return;
        }
    }
}

/// Ends the parties: first those that give work, then those that do it.
async fn stop(
    admin: tokio::task::JoinHandle<()>,
    server: Server,
    prober: &Prober,
    mailbox: &mpsc::Sender<Message>,
    engine: tokio::task::JoinHandle<()>,
) {
    let orderly = async {
        let _ = admin.await;
        prober.stop().await;
        let (done, stopped) = oneshot::channel();
        if mailbox.send(Message::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
        let _ = engine.await;
        server.stop().await;
    };
    if tokio::time::timeout(STOP, orderly).await.is_err() {
        warn!("not everything ended within {} s; leaving it", STOP.as_secs());
    }
}

/// Passes events on to a watcher in the same process.
fn forward(journal: &Journal, events: broadcast::Sender<Arc<Event>>) {
    let mut follower = journal.subscribe();
    tokio::spawn(async move {
        loop {
            match follower.recv().await {
                // Nobody may be watching just now.
                Ok(event) => drop(events.send(event)),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    });
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(problem) = sd_notify::notify(states) {
        warn!("systemd could not be told: {problem}");
    }
}
