//! What becomes of the log when nobody reads it: it is told like every other part that works less well than it should.

use std::time::Duration;

use tokio::sync::mpsc;
use tracing::warn;
use tracing_appender::non_blocking::ErrorCounter;

use super::engine::Message;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Between two tries to log something again. Each that fails is a lost line more.
const TRY: Duration = Duration::from_secs(30);
const PART: &str = "log";

/// Tells the engine when lines of the log are lost, and when one is taken again.
pub async fn keep(lost: ErrorCounter, engine: mpsc::Sender<Message>) {
    watch(lost, engine, LOOK, TRY).await;
}

async fn watch(lost: ErrorCounter, engine: mpsc::Sender<Message>, look: Duration, again: Duration) {
    let mut known = 0;
    loop {
        while lost.dropped_lines() == known {
            tokio::time::sleep(look).await;
        }
        let detail = "lines of the log are lost: whatever reads standard error hangs; waypost events has the events";
        if engine.send(Message::Part(PART, Err(detail.to_owned()))).await.is_err() {
            return;
        }
        known = loop {
            tokio::time::sleep(again).await;
            let before = lost.dropped_lines();
            warn!(lost = before, "lines of the log were lost: whatever reads standard error did not keep up");
            if lost.dropped_lines() == before {
                break before;
            }
        };
        let detail = format!("the log is read again; {known} lines were lost since the start");
        if engine.send(Message::Part(PART, Ok(detail))).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc as threads;

    use tracing_appender::non_blocking::NonBlockingBuilder;
    use tracing_subscriber::util::SubscriberInitExt;

    use super::*;

    /// Says when it has a line to take, and takes one for each word from the other side.
    struct Slow(threads::Sender<()>, threads::Receiver<()>);

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // Whoever does not listen any more need not know.
            let _ = self.0.send(());
            self.1.recv().map(|()| line.len()).map_err(io::Error::other)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn lost_lines_are_told_of_and_so_is_the_first_that_is_taken_again() {
        let ((read, reads), (begins, begun)) = (threads::channel(), threads::channel());
        let (lines, _rest) = NonBlockingBuilder::default().buffered_lines_limit(2).finish(Slow(begins, reads));
        let lost = lines.error_counter();
        let _here = tracing_subscriber::fmt().with_writer(lines).set_default();
        let (engine, mut told) = mpsc::channel(8);
        let often = Duration::from_millis(5);
        tokio::spawn(watch(lost.clone(), engine, often, often));

        tokio::time::sleep(often * 10).await;
        assert!(told.try_recv().is_err(), "nothing is lost");
        warn!("a line");
        begun.recv().unwrap();
        // That one is being written; two more find room.
        while lost.dropped_lines() == 0 {
            warn!("a line");
        }
        let Some(Message::Part("log", Err(detail))) = told.recv().await else { panic!("it is not told of") };
        assert!(detail.contains("standard error"), "{detail}");
        let until_now = lost.dropped_lines();
        while lost.dropped_lines() < until_now + 3 {
            tokio::time::sleep(often).await;
        }
        assert!(told.try_recv().is_err(), "told once, and nothing is read yet");

        (0..100).for_each(|_| read.send(()).unwrap());
        let Some(Message::Part("log", Ok(detail))) = told.recv().await else { panic!("it is not taken back") };
        assert!(detail.contains("read again"), "{detail}");
    }
}
