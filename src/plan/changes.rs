//! What one plan changes over another, in phrases for the journal.

use crate::model::{Plan, Share, SitePlan, Topology};

/// One phrase a (service, site) whose standing or drained share differs: `mx: fra serving -> down (connection refused)`.
///
/// Plans of different topologies are compared by position as far as both reach.
#[must_use]
pub fn changes(topology: &Topology, old: &Plan, new: &Plan) -> Vec<String> {
    let mut phrases = Vec::new();
    for (ix, service) in topology.services() {
        let Some(new) = new.services.get(ix.get()) else { continue };
        let old = old.services.get(ix.get());
        for (position, (site, now)) in service.sites.iter().zip(&new.sites).enumerate() {
            let before = old.and_then(|old| old.sites.get(position));
            if let Some(change) = change(before, now) {
                phrases.push(format!("{}: {} {change}", service.name, topology.site_name(*site)));
            }
        }
    }
    phrases
}

fn change(before: Option<&SitePlan>, now: &SitePlan) -> Option<String> {
    let reason = if now.reason.is_empty() { String::new() } else { format!(" ({})", now.reason) };
    match before {
        Some(before) if before.standing != now.standing => {
            Some(format!("{} -> {}{reason}", before.standing.as_str(), now.standing.as_str()))
        }
        Some(before) if before.drained != now.drained && now.drained != Share::ALL && before.drained != Share::ALL => {
            Some(format!("drained {} -> {}{reason}", before.drained, now.drained))
        }
        Some(_) => None,
        None => Some(format!("{}{reason}", now.standing.as_str())),
    }
}
