//! Targets: a bounded queue each, and a task that delivers in order, again and again until it arrives or is too old.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use tokio::sync::{Mutex as Turn, Notify};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::bounds::{BACKOFF_FIRST, BACKOFF_LONGEST, DELIVERY, GIVE_UP, REMEMBERED, WAITING};
use super::wire::{Failure, Outlook, client};
use super::{Secret, alertmanager, chat, mail, pagerduty, webhook};
use crate::model::{ChatUrl, NotifyTarget, Way};
use crate::plan::notification::Notification;

/// What becomes known of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing reaches it since now.
    Failing {
        /// Its name.
        target: String,
        /// Why.
        detail: String,
    },
    /// Something reached it after a failure.
    Recovered {
        /// Its name.
        target: String,
    },
}

/// How a target fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Notifications that wait, the one that is tried included.
    pub waiting: usize,
    /// Delivered since the start.
    pub delivered: u64,
    /// Tries that failed since the start.
    pub failed: u64,
    /// Notifications that were given up since the start: too many waited, they were too old, or the target refuses them.
    pub dropped: u64,
    /// When something reached it last.
    pub last_success: Option<Timestamp>,
    /// When a try failed last, and why.
    pub last_failure: Option<(Timestamp, String)>,
    /// Whether the last try failed.
    pub is_failing: bool,
}

/// A target. Dropped, it stops.
pub struct Target {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    target: NotifyTarget,
    inner: Mutex<Inner>,
    wake: Notify,
    client: Result<Client, Failure>,
    /// One delivery at a time, tests by hand included.
    turn: Turn<()>,
    news: Box<dyn Fn(News) + Send + Sync>,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Job>,
    /// The ids of the last that were handed over.
    remembered: VecDeque<String>,
    state: State,
}

/// What is to be delivered.
#[derive(Clone)]
struct Job {
    told: Vec<Notification>,
    /// The event that it comes from; 0 for what comes from none.
    event: u64,
    since: Instant,
    /// Told by its place in the queue, which moves when the oldest is dropped.
    number: u64,
}

impl Target {
    /// Starts to deliver. `news` hears of failures and recoveries.
    pub fn start(target: NotifyTarget, news: Box<dyn Fn(News) + Send + Sync>) -> Self {
        Self::go_on(target, Inner::default(), news)
    }

    /// Starts to deliver in the place of `before`, which was declared otherwise and delivers no more: what waits there waits
    /// here, and what was handed over there is not told again.
    pub fn in_place_of(before: &Self, target: NotifyTarget, news: Box<dyn Fn(News) + Send + Sync>) -> Self {
        before.task.abort();
        let mut inner = std::mem::take(&mut *before.shared.lock());
        for job in &mut inner.waiting {
            job.told.retain(|told| target.on.contains(&told.subject));
        }
        inner.waiting.retain(|job| !job.told.is_empty());
        Self::go_on(target, inner, news)
    }

    fn go_on(target: NotifyTarget, inner: Inner, news: Box<dyn Fn(News) + Send + Sync>) -> Self {
        let shared = Arc::new(Shared {
            target,
            inner: Mutex::new(inner),
            wake: Notify::new(),
            client: client(),
            turn: Turn::new(()),
            news,
        });
        let task = tokio::spawn(Arc::clone(&shared).deliver());
        Self { shared, task }
    }

    /// As it was declared.
    #[must_use]
    pub fn declared(&self) -> &NotifyTarget {
        &self.shared.target
    }

    /// Hands over what event `event` led to. Never waits: where too many wait, the oldest is dropped and counted. What was
    /// handed over before is left out.
    pub fn tell(&self, told: Notification, event: u64) {
        let mut inner = self.shared.lock();
        if !self.shared.target.on.contains(&told.subject) || inner.remembered.contains(&told.id) {
            return;
        }
        if inner.remembered.len() >= REMEMBERED {
            inner.remembered.pop_front();
        }
        inner.remembered.push_back(told.id.clone());
        if inner.waiting.len() >= WAITING {
            inner.waiting.pop_front();
            inner.state.dropped = inner.state.dropped.saturating_add(1);
        }
        inner.push(vec![told], event);
        drop(inner);
        self.shared.wake.notify_one();
    }

    /// Tells a target that forgets what it is not told again of all that is open, unless it has not heard yet what is new.
    pub fn repeat(&self, open: &[Notification]) {
        if !matches!(self.shared.target.way, Way::Alertmanager { .. }) {
            return;
        }
        let mut inner = self.shared.lock();
        let open: Vec<Notification> =
            open.iter().filter(|told| self.shared.target.on.contains(&told.subject)).cloned().collect();
        if inner.waiting.is_empty() && !open.is_empty() {
            inner.push(open, 0);
            drop(inner);
            self.shared.wake.notify_one();
        }
    }

    /// Delivers one notification now, once, whatever waits.
    ///
    /// # Errors
    /// Why it did not arrive.
    pub async fn attempt(&self, told: Notification) -> Result<(), String> {
        let shared = Arc::clone(&self.shared);
        let tried = shared.attempt(&[told]).await;
        shared.note(&tried);
        tried.map_err(|failure| failure.reason)
    }

    /// How it fares.
    #[must_use]
    pub fn state(&self) -> State {
        let inner = self.shared.lock();
        State { waiting: inner.waiting.len(), ..inner.state.clone() }
    }

    /// Whether the last try failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.shared.lock().state.is_failing
    }

    /// The first event that something waits of.
    #[must_use]
    pub fn unsettled(&self) -> Option<u64> {
        self.shared.lock().waiting.iter().map(|job| job.event).find(|event| *event > 0)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inner {
    fn push(&mut self, told: Vec<Notification>, event: u64) {
        let number = self.waiting.back().map_or(0, |job| job.number).wrapping_add(1);
        self.waiting.push_back(Job { told, event, since: Instant::now(), number });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics between two changes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn deliver(self: Arc<Self>) {
        let mut backoff = BACKOFF_FIRST;
        loop {
            let Some(job) = self.lock().waiting.front().cloned() else {
                self.wake.notified().await;
                continue;
            };
            let tried = self.attempt(&job.told).await;
            self.note(&tried);
            let is_over = match &tried {
                Ok(()) => true,
                Err(failure) => failure.outlook == Outlook::Hopeless || job.since.elapsed() >= GIVE_UP,
            };
            if is_over {
                let mut inner = self.lock();
                if inner.waiting.front().is_some_and(|first| first.number == job.number) {
                    inner.waiting.pop_front();
                    if tried.is_err() {
                        inner.state.dropped = inner.state.dropped.saturating_add(1);
                    }
                }
            }
            if is_over {
                // The next one is another matter.
                backoff = BACKOFF_FIRST;
            }
            match &tried {
                Ok(()) => {}
                // It answers: only what it refused is wrong.
                Err(failure) if failure.outlook == Outlook::Hopeless => {}
                Err(_) => {
                    sleep(jittered(backoff)).await;
                    backoff = backoff.saturating_mul(2).min(BACKOFF_LONGEST);
                }
            }
        }
    }

    /// Counts a try, and tells of a change.
    fn note(&self, tried: &Result<(), Failure>) {
        let now = Timestamp::now();
        let mut inner = self.lock();
        let state = &mut inner.state;
        let was_failing = state.is_failing;
        state.is_failing = tried.is_err();
        match tried {
            Ok(()) => {
                state.delivered = state.delivered.saturating_add(1);
                state.last_success = Some(now);
            }
            Err(failure) => {
                state.failed = state.failed.saturating_add(1);
                state.last_failure = Some((now, failure.reason.clone()));
            }
        }
        drop(inner);
        let target = self.target.name.clone();
        match tried {
            Ok(()) if was_failing => (self.news)(News::Recovered { target }),
            Err(failure) if !was_failing => (self.news)(News::Failing { target, detail: failure.reason.clone() }),
            Ok(()) | Err(_) => {}
        }
    }

    async fn attempt(&self, told: &[Notification]) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        let late = Failure::passing(format!("no answer within {} s", DELIVERY.as_secs()));
        timeout(DELIVERY, self.reach(told)).await.unwrap_or(Err(late))
    }

    async fn reach(&self, told: &[Notification]) -> Result<(), Failure> {
        let client = self.client.as_ref().map_err(|failure| Failure::passing(failure.reason.clone()))?;
        let secret = match self.target.way.secret_file().cloned() {
            None => None,
            // It may lie on a file system that hangs.
            Some(file) => Some(
                tokio::task::spawn_blocking(move || Secret::read(&file))
                    .await
                    .map_err(|error| Failure::passing(error.to_string()))?
                    .map_err(Failure::passing)?,
            ),
        };
        let now = Timestamp::now();
        if let Way::Alertmanager { url, .. } = &self.target.way {
            return alertmanager::deliver(client, url, secret.as_ref(), told, now).await;
        }
        for told in told {
            match (&self.target.way, &secret) {
                (Way::Webhook { url, .. }, Some(secret)) => webhook::deliver(client, url, secret, told, now).await?,
                (Way::PagerDuty { url, .. }, Some(secret)) => pagerduty::deliver(client, url, secret, told).await?,
                (Way::Slack(ChatUrl::InFile(_)), Some(secret)) => chat::deliver(client, secret.reveal(), told).await?,
                (Way::Slack(ChatUrl::Open(url)), _) => chat::deliver(client, url, told).await?,
                (Way::Smtp(way), secret) => mail::deliver(way, secret.as_ref(), told).await?,
                (Way::Webhook { .. } | Way::PagerDuty { .. } | Way::Slack(_) | Way::Alertmanager { .. }, _) => {
                    return Err(Failure::hopeless("there is no secret for it"));
                }
            }
        }
        Ok(())
    }
}

/// `span`, up to half of it less by chance: nodes that failed together shall not try together.
fn jittered(span: Duration) -> Duration {
    let mut octets = [0_u8; 4];
    // Without randomness all is tried at once, which is worse than nothing but little.
    let drawn = getrandom::fill(&mut octets).map_or(u32::MAX, |()| u32::from_le_bytes(octets));
    let half = span / 2;
    half.saturating_add(half.mul_f64(f64::from(drawn) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::{BufRead, BufReader, Read, Write};

    use super::*;
    use crate::model::Subject;
    use crate::plan::notification::trial;

    fn nowhere(on: Subject) -> Target {
        let way = Way::Slack(ChatUrl::InFile("/nonexistent/secret".into()));
        Target::start(NotifyTarget { name: "chat".into(), on: BTreeSet::from([on]), way }, Box::new(|_| {}))
    }

    fn told(number: i64) -> Notification {
        trial("ns1", "test", Timestamp::from_second(number).unwrap())
    }

    #[tokio::test]
    async fn a_queue_is_bounded_and_what_it_drops_is_the_oldest_and_counted() {
        let target = nowhere(Subject::Incident);
        for number in 1..=i64::try_from(WAITING).unwrap() + 5 {
            target.tell(told(number), u64::try_from(number).unwrap());
        }
        let state = target.state();
        assert_eq!((state.waiting, state.dropped), (WAITING, 5));
        assert_eq!(target.unsettled(), Some(6));
        target.tell(told(7), 7);
        assert_eq!(target.state().waiting, WAITING, "what was told is not told again");
    }

    #[tokio::test]
    async fn a_target_that_is_mended_delivers_what_waits_and_is_not_told_again() {
        let before = nowhere(Subject::Incident);
        before.tell(told(1), 1);
        before.tell(told(2), 2);
        let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
        while !before.is_failing() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mended =
            NotifyTarget { way: Way::Slack(ChatUrl::InFile("/nonexistent/other".into())), ..before.declared().clone() };
        let after = Target::in_place_of(&before, mended, Box::new(move |news| tell.send(news).unwrap()));
        assert_eq!((after.state().waiting, after.unsettled(), after.is_failing()), (2, Some(1), true));
        after.tell(told(2), 2);
        assert_eq!(after.state().waiting, 2);
        after.shared.note(&Ok(()));
        assert_eq!(heard.recv().await, Some(News::Recovered { target: "chat".into() }), "that it failed is known here");
        let narrower = NotifyTarget { on: BTreeSet::from([Subject::Lint]), ..after.declared().clone() };
        let other = Target::in_place_of(&after, narrower, Box::new(|_| {}));
        assert_eq!(other.state().waiting, 0, "what it is not told of any more");
    }

    /// A chat that answers each delivery with `status`, and a word of each.
    fn chat(status: &'static str) -> (String, std::sync::mpsc::Receiver<()>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (tell, came) = std::sync::mpsc::channel();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).unwrap_or(0) > 2 {
                    if let Some((_, value)) = line.to_lowercase().split_once("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        (url, came)
    }

    #[tokio::test]
    async fn what_is_refused_for_good_delays_nothing() {
        let (url, came) = chat("400 Bad Request");
        let target = NotifyTarget {
            name: "chat".into(),
            on: BTreeSet::from([Subject::Incident]),
            way: Way::Slack(ChatUrl::Open(url)),
        };
        let target = Target::start(target, Box::new(|_| {}));
        let start = Instant::now();
        (1..=6).for_each(|number| target.tell(told(number), 0));
        while target.state().dropped < 6 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        (0..6).for_each(|_| came.recv().unwrap());
        // Each with a wait twice as long as that before it, the sixth would come after a quarter of a minute at the earliest.
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn a_target_hears_only_of_its_subjects() {
        let target = nowhere(Subject::Lint);
        target.tell(told(1), 1);
        assert_eq!((target.state().waiting, target.unsettled()), (0, None));
    }

    #[test]
    fn chance_takes_half_at_most() {
        for _ in 0..100 {
            let span = jittered(Duration::from_secs(8));
            assert!((Duration::from_secs(4)..=Duration::from_secs(8)).contains(&span), "{span:?}");
        }
    }
}
