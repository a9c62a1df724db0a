//! Following what other nodes write: a notice of the store's, step by step.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::bounds::{COUNT_MOST, LIST_OCTETS, LISTS_KEPT, REPORT_OCTETS, WARNINGS_KEPT};
use super::document::{Document, countable};
use super::etcd::{Listing, Notice};
use super::replicated::{ENDPOINTS, NODES, ORDERS, Replicated};
use super::{News, StoreError};
use crate::model::{EndpointList, NodeReport};

/// What is taken in at once. What it is news of is told before the next step.
pub(super) enum Step {
    /// The orders, as the store holds them; `None` where there are none.
    Orders(Option<Vec<u8>>),
    /// The report under the name of this node.
    Report(String, Vec<u8>),
    /// The report of this node was removed.
    Gone(String),
    /// The watch was lost.
    Trouble(StoreError),
    /// Everything was listed.
    Listed,
}

impl Replicated {
    /// What is to be done about `notice`, in order.
    pub(super) fn steps(&self, notice: Notice) -> Vec<Step> {
        match notice {
            Notice::All(listing) => self.steps_of_all(listing),
            Notice::Put(entry) if entry.key == ORDERS => vec![Step::Orders(Some(entry.value))],
            Notice::Put(entry) => named(&entry.key).map(|node| Step::Report(node, entry.value)).into_iter().collect(),
            Notice::Gone(key) if key == ORDERS => vec![Step::Orders(None)],
            Notice::Gone(key) => named(&key).map(Step::Gone).into_iter().collect(),
            Notice::Trouble(error) => vec![Step::Trouble(error)],
        }
    }

    /// Orders first: for those nobody is asked once more.
    fn steps_of_all(&self, listing: Listing) -> Vec<Step> {
        let (mut orders, mut reports) = (None, Vec::new());
        for entry in listing.entries {
            if entry.key == ORDERS {
                orders = Some(entry.value);
            } else if let Some(node) = named(&entry.key) {
                reports.push((node, entry.value));
            }
        }
        let present: BTreeSet<&String> = reports.iter().map(|(node, _)| node).collect();
        let gone: Vec<String> = self.lock().nodes.iter().filter(|node| !present.contains(node)).cloned().collect();
        let reports = reports.into_iter().map(|(node, octets)| Step::Report(node, octets));
        let first = [Step::Orders(orders)].into_iter();
        first.chain(gone.into_iter().map(Step::Gone)).chain(reports).chain([Step::Listed]).collect()
    }

    pub(super) async fn take(&self, step: Step) {
        match step {
            Step::Orders(octets) => self.take_orders(octets).await,
            Step::Report(node, octets) => self.take_report(node, &octets).await,
            Step::Gone(node) => {
                self.lock().nodes.remove(&node);
                self.inbox.tell(News::Gone(node));
            }
            Step::Trouble(error) => self.inbox.tell(News::Trouble(error)),
            Step::Listed => {
                if !self.lock().unread {
                    self.inbox.tell(News::Follows);
                }
            }
        }
    }

    async fn take_orders(&self, octets: Option<Vec<u8>>) {
        let _turn = self.turn.lock().await;
        let found = octets.map_or_else(|| Ok(Document::default()), |octets| Document::read(ORDERS, &octets));
        let taken = match found {
            // What this node changed meanwhile is not in it.
            Ok(found) if found.continues(&self.orders()).is_err() => match self.found().await {
                Ok((found, _)) => self.adopt(found),
                Err(error) => Err(error),
            },
            Ok(found) => self.adopt(found),
            Err(error) => Err(error),
        };
        let unread = match &taken {
            // Told already.
            Ok(()) | Err(StoreError::WentBack { .. }) => false,
            Err(_) => true,
        };
        let was_unread = std::mem::replace(&mut self.lock().unread, unread);
        match taken {
            Err(error) if unread => self.inbox.tell(News::Trouble(error)),
            _ if was_unread => self.inbox.tell(News::Follows),
            _ => {}
        }
    }

    async fn take_report(&self, node: String, octets: &[u8]) {
        // A node whose report cannot be read is there all the same; the others go on without its votes.
        self.lock().nodes.insert(node.clone());
        let report = match read_report(&node, octets) {
            Ok(report) => report,
            Err(error) => {
                self.warn_once(&format!("{NODES}{node}"), &error.to_string());
                return;
            }
        };
        let known = self.lock().lists.get(&report.endpoints).cloned();
        let list = match known {
            Some(list) => Ok(list),
            None => self.fetch_list(&report.endpoints).await,
        };
        match list {
            Ok(list) => self.inbox.tell(News::Report(Box::new(report), list)),
            Err(detail) => {
                let detail = format!("the reports of {node} are not heard until it is there again: {detail}");
                self.warn_once(&format!("{ENDPOINTS}{}", report.endpoints), &detail);
            }
        }
    }

    /// The list called `fingerprint`, or why it cannot be had.
    async fn fetch_list(&self, fingerprint: &str) -> Result<Arc<EndpointList>, String> {
        let found = self.etcd.get(&format!("{ENDPOINTS}{fingerprint}")).await.map_err(|error| error.to_string())?;
        let octets = found.ok_or("the store holds no such list of endpoints")?.value;
        bounded(&octets, LIST_OCTETS)?;
        let list: EndpointList = serde_json::from_slice(&octets).map_err(|error| error.to_string())?;
        if list.fingerprint() != fingerprint {
            return Err("the list of endpoints is not the one that its name says".to_owned());
        }
        let list = Arc::new(list);
        let mut known = self.lock();
        if known.lists.len() >= LISTS_KEPT {
            known.lists.clear();
        }
        known.lists.insert(fingerprint.to_owned(), Arc::clone(&list));
        Ok(list)
    }

    /// What comes again every two seconds is told of once.
    fn warn_once(&self, key: &str, detail: &str) {
        let mut known = self.lock();
        if known.warned.len() >= WARNINGS_KEPT {
            known.warned.clear();
        }
        let is_news = known.warned.insert(key.to_owned());
        drop(known);
        if is_news {
            tracing::warn!(key, "{detail}");
        }
    }
}

/// The node whose report lies under `key`.
fn named(key: &str) -> Option<String> {
    key.strip_prefix(NODES).map(str::to_owned)
}

/// The report of `node`.
pub(super) fn read_report(node: &str, octets: &[u8]) -> Result<NodeReport, StoreError> {
    let key = format!("{NODES}{node}");
    let refused = |detail: String| StoreError::Unreadable { detail: format!("{key}: {detail}") };
    bounded(octets, REPORT_OCTETS).map_err(refused)?;
    // Of a version to come, or damaged.
    let report: NodeReport = serde_json::from_slice(octets).map_err(|error| refused(error.to_string()))?;
    if report.node != node {
        return Err(refused(format!("it is the report of {}", report.node)));
    }
    let (start, number) = report.sequence;
    if start > COUNT_MOST || number > COUNT_MOST {
        return Err(refused(format!("its sequence is {start}.{number}; both are at most {COUNT_MOST}")));
    }
    countable(&key, report.orders)?;
    Ok(report)
}

fn bounded(octets: &[u8], most: usize) -> Result<(), String> {
    match octets.len() {
        length if length > most => Err(format!("it has {length} octets; at most {most} are read")),
        _ => Ok(()),
    }
}
