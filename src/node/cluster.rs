//! The tasks between the engine and what the nodes share: one follows the others, one speaks for this node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::debug;

use super::clock::Clock;
use super::engine::Message;
use super::journal::Journal;
use crate::health::bounds::BALLOT_INTERVAL;
use crate::model::{EndpointList, Mono, NodeReport, SharedOrders};
use crate::store::{Commons, News, StoreError};

/// Least time between two reports: at most five a second, however much is failing.
const REPORT_GAP: Duration = Duration::from_millis(200);
/// After a report that could not be written.
const REPORT_RETRY: Duration = Duration::from_millis(500);

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
    /// This node's own disk did not take what the others share.
    NotKept(StoreError),
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
    loop {
        let word = match commons.news().await {
            News::Orders(orders) => Word::Orders(orders),
            News::Report(report, list) => Word::Report(report, list),
            News::Gone(node) => Word::Gone(node),
            News::WentBack(detail) => Word::WentBack(Some(detail)),
            News::Continues => Word::WentBack(None),
            News::Journalled(events) => {
                events.into_iter().for_each(|event| journal.announce(event));
                continue;
            }
            News::NotKept(events, error) => {
                events.into_iter().for_each(|event| journal.pass_on(event));
                Word::NotKept(error)
            }
            News::Trouble(error) => {
                // What that means is judged by the reports that are acknowledged or not.
                debug!(%error, "the store that the nodes share cannot be followed");
                continue;
            }
        };
        if engine.send(Message::Word(word)).await.is_err() {
            return;
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
    let mut declared: Option<String> = None;
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
                    *start.insert(last.map_or(0, |last| last.sequence.0.saturating_add(1)))
                }
            };
            report.sequence = (report.sequence.0.max(least), number);
            if declared.as_ref() != Some(&report.endpoints) {
                commons.declare(&list).await?;
                declared = Some(report.endpoints.clone());
            }
            commons.report(&report).await
        };
        let (word, pause) = match outcome.await {
            Ok(()) => (Word::Contact(at), REPORT_GAP),
            // That it does not answer goes without saying.
            Err(StoreError::Unreachable { detail }) => (Word::NoContact(detail), REPORT_RETRY),
            Err(error) => (Word::NoContact(error.to_string()), REPORT_RETRY),
        };
        let lost = matches!(word, Word::NoContact(_));
        if engine.send(Message::Word(word)).await.is_err() {
            return;
        }
        sleep_until(begun + pause).await;
        // After a failure it is tried again at once; otherwise what is said stands until it is news or old.
        if !lost && let Ok(Err(_)) = timeout_at(begun + BALLOT_INTERVAL, said.changed()).await {
            return;
        }
    }
}
