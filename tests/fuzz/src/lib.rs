//! What the fuzz targets share: the entry points, and the clock that finds slow inputs.

pub mod entries;

use std::time::Duration;

use entries::Watch;

/// What one piece of work on an input of at most 64 KiB may take of its thread: 100 ms of a release. The checks and
/// counters of a fuzz build make it three times slower at the least (a zone of 64 KiB takes 40 ms of a release and 130 to
/// 170 ms here), so that this is the strict side.
const LIMIT: Duration = Duration::from_millis(300);
/// How often slow work is done again before it counts as slow: the first time pays for cold caches and lazy tables.
const ATTEMPTS: usize = 3;

/// Panics if work takes too much CPU time of its thread, however busy the machine is.
pub struct CpuClock;

impl Watch for CpuClock {
    fn timed<T>(&self, what: &str, work: impl Fn() -> T) -> T {
        let mut fastest = Duration::MAX;
        let mut attempts = 0;
        loop {
            let start = thread_time();
            let outcome = work();
            fastest = fastest.min(thread_time() - start);
            attempts += 1;
            if fastest <= LIMIT {
                return outcome;
            }
            assert!(attempts < ATTEMPTS, "{what} took {} ms of CPU time", fastest.as_millis());
        }
    }
}

/// CPU time of this thread.
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec, which is all that the call writes to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}
