//! News that nobody has taken yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::commons::News;

/// See the module.
#[derive(Default)]
pub(super) struct Inbox {
    pending: Mutex<VecDeque<News>>,
    more: Notify,
}

impl Inbox {
    fn pending(&self) -> MutexGuard<'_, VecDeque<News>> {
        // Nothing panics between two changes that belong together.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, news: News) {
        self.pending().push_back(news);
        self.more.notify_one();
    }

    /// The oldest.
    pub(super) fn next(&self) -> Option<News> {
        self.pending().pop_front()
    }

    /// Waits until there are some; or for less long.
    pub(super) async fn more(&self) {
        self.more.notified().await;
    }
}
