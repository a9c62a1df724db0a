//! A worker: one thread that answers the queries of one queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::bounds::{LAST_BATCHES, REPLY_MOST};
use super::frame::{Datagram, ETHERNET, Unfit};
use super::kernel::{Fate, Frame, Queue};
use super::{Answer, Elsewhere, Hot};

/// What became of the frames that were taken from the kernel, summed over all workers of an interface.
#[derive(Debug, Default)]
pub struct Tally {
    answered: AtomicU64,
    silent: AtomicU64,
    passed: AtomicU64,
    unfit: AtomicU64,
    damaged: AtomicU64,
}

/// The numbers of a [`Tally`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered in place.
    pub answered: u64,
    /// Never answered.
    pub silent: u64,
    /// Answered on the general path.
    pub passed: u64,
    /// Not what they seemed to be, or from nowhere.
    pub unfit: u64,
    /// With a wrong checksum.
    pub damaged: u64,
}

impl Tally {
    /// The numbers now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counts {
            answered: read(&self.answered),
            silent: read(&self.silent),
            passed: read(&self.passed),
            unfit: read(&self.unfit),
            damaged: read(&self.damaged),
        }
    }

    fn add(&self, counts: Counts) {
        let add = |number: &AtomicU64, count: u64| {
            if count > 0 {
                number.fetch_add(count, Ordering::Relaxed);
            }
        };
        add(&self.answered, counts.answered);
        add(&self.silent, counts.silent);
        add(&self.passed, counts.passed);
        add(&self.unfit, counts.unfit);
        add(&self.damaged, counts.damaged);
    }
}

/// The largest reply in octets over IPv4 and IPv6 that an interface carries unfragmented.
#[derive(Clone, Copy)]
pub(super) struct Room {
    mtu: usize,
}

impl Room {
    pub(super) fn new(mtu: u32) -> Self {
        Self { mtu: usize::try_from(mtu).unwrap_or(usize::MAX) }
    }

    fn behind(self, headers: usize) -> usize {
        self.mtu.saturating_sub(headers).min(REPLY_MOST)
    }
}

/// What a worker works with.
pub(super) struct Worker<A, E> {
    pub(super) queue: Queue,
    pub(super) answer: A,
    pub(super) elsewhere: Arc<E>,
    pub(super) room: Room,
    pub(super) tally: Arc<Tally>,
    pub(super) stop: Arc<AtomicBool>,
}

impl<A: Answer, E: Elsewhere> Worker<A, E> {
    /// Answers until it is to stop, and then what waits already.
    ///
    /// # Errors
    /// If the interface is gone or down.
    pub(super) fn run(mut self) -> std::io::Result<()> {
        // A query is read from here while its reply is written over it.
        let mut query = Vec::with_capacity(REPLY_MOST);
        while !self.stop.load(Ordering::Relaxed) {
            if self.batch(&mut query)? == 0 {
                self.queue.wait()?;
                // Lets go of old tables where nothing comes.
                self.answer.tick();
            }
        }
        for _ in 0..LAST_BATCHES {
            if self.batch(&mut query)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn batch(&mut self, query: &mut Vec<u8>) -> std::io::Result<usize> {
        let Self { queue, answer, elsewhere, room, tally, .. } = self;
        let mut counts = Counts::default();
        let mut fresh = false;
        let count = queue.turn(|frame| {
            // Not before there is something to answer: the clock moved on while we slept.
            if !std::mem::replace(&mut fresh, true) {
                answer.tick();
            }
            respond(frame, answer, elsewhere.as_ref(), *room, query, &mut counts)
        })?;
        tally.add(counts);
        Ok(count)
    }
}

fn respond(
    frame: &mut Frame<'_>,
    answer: &mut impl Answer,
    elsewhere: &impl Elsewhere,
    room: Room,
    query: &mut Vec<u8>,
    counts: &mut Counts,
) -> Fate {
    let datagram = match Datagram::read(frame.octets()) {
        Ok(datagram) => datagram,
        Err(Unfit::Checksum) => {
            counts.damaged += 1;
            return Fate::Drop;
        }
        Err(Unfit::Form | Unfit::Source) => {
            counts.unfit += 1;
            return Fate::Drop;
        }
    };
    query.clear();
    query.extend_from_slice(frame.octets().get(datagram.start..datagram.end).unwrap_or_default());
    let room = room.behind(datagram.start - ETHERNET);
    let said = if frame.resize(datagram.start + room) {
        let reply = frame.octets_mut().get_mut(datagram.start..).unwrap_or_default();
        // One packet's panic must not reach another's.
        let answered = catch_unwind(AssertUnwindSafe(|| answer.respond(query, datagram.source, reply)));
        answered.unwrap_or_else(|_| {
            answer.recover(query, datagram.source);
            Hot::Pass
        })
    } else {
        Hot::Pass
    };
    match said {
        Hot::Reply(length) if length <= room && frame.resize(datagram.start + length) => {
            if datagram.answer(frame.octets_mut()).is_some() {
                counts.answered += 1;
                return Fate::Send;
            }
            counts.unfit += 1;
        }
        Hot::Silence => counts.silent += 1,
        Hot::Pass | Hot::Reply(_) => {
            counts.passed += 1;
            elsewhere.hand_over(query.clone(), datagram.source, datagram.destination);
        }
    }
    Fate::Drop
}
