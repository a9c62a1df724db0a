//! The check of a stored journal.

use super::bounds::EVENTS_PER_READ;
use super::{Store, StoreError};
use crate::model::{ChainCheck, ChainFinding, ChainMark, ChainReport};

/// What a check of a journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong.
    pub findings: Vec<ChainFinding>,
    /// How many entries were checked.
    pub entries: u64,
    /// How many lie before the chain: written by a version that did not chain, they prove nothing.
    pub unchained: u64,
    /// The newest entry that was checked.
    pub head: Option<ChainMark>,
    /// Places written down elsewhere that were compared.
    pub compared: usize,
    /// Those that lie outside of what is kept.
    pub uncompared: usize,
}

/// Checks the journal of `store`, of which the places `known` were written down elsewhere. Reads it page by page, so that
/// others come between; entries that are appended meanwhile are left out.
///
/// # Errors
/// If it cannot be read.
pub fn check_chain(store: &dyn Store, known: Vec<ChainMark>) -> Result<Checked, StoreError> {
    let state = store.chain()?;
    let (Some(beginning), Some(head)) = (state.beginning, state.head) else {
        let last = known.iter().map(|mark| mark.id).max();
        let findings = last.map(|known| ChainFinding::Truncated { last: 0, known }).into_iter().collect();
        let uncompared = known.len();
        return Ok(Checked { findings, entries: 0, unchained: 0, head: None, compared: 0, uncompared });
    };
    let mut check = ChainCheck::of_all(&beginning, known);
    let mut last = beginning.first.saturating_sub(1);
    loop {
        let links = store.links(last, EVENTS_PER_READ)?;
        let Some(newest) = links.last().map(|link| link.id) else { break };
        links.iter().filter(|link| link.id <= head.id).for_each(|link| check.take(link));
        last = newest;
        if last >= head.id {
            break;
        }
    }
    let unchained = state.oldest.map_or(0, |oldest| beginning.first.saturating_sub(oldest));
    let ChainReport { findings, entries, compared, uncompared } = check.end(Some(head), Some(head));
    Ok(Checked { findings, entries, unchained, head: Some(head), compared, uncompared })
}
