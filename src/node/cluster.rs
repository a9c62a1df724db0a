//! The tasks between the engine and what the nodes share: one follows the others, one speaks for this node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, warn};

use super::clock::Clock;
use super::engine::{Message, with_remedy};
use super::journal::Journal;
use crate::health::bounds::BALLOT_INTERVAL;
use crate::model::{EndpointList, Mono, NodeReport, SharedOrders};
use crate::store::{Commons, News, StoreError};

/// Least time between two reports: at most five a second, however much is failing.
const REPORT_GAP: Duration = Duration::from_millis(200);
/// After a report that could not be written.
const REPORT_RETRY: Duration = Duration::from_millis(500);
/// Between two declarations of the same list: so long nobody hears a node after its list was lost with the store.
const DECLARE_AGAIN: Duration = Duration::from_secs(60);
/// How long the store may be followed with trouble alone before that is told of: members come and go within seconds.
const TROUBLE_PATIENCE: Duration = Duration::from_secs(5);
/// The part that suffers where the store cannot be followed.
const FOLLOWING: &str = "following";
/// The part that suffers where this node's own disk does not take what the others share.
const COPY: &str = "copy";

/// What the engine hears of the others.
pub enum Word {
    /// Other orders stand.
    Orders(SharedOrders),
    /// A node spoke.
    Report(Box<NodeReport>, Arc<EndpointList>),
    /// A node's record was removed.
    Gone(String),
    /// A report begun at this moment was acknowledged.
    Contact(Mono),
    /// The store did not do what was asked of it.
    NoContact(String),
    /// The store holds orders that do not continue those that are known, and how; or it does again.
    WentBack(Option<String>),
}

/// What this node has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// All but its number.
    pub report: NodeReport,
    /// What its letters follow.
    pub list: Arc<EndpointList>,
}

/// Passes on what happens in the store until the engine is gone.
pub async fn follow(commons: Arc<dyn Commons>, journal: Journal, engine: mpsc::Sender<Message>) {
    let mut trouble = Trouble::None;
    loop {
        let mut coming = commons.news();
        let news = loop {
            tokio::select! {
                news = &mut coming => break news,
                detail = trouble.lasts() => {
                    trouble = Trouble::Told;
                    if engine.send(Message::Part(FOLLOWING, Err(detail))).await.is_err() {
                        return;
                    }
                }
            }
        };
        let message = match news {
            News::Orders(orders) => Message::Word(Word::Orders(orders)),
            News::Report(report, list) => Message::Word(Word::Report(report, list)),
            News::Gone(node) => Message::Word(Word::Gone(node)),
            News::WentBack(detail) => Message::Word(Word::WentBack(Some(detail))),
            News::Continues => Message::Word(Word::WentBack(None)),
            News::Journalled(events) => {
                events.into_iter().for_each(|event| journal.announce(event));
                continue;
            }
            News::NotKept(events, error) => {
                events.into_iter().for_each(|event| journal.pass_on(event));
                let detail = format!("the orders are followed but not kept on this node: {}", with_remedy(&error));
                Message::Part(COPY, Err(detail))
            }
            News::Kept => Message::Part(COPY, Ok("the orders are kept on this node again".to_owned())),
            News::Trouble(error) => {
                debug!(%error, "the store that the nodes share cannot be followed");
                trouble.goes_on(&error);
                continue;
            }
            News::Follows => match std::mem::replace(&mut trouble, Trouble::None) {
                Trouble::Told => {
                    Message::Part(FOLLOWING, Ok("the store that the nodes share is followed again".to_owned()))
                }
                Trouble::None | Trouble::Since(..) => continue,
            },
        };
        if engine.send(message).await.is_err() {
            return;
        }
    }
}

/// Whether the store can be followed.
enum Trouble {
    None,
    /// Not since then, and why not.
    Since(Instant, String),
    /// Not, and the engine knows.
    Told,
}

impl Trouble {
    fn goes_on(&mut self, error: &StoreError) {
        let detail = format!("the store that the nodes share cannot be followed: {}", with_remedy(error));
        match self {
            Self::None => *self = Self::Since(Instant::now(), detail),
            Self::Since(_, last) => *last = detail,
            Self::Told => {}
        }
    }

    /// Waits until it has lasted for so long that it is to be told of, as what is returned.
    async fn lasts(&self) -> String {
        match self {
            Self::Since(since, detail) => {
                sleep_until(*since + TROUBLE_PATIENCE).await;
                detail.clone()
            }
            Self::None | Self::Told => std::future::pending().await,
        }
    }
}

/// Writes what this node says: at once when it is news, and every two seconds besides, until the engine is gone.
pub async fn speak(
    commons: Arc<dyn Commons>,
    clock: Clock,
    mut said: watch::Receiver<Option<Said>>,
    engine: mpsc::Sender<Message>,
) {
    // The list that the others know, and when they were told.
    let mut declared: Option<(String, Instant)> = None;
    // The one that was followed before.
    let mut former: Option<String> = None;
    // Above every start of this node that the others may have heard of, also where its own state was lost since.
    let mut start: Option<u64> = None;
    let mut number = 0;
    loop {
        let Some(Said { mut report, list }) = said.borrow_and_update().clone() else {
            if said.changed().await.is_err() {
                return;
            }
            continue;
        };
        let (begun, at) = (Instant::now(), clock.mono());
        number += 1;
        let outcome = async {
            let least = match start {
                Some(least) => least,
                None => {
                    let last = commons.last_report(&report.node).await?;
                    former = last.as_ref().map(|last| last.endpoints.clone());
                    *start.insert(last.map_or(0, |last| last.sequence.0.saturating_add(1)))
                }
            };
            report.sequence = (report.sequence.0.max(least), number);
            let is_known = declared
                .as_ref()
                .is_some_and(|(known, at)| *known == report.endpoints && begun.duration_since(*at) < DECLARE_AGAIN);
            if !is_known {
                commons.declare(&list).await?;
                let before = declared.replace((report.endpoints.clone(), begun)).map(|(known, _)| known);
                former = before.or_else(|| former.take());
            }
            commons.report(&report).await
        };
        let outcome = outcome.await;
        if outcome.is_err()
            && let Some((known, _)) = declared.take()
        {
            // The store may have lost the list too.
            former.get_or_insert(known);
        }
        let (word, pause) = match outcome {
            Ok(()) => (Word::Contact(at), REPORT_GAP),
            // That it does not answer goes without saying.
            Err(StoreError::Unreachable { detail }) => (Word::NoContact(detail), REPORT_RETRY),
            Err(error) => (Word::NoContact(error.to_string()), REPORT_RETRY),
        };
        let lost = matches!(word, Word::NoContact(_));
        if engine.send(Message::Word(word)).await.is_err() {
            return;
        }
        if !lost
            && let Some(former) = former.take_if(|former| declared.as_ref().is_some_and(|(known, _)| known != former))
        {
            retire(&*commons, &former).await;
        }
        sleep_until(begun + pause).await;
        // After a failure it is tried again at once; otherwise what is said stands until it is news or old.
        if !lost && let Ok(Err(_)) = timeout_at(begun + BALLOT_INTERVAL, said.changed()).await {
            return;
        }
    }
}

/// Takes out a list that this node follows no longer. Where that fails it stays, which harms nobody.
async fn retire(commons: &dyn Commons, former: &str) {
    if let Err(error) = commons.retire(former).await {
        warn!(%error, former, "a list of endpoints that this node follows no longer was not taken out");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::model::{Event, EventKind, OrdersVersion};
    use crate::store::{Alone, Changed, Comparison, Kept, Memory, OrderChange, Traffic};

    /// As long as anything may take on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A store that notes what is asked of it, refuses the reports numbered so, and has the news that it is given.
    struct Noted {
        alone: Alone,
        asked: Mutex<Vec<String>>,
        last: Option<NodeReport>,
        refused: u64,
        news: Mutex<VecDeque<News>>,
    }

    impl Noted {
        fn new(refused: u64, last: Option<NodeReport>) -> Arc<Self> {
            let alone = Alone(Arc::new(Memory::new()));
            Arc::new(Self { alone, asked: Mutex::default(), last, refused, news: Mutex::default() })
        }

        fn note(&self, asked: String) {
            self.asked.lock().unwrap().push(asked);
        }
    }

    #[async_trait]
    impl Commons for Noted {
        fn kind(&self) -> &'static str {
            "noted"
        }
        fn known(&self) -> SharedOrders {
            self.alone.known()
        }
        async fn read(&self) -> Result<SharedOrders, StoreError> {
            self.alone.read().await
        }
        async fn change(&self, change: OrderChange) -> Result<Changed, StoreError> {
            self.alone.change(change).await
        }
        async fn compare(&self) -> Comparison {
            self.alone.compare().await
        }
        async fn accept(
            &self,
            kept: Kept,
            event: &(dyn Fn(OrdersVersion) -> Event + Send + Sync),
        ) -> Result<Option<SharedOrders>, StoreError> {
            self.alone.accept(kept, event).await
        }
        async fn report(&self, report: &NodeReport) -> Result<(), StoreError> {
            self.note(format!("report {}", report.sequence.1));
            if report.sequence.1 == self.refused {
                return Err(StoreError::Unreachable { detail: "refused".to_owned() });
            }
            Ok(())
        }
        async fn last_report(&self, _: &str) -> Result<Option<NodeReport>, StoreError> {
            Ok(self.last.clone())
        }
        async fn declare(&self, list: &EndpointList) -> Result<(), StoreError> {
            self.note(format!("declare {}", list.fingerprint()));
            Ok(())
        }
        async fn retire(&self, fingerprint: &str) -> Result<(), StoreError> {
            self.note(format!("retire {fingerprint}"));
            Ok(())
        }
        async fn forget(&self, node: &str) -> Result<(), StoreError> {
            self.alone.forget(node).await
        }
        async fn news(&self) -> News {
            loop {
                if let Some(news) = self.news.lock().unwrap().pop_front() {
                    return news;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        fn traffic(&self) -> Traffic {
            self.alone.traffic()
        }
    }

    fn report(endpoints: &str) -> NodeReport {
        let text = format!(r#"{{"node":"fra-ns1","sequence":[1,0],"endpoints":"{endpoints}","verdicts":""}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn a_list_is_declared_again_after_a_failure_and_the_one_before_it_goes() {
        let list = Arc::new(EndpointList::default());
        let name = list.fingerprint();
        let noted = Noted::new(2, Some(report("old")));
        let (_voice, said) = watch::channel(Some(Said { report: report(&name), list }));
        let (engine, mut messages) = mpsc::channel(8);
        let task = tokio::spawn(speak(Arc::<Noted>::clone(&noted), Clock::start(), said, engine));
        let mut contacts = 0;
        while contacts < 2 {
            let word = tokio::time::timeout(PATIENCE, messages.recv()).await.unwrap();
            contacts += u32::from(matches!(word, Some(Message::Word(Word::Contact(_)))));
        }
        task.abort();
        let asked = noted.asked.lock().unwrap().clone();
        let declare = format!("declare {name}");
        let expected = [&declare, "report 1", "retire old", "report 2", &declare, "report 3"];
        assert_eq!(asked.get(..6).unwrap(), expected);
    }

    #[tokio::test]
    async fn trouble_that_lasts_is_told_of_once_and_so_is_its_end() {
        let noted = Noted::new(0, None);
        let (health, _healthy) = mpsc::unbounded_channel();
        let (journal, _writer) = Journal::start("fra-ns1", Clock::start(), Arc::new(Memory::new()), 0, health);
        let (engine, mut messages) = mpsc::channel(8);
        let task = tokio::spawn(follow(Arc::<Noted>::clone(&noted), journal.clone(), engine));
        let trouble = || News::Trouble(StoreError::Unreadable { detail: "orders: what is this".to_owned() });
        // What is over soon is not told of.
        noted.news.lock().unwrap().extend([trouble(), News::Follows, trouble(), trouble()]);
        let mut next = async || tokio::time::timeout(PATIENCE, messages.recv()).await.unwrap().unwrap();
        let Message::Part("following", Err(detail)) = next().await else { panic!("not what is expected first") };
        assert!(detail.contains("orders: what is this") && detail.contains("prefix of its own"), "{detail}");
        noted.news.lock().unwrap().extend([trouble(), News::Follows, News::Follows]);
        assert!(matches!(next().await, Message::Part("following", Ok(_))));
        // A disk that refuses is another matter, and what it refused goes the way of other events.
        let event = journal.event(EventKind::PeerHeard { peer: "iad-ns1".to_owned() });
        let full = StoreError::Full { file: "waypost.redb".into() };
        noted.news.lock().unwrap().extend([News::NotKept(vec![event], full), News::Kept]);
        let Message::Part("copy", Err(detail)) = next().await else { panic!("not what is expected of a full disk") };
        assert!(detail.contains("no space") && detail.contains("free space"), "{detail}");
        assert!(matches!(next().await, Message::Part("copy", Ok(_))));
        task.abort();
    }
}
