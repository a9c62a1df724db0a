//! What a node logs, on standard error. Whoever reads that may hang, as a journal does whose disk is full: then lines are
//! lost, and nothing else waits.

use std::io::{self, IsTerminal};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use super::arguments::LogFormat;

/// What is logged, as in `info` or `waypost=debug`.
const VARIABLE: &str = "WAYPOST_LOG";
/// Lines that wait for a reader, some megabytes at most; what comes after them is lost, and counted.
const WAITING: usize = 8_192;

/// The log of this process. What waits is written when it is dropped, or a second after that never.
pub(super) struct Log {
    lines: NonBlocking,
    _rest: WorkerGuard,
}

impl Log {
    /// Logs what the environment asks for, or `level`; a journal puts its own times to lines of text.
    pub(super) fn start(level: &str, format: LogFormat) -> Self {
        let waiting = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING).thread_name("log");
        let (lines, rest) = waiting.finish(io::stderr());
        let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines.clone());
        let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
        let text = subscriber.with_ansi(io::stderr().is_terminal()).with_target(false);
        // Set already only where one process runs several commands: then the first stays.
        let _set = match format {
            LogFormat::Json => text.json().flatten_event(true).try_init(),
            LogFormat::Text if in_journal => text.without_time().try_init(),
            LogFormat::Text => text.try_init(),
        };
        Self { lines, _rest: rest }
    }

    /// How many lines nobody read in time.
    pub(super) fn lost(&self) -> ErrorCounter {
        self.lines.error_counter()
    }
}
