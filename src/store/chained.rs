//! The chained journal in the database: entries, the hashes of their links, where the chain begins and where it ends.

use jiff::Timestamp;
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::ChainState;
use super::bounds::JOURNAL_MOST;
use super::embedded::Fault;
use super::tables::{Documents, JOURNAL, LAST_EVENT, count};
use crate::model::{BeginningCause, ChainBeginning, ChainMark, Event, Link, LinkHash};

/// The hash of each entry's link, by id. Not in files that earlier versions made.
const CHAIN: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("chain");
/// Where the chain begins and ends. Not in files that earlier versions made.
const ENDS: Documents = TableDefinition::new("chain_ends");

const BEGINNING: &str = "beginning";
const HEAD: &str = "head";

/// Appends `event` to the journal and its link to the chain; returns the event with its id.
pub(super) fn journal(transaction: &WriteTransaction, mut event: Event) -> Result<Event, Fault> {
    event.id = count(transaction, LAST_EVENT)?;
    let text = serde_json::to_string(&event)?;
    let mut journal = transaction.open_table(JOURNAL)?;
    let mut ends = transaction.open_table(ENDS)?;
    let head: Option<ChainMark> = read(&ends, HEAD)?;
    let previous = match head {
        Some(head) => head.hash,
        None => {
            let cause = if journal.first()?.is_some() { BeginningCause::Unchained } else { BeginningCause::New };
            let beginning = ChainBeginning { first: event.id, previous: LinkHash::GENESIS, cause };
            ends.insert(BEGINNING, serde_json::to_string(&beginning)?.as_str())?;
            beginning.previous
        }
    };
    let hash = previous.next(&text);
    journal.insert(event.id, text.as_str())?;
    transaction.open_table(CHAIN)?.insert(event.id, hash.octets().as_slice())?;
    ends.insert(HEAD, serde_json::to_string(&ChainMark { id: event.id, hash })?.as_str())?;
    let oldest = event.id.saturating_sub(JOURNAL_MOST);
    let is_full = journal.first()?.is_some_and(|(id, _)| id.value() <= oldest);
    drop((journal, ends));
    if is_full {
        cut(transaction, oldest.saturating_add(1))?;
    }
    Ok(event)
}

/// Takes entries below `below` out, and remembers the hash that those that are left follow; gives how many were.
pub(super) fn cut(transaction: &WriteTransaction, below: u64) -> Result<u64, Fault> {
    let mut journal = transaction.open_table(JOURNAL)?;
    let mut chain = transaction.open_table(CHAIN)?;
    let mut ends = transaction.open_table(ENDS)?;
    // The newest entry stays: a chain without any could be any chain.
    let newest = read::<ChainMark>(&ends, HEAD)?.map_or(0, |head| head.id);
    let below = below.min(newest);
    let (mut taken, mut last) = (0_u64, None);
    loop {
        let oldest = journal.first()?.map(|(id, _)| id.value());
        let Some(id) = oldest.filter(|id| *id < below) else { break };
        journal.pop_first()?;
        last = chain.remove(id)?.and_then(|hash| octets(hash.value())).or(last);
        taken = taken.saturating_add(1);
    }
    if let Some(previous) = last {
        let beginning = ChainBeginning { first: below, previous, cause: BeginningCause::Cut };
        ends.insert(BEGINNING, serde_json::to_string(&beginning)?.as_str())?;
    }
    Ok(taken)
}

/// Where the chain begins and ends.
pub(super) fn state(transaction: &ReadTransaction) -> Result<ChainState, Fault> {
    let oldest = transaction.open_table(JOURNAL)?.first()?.map(|(id, _)| id.value());
    let ends = match transaction.open_table(ENDS) {
        Ok(ends) => ends,
        Err(TableError::TableDoesNotExist(_)) => return Ok(ChainState { beginning: None, head: None, oldest }),
        Err(error) => return Err(error.into()),
    };
    Ok(ChainState { beginning: read(&ends, BEGINNING)?, head: read(&ends, HEAD)?, oldest })
}

/// The first `limit` links whose id is above `after`. An entry without a link has the hash of none.
pub(super) fn links(transaction: &ReadTransaction, after: u64, limit: usize) -> Result<Vec<Link>, Fault> {
    let journal = transaction.open_table(JOURNAL)?;
    let chain = match transaction.open_table(CHAIN) {
        Ok(chain) => chain,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut links = Vec::new();
    for entry in journal.range(after.saturating_add(1)..)?.take(limit) {
        let (id, text) = entry?;
        let hash = chain.get(id.value())?.and_then(|hash| octets(hash.value())).unwrap_or(LinkHash::GENESIS);
        links.push(Link { id: id.value(), entry: text.value().to_owned(), previous: None, hash });
    }
    Ok(links)
}

/// The id of the first entry that was not written before `time`, by halving: the wall clock steps seldom, and then the first
/// of one run of times is found.
pub(super) fn first_since(transaction: &ReadTransaction, time: Timestamp) -> Result<u64, Fault> {
    let journal = transaction.open_table(JOURNAL)?;
    let ends = (journal.first()?, journal.last()?);
    let (Some((first, _)), Some((last, _))) = ends else { return Ok(1) };
    let (mut low, mut high) = (first.value(), last.value().saturating_add(1));
    while low < high {
        let middle = low.midpoint(high);
        let is_before = match journal.range(middle..)?.next().transpose()? {
            Some((_, text)) => time_of(text.value()).is_none_or(|found| found < time),
            None => false,
        };
        if is_before { low = middle.saturating_add(1) } else { high = middle }
    }
    Ok(low)
}

fn time_of(entry: &str) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Timed {
        time: Timestamp,
    }
    serde_json::from_str::<Timed>(entry).ok().map(|timed| timed.time)
}

fn octets(hash: &[u8]) -> Option<LinkHash> {
    hash.try_into().ok().map(LinkHash::of)
}

fn read<T: serde::de::DeserializeOwned>(
    table: &impl ReadableTable<&'static str, &'static str>,
    key: &str,
) -> Result<Option<T>, Fault> {
    match table.get(key)? {
        Some(text) => Ok(Some(serde_json::from_str(text.value())?)),
        None => Ok(None),
    }
}
