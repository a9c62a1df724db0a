//! How many questions and transfers are under way at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bounds::{CHECKS, TRANSFERS, TRANSFERS_PER_PRIMARY};

/// Permits to ask and to transfer.
pub(super) struct Slots {
    checks: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    /// By address of the primary; as many as the configuration names.
    primaries: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            checks: Arc::new(Semaphore::new(CHECKS)),
            transfers: Arc::new(Semaphore::new(TRANSFERS)),
            primaries: Mutex::default(),
        }
    }
}

impl Slots {
    /// Waits for leave to ask a primary something short.
    pub(super) async fn check(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.checks).acquire_owned().await.ok()
    }

    /// Waits for leave to transfer a zone from `primary`. Its own turn comes first, so that zones that wait for a slow
    /// primary take no turn of others.
    pub(super) async fn transfer(&self, primary: IpAddr) -> Option<[OwnedSemaphorePermit; 2]> {
        let own = {
            let mut primaries = self.primaries.lock().unwrap_or_else(PoisonError::into_inner);
            let own = primaries.entry(primary).or_insert_with(|| Arc::new(Semaphore::new(TRANSFERS_PER_PRIMARY)));
            Arc::clone(own)
        };
        let own = own.acquire_owned().await.ok()?;
        Some([own, Arc::clone(&self.transfers).acquire_owned().await.ok()?])
    }
}
