//! The stores of a node as it starts: its own, and what it shares with others.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch as latest;
use tracing::{error, warn};

use super::ledger::Lasting;
use super::peers::Peers;
use super::{NodeError, cluster, engine};
use crate::model::Settings;
use crate::store::{self, Alone, Commons, Embedded, InEtcd, Memory, SharedFiles, Snapshot, Store, StoreError};

/// How long a start waits for the orders that the nodes share.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// What a node shares with others, and how it hears and speaks.
pub(super) struct Shared {
    pub(super) commons: Arc<dyn Commons>,
    pub(super) peers: Peers,
    /// The files that nodes share; `None` also where access to the store is wrongly configured.
    pub(super) files: Option<Arc<dyn SharedFiles>>,
    /// What the engine has to say; `None` for a node that shares with nobody.
    pub(super) voice: Option<latest::Receiver<Option<cluster::Said>>>,
}

/// Shares what `settings` say. A store that does not answer, or cannot be asked at all, keeps no node from answering.
pub(super) async fn share(
    settings: &Settings,
    store: &Arc<dyn Store>,
    trouble: &mut Option<(&'static str, String)>,
) -> Shared {
    let Some(access) = &settings.state.etcd else {
        let commons = Arc::new(Alone(Arc::clone(store)));
        return Shared { commons, peers: Peers::none(), files: None, voice: None };
    };
    let (said, voice) = latest::channel(None);
    let peers = Peers::known(said, &**store);
    let (commons, problem) = store::replicated(access, Arc::clone(store));
    if let Some(problem) = problem {
        trouble.get_or_insert_with(|| ("state", engine::with_remedy(&problem)));
    }
    // The orders of today, where they can be had at once; otherwise those that were known last.
    if let Ok(Err(problem)) = tokio::time::timeout(FIRST_LOOK, commons.read()).await {
        warn!("starting with the orders that were known last: {problem}");
    }
    // What is wrong with the access has just been told.
    let files = InEtcd::new(access).ok().map(|files| Arc::new(files) as Arc<dyn SharedFiles>);
    Shared { commons, peers, files, voice: Some(voice) }
}

/// A store and what was in it.
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) snapshot: Snapshot,
    /// The epoch of this start.
    pub(super) epoch: u64,
    /// What of the store does not work. `store` recovers with the first write, `state` with a restart.
    pub(super) trouble: Option<(&'static str, String)>,
    /// Whether what the store keeps outlives the process.
    pub(super) lasting: Lasting,
}

/// Opens the store. A directory in use or out of reach is an error, for the operator meant another; a store that is
/// damaged or has no space is not: mail must flow, so the node answers without it and says so.
pub(super) fn open_store(path: &Path) -> Result<Opened, NodeError> {
    let opened = Embedded::open(path).and_then(|store| {
        let snapshot = store.load()?;
        Ok((store, snapshot))
    });
    match opened {
        Ok((store, snapshot)) => {
            let (epoch, trouble) = match store.begin_epoch() {
                Ok(epoch) => (epoch, None),
                Err(problem) => (snapshot.epoch + 1, Some(("store", format!("{problem}; {}", problem.remedy())))),
            };
            Ok(Opened { store: Arc::new(store), snapshot, epoch, trouble, lasting: Lasting::Yes })
        }
        Err(problem @ (StoreError::Locked { .. } | StoreError::Denied { .. } | StoreError::Schema { .. })) => {
            Err(NodeError::Store(problem))
        }
        Err(problem) => {
            error!("{problem}; {}", problem.remedy());
            let store = Memory::default();
            let snapshot = store.load().map_err(NodeError::Store)?;
            let detail = format!(
                "{problem}; {}. Until then orders and the journal are kept in memory and end with the process, and updates of zones are refused",
                problem.remedy()
            );
            let trouble = Some(("state", detail));
            Ok(Opened { store: Arc::new(store), snapshot, epoch: 1, trouble, lasting: Lasting::No })
        }
    }
}
