//! What a node logs, on standard error. Whoever reads that may hang, as a journal does whose disk is full: then lines are
//! lost, and who logs does not wait.

use std::io::{self, IsTerminal, Write};
use std::panic::{PanicHookInfo, set_hook};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;

use super::arguments::LogFormat;
use crate::node::Backlog;

/// What is logged, as in `info` or `waypost=debug`.
const VARIABLE: &str = "WAYPOST_LOG";
/// The target of panics, which are logged whatever is asked for.
const PANIC: &str = "panic";
/// Octets that may wait for a reader, some ten thousand lines.
const WAITING: usize = 4 << 20;
/// How long the end of a process waits for what was logged to be written.
const END: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// The log of this process. What is on its way is written when this is dropped, or not at all.
pub(super) struct Log(Backlog);

impl Log {
    /// Logs what the environment asks for, or `level`; a journal puts its own times to lines of text.
    pub(super) fn start(level: &str, format: LogFormat) -> Self {
        let backlog = Backlog::default();
        let lines = Lines::start(io::stderr(), WAITING, backlog.clone());
        let filter = with_panics(EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(level)));
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || lines.clone());
        let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
        let text = subscriber.with_ansi(io::stderr().is_terminal()).with_target(false);
        // Set already only where one process runs several commands: then the first stays.
        let _set = match format {
            LogFormat::Json => text.json().flatten_event(true).try_init(),
            LogFormat::Text if in_journal => text.without_time().try_init(),
            LogFormat::Text => text.try_init(),
        };
        // By itself a panic would be written at once, and whoever contains it wait for the reader.
        set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
            tracing::error!(target: PANIC, "{}", panic.to_string().replace('\n', " "));
        }));
        Self(backlog)
    }

    /// What is on its way, and what was lost.
    pub(super) fn backlog(&self) -> Backlog {
        self.0.clone()
    }
}

fn with_panics(filter: EnvFilter) -> EnvFilter {
    // What is written here can be read.
    match format!("{PANIC}=error").parse() {
        Ok(panics) => filter.add_directive(panics),
        Err(_) => filter,
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let start = Instant::now();
        while self.0.waiting() > 0 && start.elapsed() < END {
            thread::sleep(PAUSE);
        }
    }
}

/// Takes lines to a thread that writes them, and never waits.
#[derive(Clone)]
struct Lines {
    thread: mpsc::Sender<Vec<u8>>,
    limit: usize,
    backlog: Backlog,
}

impl Lines {
    /// Where there is no thread to be had, all lines are lost, and counted.
    fn start(mut reader: impl Write + Send + 'static, limit: usize, backlog: Backlog) -> Self {
        let (thread, lines) = mpsc::channel::<Vec<u8>>();
        let counts = backlog.clone();
        let write = move || {
            for line in lines {
                let written = reader.write_all(&line).is_ok();
                counts.settle(line.len(), written);
            }
        };
        let _started = thread::Builder::new().name("log".to_owned()).spawn(write);
        Self { thread, limit, backlog }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.backlog.takes(line.len(), self.limit) && self.thread.send(line.to_vec()).is_err() {
            self.backlog.settle(line.len(), false);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Writes a line for each word, and fails when nobody is left to give one.
    struct Slow(mpsc::Receiver<()>);

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.recv().map(|()| line.len()).map_err(io::Error::other)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(30), "in vain: {what}");
            thread::sleep(PAUSE);
        }
    }

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn panics_are_logged_whatever_is_asked_for() {
        let kept = Kept::default();
        for asked in ["off", "waypost::probe=debug"] {
            let writer = kept.clone();
            let subscriber = tracing_subscriber::fmt().with_env_filter(with_panics(EnvFilter::new(asked)));
            tracing::subscriber::with_default(subscriber.with_writer(move || writer.clone()).finish(), || {
                tracing::error!("what else there is");
                tracing::error!(target: PANIC, "panicked at {asked}");
            });
        }
        let said = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(said.contains("panicked at off") && said.contains("panicked at waypost::probe=debug"), "{said}");
        assert!(!said.contains("what else"), "{said}");
    }

    #[test]
    fn who_logs_and_who_ends_does_not_wait_for_a_reader_that_hangs() {
        let (read, reads) = mpsc::channel();
        let backlog = Backlog::default();
        let mut lines = Lines::start(Slow(reads), 100, backlog.clone());
        for _ in 0..20 {
            lines.write_all(&[b'.'; 10]).unwrap();
        }
        assert_eq!((backlog.waiting(), backlog.lost()), (100, 10));
        // As does the end of the process.
        drop(Log(backlog.clone()));
        assert_eq!((backlog.waiting(), backlog.lost()), (100, 10));

        (0..10).for_each(|_| read.send(()).unwrap());
        drop(Log(backlog.clone()));
        until("all is written", || backlog.waiting() == 0);
        assert_eq!((backlog.written(), backlog.lost()), (10, 10));

        // Whoever is gone reads nothing any more.
        drop(read);
        lines.write_all(b"a line").unwrap();
        until("it is lost", || backlog.lost() == 11);
        assert_eq!((backlog.waiting(), backlog.written()), (0, 10));
    }

    #[test]
    fn a_line_longer_than_all_that_may_wait_is_written_where_nothing_waits() {
        let backlog = Backlog::default();
        let mut lines = Lines::start(io::sink(), 10, backlog.clone());
        lines.write_all(&[b'.'; 1000]).unwrap();
        until("it is written", || backlog.written() == 1);
    }
}
