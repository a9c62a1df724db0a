//! Connections on which nothing is asked: where all places are taken, the one that has rested longest makes room, so that who
//! merely holds connections keeps nobody out.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

/// The connections that rest, by when they came to.
#[derive(Clone, Default)]
pub(super) struct Rests(Arc<Mutex<Resting>>);

#[derive(Default)]
struct Resting {
    /// By number; a later rest has a larger one.
    seats: BTreeMap<u64, Arc<Notify>>,
    last: u64,
}

/// A connection, as far as it rests or works.
pub(super) struct Seat {
    rests: Rests,
    cut: Arc<Notify>,
    state: Mutex<State>,
}

struct State {
    /// Requests that have arrived and are not answered to the end.
    requests: usize,
    /// Its number among those that rest.
    number: Option<u64>,
}

/// A request on a connection: work from when all of it is here to when all of the answer is gone. One that merely crawls in
/// rests: it would hold its place for nothing.
struct Request {
    seat: Arc<Seat>,
    has_arrived: Mutex<bool>,
}

impl Rests {
    /// A new connection. It rests from the first moment on.
    pub(super) fn sit(&self) -> Arc<Seat> {
        let cut = Arc::new(Notify::new());
        let number = Some(self.enter(&cut));
        Arc::new(Seat { rests: self.clone(), cut, state: Mutex::new(State { requests: 0, number }) })
    }

    /// Has the connection end that has rested longest; `false` where none rests.
    pub(super) fn cut_longest(&self) -> bool {
        let longest = self.resting().seats.pop_first();
        longest.inspect(|(_, cut)| cut.notify_one()).is_some()
    }

    fn enter(&self, cut: &Arc<Notify>) -> u64 {
        let mut resting = self.resting();
        resting.last += 1;
        let number = resting.last;
        resting.seats.insert(number, Arc::clone(cut));
        number
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Resolves when the connection has to end. Polled by the task that serves it, so that no request begins meanwhile.
    pub(super) async fn cut(&self) {
        loop {
            self.cut.notified().await;
            let mut state = self.state();
            if state.requests == 0 {
                return;
            }
            // It had begun to work: it goes on, and rests again afterwards.
            state.number = None;
        }
    }

    fn begin(&self) {
        let mut state = self.state();
        state.requests += 1;
        if let Some(number) = state.number.take() {
            self.rests.resting().seats.remove(&number);
        }
    }

    fn end(&self) {
        let mut state = self.state();
        state.requests = state.requests.saturating_sub(1);
        if state.requests == 0 && state.number.is_none() {
            state.number = Some(self.rests.enter(&self.cut));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(number) = self.state().number.take() {
            self.rests.resting().seats.remove(&number);
        }
    }
}

impl Request {
    fn arrived(&self) {
        let mut has_arrived = self.has_arrived.lock().unwrap_or_else(PoisonError::into_inner);
        if !*has_arrived {
            *has_arrived = true;
            self.seat.begin();
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if *self.has_arrived.get_mut().unwrap_or_else(PoisonError::into_inner) {
            self.seat.end();
        }
    }
}

/// What of a request comes in and what goes out.
pub(super) struct Passing {
    body: Body,
    request: Arc<Request>,
    is_answer: bool,
}

/// The bodies of a request that comes on `seat` and of its answer, which keep account of whether it is worked on.
pub(super) fn accompany(seat: &Arc<Seat>, body: Body) -> (Body, impl FnOnce(Body) -> Body + use<>) {
    let request = Arc::new(Request { seat: Arc::clone(seat), has_arrived: Mutex::new(false) });
    if body.is_end_stream() {
        request.arrived();
    }
    let answer = Arc::clone(&request);
    let body = Body::new(Passing { body, request, is_answer: false });
    (body, |body| Body::new(Passing { body, request: answer, is_answer: true }))
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let passing = self.get_mut();
        let frame = ready!(Pin::new(&mut passing.body).poll_frame(cx));
        if !passing.is_answer && (frame.is_none() || passing.body.is_end_stream()) {
            passing.request.arrived();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_longest_rest_makes_room_and_work_does_not() {
        let rests = Rests::default();
        let seats: Vec<_> = (0..3).map(|_| rests.sit()).collect();
        let is_cut = |seat: &Arc<Seat>| seat.cut().now_or_never().is_some();
        let (body, answered) = accompany(&seats[0], Body::empty());
        assert!(rests.cut_longest());
        assert!(!is_cut(&seats[0]) && is_cut(&seats[1]) && !is_cut(&seats[2]));
        drop((body, answered));
        assert!(rests.cut_longest() && is_cut(&seats[2]), "who has just worked rests shorter");
        assert!(rests.cut_longest() && is_cut(&seats[0]));
        assert!(!rests.cut_longest());
        let seat = rests.sit();
        drop((seats, seat));
        assert!(rests.resting().seats.is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn work_that_begins_when_it_is_to_end_is_done() {
        let rests = Rests::default();
        let seat = rests.sit();
        assert!(rests.cut_longest());
        let work = accompany(&seat, Body::empty());
        assert!(seat.cut().now_or_never().is_none());
        drop(work);
        assert!(rests.cut_longest() && seat.cut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_request_that_crawls_in_rests_until_it_is_here() {
        let rests = Rests::default();
        let seat = rests.sit();
        let (sender, pieces) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let pieces = futures_util::stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces)));
        let (body, _answer) = accompany(&seat, Body::from_stream(pieces));
        sender.send(Ok(Bytes::from_static(b"x"))).await.unwrap();
        assert_eq!(rests.resting().seats.len(), 1);
        drop(sender);
        axum::body::to_bytes(body, 10).await.unwrap();
        assert!(rests.resting().seats.is_empty() && !rests.cut_longest());
    }
}
