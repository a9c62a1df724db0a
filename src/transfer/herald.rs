//! NOTIFY to secondaries (RFC 1996): sent until answered, or until a later version makes it pointless.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::bounds::{NOTIFIES, NOTIFY_TRIES, NOTIFY_WAIT};
use super::check::Surroundings;
use super::message::{Opcode, RawRecord, rcode_word};
use super::records::soa_of;
use super::stats::Stats;
use super::wire::Inquiry;
use crate::model::{Name, Peer};
use crate::zone::Zone;

/// A NOTIFY that was not answered as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The zone.
    pub origin: Name,
    /// The serial that it told of.
    pub serial: u32,
    /// Who was told.
    pub to: SocketAddr,
    /// What came instead.
    pub detail: String,
}

/// See the module.
pub struct Herald {
    surroundings: Arc<dyn Surroundings>,
    stats: Arc<Stats>,
    unanswered: mpsc::UnboundedSender<Unanswered>,
    turns: Arc<Semaphore>,
    under_way: Mutex<HashMap<Name, Vec<AbortHandle>>>,
}

impl Herald {
    /// A herald that tells `unanswered` of the NOTIFYs that led to nothing.
    #[must_use]
    pub fn new(
        surroundings: Arc<dyn Surroundings>,
        stats: Arc<Stats>,
        unanswered: mpsc::UnboundedSender<Unanswered>,
    ) -> Self {
        Self { surroundings, stats, unanswered, turns: Arc::new(Semaphore::new(NOTIFIES)), under_way: Mutex::default() }
    }

    /// Tells those that the zone's policy names of the version that is served. What is under way for an earlier version
    /// ends.
    pub fn announce(&self, zone: &Zone) {
        let origin = zone.origin();
        self.forget(origin);
        let Some(soa) = soa_of(zone) else { return };
        let tasks: Vec<_> =
            zone.policy().notify.iter().map(|peer| self.spawn(peer.clone(), origin.clone(), soa.clone())).collect();
        if !tasks.is_empty() {
            self.under_way().insert(origin.clone(), tasks);
        }
    }

    /// Ends what is under way for a zone.
    pub fn forget(&self, origin: &Name) {
        for task in self.under_way().remove(origin).unwrap_or_default() {
            task.abort();
        }
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Vec<AbortHandle>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, peer: Peer, origin: Name, soa: RawRecord) -> AbortHandle {
        let (surroundings, turns) = (Arc::clone(&self.surroundings), Arc::clone(&self.turns));
        let (stats, unanswered) = (Arc::clone(&self.stats), self.unanswered.clone());
        let task = tokio::spawn(async move {
            let serial = soa.serial().unwrap_or_default();
            let told = tell(&*surroundings, &turns, &peer, &origin, soa).await;
            stats.count_notify(told.is_ok());
            if let Err(detail) = told {
                // Nobody listens only while the node stops.
                let _ = unanswered.send(Unanswered { origin, serial, to: peer.address, detail });
            }
        });
        task.abort_handle()
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        for task in self.under_way().drain().flat_map(|(_, tasks)| tasks) {
            task.abort();
        }
    }
}

/// Sends NOTIFY until `peer` answers.
async fn tell(
    surroundings: &dyn Surroundings,
    turns: &Semaphore,
    peer: &Peer,
    origin: &Name,
    soa: RawRecord,
) -> Result<(), String> {
    let mut trouble = String::new();
    let mut wait = NOTIFY_WAIT;
    for _ in 0..NOTIFY_TRIES {
        // Looked up each time: a reload may have brought it.
        let key = match &peer.key {
            None => None,
            Some(name) => {
                Some(surroundings.key(name).ok_or_else(|| format!("the key {name} could not be read; mend its file"))?)
            }
        };
        let inquiry = Inquiry {
            address: peer.address,
            key,
            opcode: Opcode::Notify,
            zone: origin.clone(),
            rtype: RecordType::SOA,
            soa: Some(soa.clone()),
        };
        let next = Instant::now() + wait;
        let reply = {
            let _turn = turns.acquire().await;
            inquiry.ask_udp(wait).await
        };
        match reply {
            Ok(reply) if reply.rcode == ResponseCode::NoError => return Ok(()),
            Ok(reply) => return Err(format!("it answers {}", rcode_word(reply.rcode))),
            Err(found) => trouble = found,
        }
        sleep_until(next).await;
        wait = wait.saturating_mul(2);
    }
    Err(format!("{NOTIFY_TRIES} tries: {trouble}"))
}
