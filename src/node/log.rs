//! What becomes of the log where whoever reads it hangs: it is told like every other part that works less well than it should.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::warn;

use super::engine::Message;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(2);
const PART: &str = "log";

/// Lines of the log on their way to whoever reads it.
#[derive(Clone, Debug, Default)]
pub struct Backlog(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    written: AtomicU64,
    lost: AtomicU64,
}

impl Backlog {
    /// Whether a line finds room where `limit` octets may wait before it; if not, it is lost.
    pub fn takes(&self, octets: usize, limit: usize) -> bool {
        let room = |waiting: usize| (waiting < limit).then(|| waiting.saturating_add(octets));
        let taken = self.0.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_ok();
        if !taken {
            self.0.lost.fetch_add(1, Ordering::AcqRel);
        }
        taken
    }

    /// What came of a line that found room.
    pub fn settle(&self, octets: usize, written: bool) {
        let count = if written { &self.0.written } else { &self.0.lost };
        count.fetch_add(1, Ordering::AcqRel);
        self.0.waiting.fetch_sub(octets, Ordering::AcqRel);
    }

    /// Octets that are not written yet.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Acquire)
    }

    /// Lines that were written.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Acquire)
    }

    /// Lines for which there was no room, or that could not be written.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Acquire)
    }
}

/// Tells the engine when lines of the log are lost, and when all of it is written again.
pub async fn keep(backlog: Backlog, engine: mpsc::Sender<Message>) {
    watch(&backlog, &engine, LOOK).await;
}

/// As [`keep`], with a look each `pause`; ends with the engine.
async fn watch(backlog: &Backlog, engine: &mpsc::Sender<Message>, pause: Duration) {
    let mut known = 0;
    loop {
        while backlog.lost() == known {
            tokio::time::sleep(pause).await;
        }
        let written = backlog.written();
        let detail = "lines of the log are lost: whatever reads standard error hangs, is too slow or is gone; \
                      'waypost events' has all events";
        if engine.send(Message::Part(PART, Err(detail.to_owned()))).await.is_err() {
            return;
        }
        // Where nothing is left because all was lost, nobody reads.
        while backlog.waiting() > 0 || backlog.written() == written {
            tokio::time::sleep(pause).await;
        }
        known = backlog.lost();
        warn!(
            lost = known,
            "lines of the log were lost since the start: whatever reads standard error did not keep up"
        );
        let detail = format!("the log is read again; {known} lines were lost since the start");
        if engine.send(Message::Part(PART, Ok(detail))).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn lost_lines_are_told_of_until_lines_are_written_again() {
        let (engine, mut told) = mpsc::channel(8);
        let (backlog, often) = (Backlog::default(), Duration::from_millis(5));
        let watched = backlog.clone();
        tokio::spawn(async move { watch(&watched, &engine, often).await });
        let mut next = async || timeout(Duration::from_secs(30), told.recv()).await.unwrap().unwrap();

        assert!(backlog.takes(10, 10), "there is room");
        assert!(!backlog.takes(10, 10), "there is none");
        let Message::Part("log", Err(detail)) = next().await else { panic!("it is not told of") };
        assert!(detail.contains("standard error"), "{detail}");
        // What is lost on its way is no sign of a reader, nor is a line of many.
        backlog.settle(10, false);
        tokio::time::sleep(often * 10).await;
        assert!(backlog.takes(10, 20) && backlog.takes(10, 20));
        backlog.settle(10, true);
        tokio::time::sleep(often * 10).await;
        backlog.settle(10, true);
        let Message::Part("log", Ok(detail)) = next().await else { panic!("it is not taken back, or told twice") };
        assert!(detail.contains("2 lines"), "{detail}");

        assert!(!backlog.takes(1, 0));
        assert!(matches!(next().await, Message::Part("log", Err(_))));
    }
}
