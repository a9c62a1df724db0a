//! Work on many things at once, on all cores, and work that stands back behind the answers.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::task::{JoinError, spawn_blocking};

/// The most threads that a load takes: beyond that memory and disk are what it waits for.
const MOST_HANDS: usize = 16;
/// Things that are taken at once: few enough that all end together, many enough that nobody waits for a turn.
const PORTION: usize = 64;

/// How nice work in the background is: on a core that has too much to do it gets a tenth of what the answers get, so that it
/// takes longer and ends all the same.
const NICENESS: i32 = 10;

/// Does `work`, and whatever it does [`on_all_cores`], while those who answer queries go first.
///
/// # Errors
/// If `work` panics, or no thread can be had for it.
pub async fn in_background<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, JoinError> {
    // A thread of its own: only the superuser may be less nice afterwards. Those that it starts are as nice as it is.
    let apart = move || {
        thread::scope(|scope| {
            let nice = scope.spawn(|| {
                if let Err(error) = rustix::process::nice(NICENESS) {
                    tracing::debug!(%error, "loading does not stand back behind the answers");
                }
                work()
            });
            nice.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    };
    spawn_blocking(apart).await
}

/// What `work` makes of each of `things`, in their order. Small lists are worked through on the spot.
///
/// # Panics
/// If `work` does.
pub fn on_all_cores<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let portions = things.len().div_ceil(PORTION);
    let hands = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_HANDS).min(portions);
    if hands <= 1 {
        return things.iter().map(work).collect();
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(portions)));
    let hand = || {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(portion) = things.chunks(PORTION).nth(turn) else { return };
            let made: Vec<R> = portion.iter().map(&work).collect();
            // A hand that panicked makes the whole panic, below.
            done.lock().unwrap_or_else(PoisonError::into_inner).push((turn, made));
        }
    };
    thread::scope(|scope| {
        for _ in 1..hands {
            scope.spawn(hand);
        }
        hand();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(turn, _)| *turn);
    done.into_iter().flat_map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_comes_in_order() {
        for count in [0, 1, PORTION, 10 * PORTION + 1] {
            let things: Vec<usize> = (0..count).collect();
            assert_eq!(on_all_cores(&things, |thing| thing + 1), (1..=count).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn work_in_the_background_stands_back_and_so_do_its_helpers() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let things: Vec<usize> = (0..10 * PORTION).collect();
        let before = niceness();
        let background = in_background(move || on_all_cores(&things, |_| niceness())).await.unwrap();
        let expected = (before + NICENESS).min(19);
        assert!(background.iter().all(|nice| *nice == expected), "{before} and {background:?}");
        assert_eq!(niceness(), before);
        assert!(in_background(|| panic!("the work panicked")).await.unwrap_err().is_panic());
    }

    #[test]
    #[should_panic(expected = "panicked")]
    fn a_panic_is_not_lost() {
        let things: Vec<usize> = (0..10 * PORTION).collect();
        on_all_cores(&things, |thing| assert!(*thing < 5 * PORTION, "the hand panicked"));
    }
}
