//! Reports: what a node thinks of every endpoint, as it tells the others, and as the council counts it.
//!
//! Positions are each node's own; on their way from node to node verdicts are letters that follow a list of endpoints.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::model::{EndpointKey, EndpointList, NodeReport, SiteIx, State, Topology, letter, state};

/// What one node thinks of every endpoint, by the positions of the topology of whoever counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// (start of the node, number since): an older ballot never replaces a newer one, however late it arrives.
    pub sequence: (u64, u64),
    /// The site the node stands in; its votes on that site are local.
    pub standing_in: Option<SiteIx>,
    /// What the node would fail with, or be misled with: of all nodes that name the same, one vote counts.
    pub failure_domain: Option<String>,
    /// Its verdict on each endpoint.
    pub verdicts: Vec<State>,
    /// What it holds for agreed: where votes are even, nodes that came from different sides meet here.
    pub agreed: Vec<State>,
    /// Endpoints against which it is gathering evidence, in ascending order: the others look at them at once.
    pub suspects: Vec<u32>,
}

/// The ballot that a report casts on the endpoints of `topology`, where its letters follow `their_list`.
///
/// Endpoints that the other node does not have, or says nothing intelligible of, are unknown to it: no vote. A report that
/// follows another list than `their_list` votes on nothing, for its letters would be taken for verdicts on something else.
/// Whatever the report holds, the ballot is no larger than the topology.
#[must_use]
pub fn ballot_of(report: &NodeReport, their_list: &EndpointList, topology: &Topology) -> Ballot {
    let theirs = their_positions(report, their_list);
    let positions: Vec<Option<usize>> = topology
        .endpoints()
        .map(|(_, endpoint)| {
            let service = topology.service(endpoint.service)?;
            theirs.get(&(service.name.as_str(), endpoint.address)).copied()
        })
        .collect();
    let translated = |letters: &str| -> Vec<State> {
        let said: Vec<State> = letters.chars().take(their_list.endpoints.len()).map(state).collect();
        let at = |position: &Option<usize>| position.and_then(|position| said.get(position).copied());
        positions.iter().map(|position| at(position).unwrap_or(State::Unknown)).collect()
    };
    let suspected: HashSet<usize> = report.suspects.iter().filter_map(|ix| usize::try_from(*ix).ok()).collect();
    let is_suspect = |theirs: &Option<usize>| theirs.is_some_and(|position| suspected.contains(&position));
    let suspects = (0_u32..).zip(&positions).filter(|(_, theirs)| is_suspect(theirs));
    Ballot {
        sequence: report.sequence,
        standing_in: report.site.as_deref().and_then(|site| topology.site_named(site)),
        failure_domain: report.failure_domain.clone(),
        verdicts: translated(&report.verdicts),
        agreed: translated(&report.agreed),
        suspects: suspects.map(|(ours, _)| ours).collect(),
    }
}

/// Where each endpoint stands in the list that the letters of `report` follow.
fn their_positions<'a>(report: &NodeReport, list: &'a EndpointList) -> HashMap<(&'a str, IpAddr), usize> {
    if report.endpoints != list.fingerprint() {
        return HashMap::new();
    }
    let named = |(position, key): (usize, &'a EndpointKey)| ((key.service.as_str(), key.address), position);
    // Of one that is listed twice, the first.
    list.endpoints.iter().enumerate().rev().map(named).collect()
}

/// The letters that stand for `states` in a report.
#[must_use]
pub fn letters(states: &[State]) -> String {
    states.iter().copied().map(letter).collect()
}

/// What a node tells the others of what it holds for `agreed`: only that on which it has a vote. What was agreed before it
/// started must not come back as the word of somebody who has seen nothing yet.
#[must_use]
pub fn witnessed(agreed: &[State], votes: &[State]) -> Vec<State> {
    let each = agreed.iter().zip(votes);
    each.map(|(agreed, vote)| if *vote == State::Unknown { State::Unknown } else { *agreed }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{EndpointIx, ServiceIx};
    use crate::plan::fixture::Fixture;
    use State::{Deferring, Down, Unknown, Up};

    /// `mx` with two addresses at each of two sites, `imap` with one at the first.
    fn topology() -> Topology {
        let mut world = Fixture::new(&[2, 2]);
        world.add_service("imap", &[1]);
        world.topology
    }

    fn report(list: &EndpointList, verdicts: &str) -> NodeReport {
        NodeReport {
            node: "b".to_owned(),
            version: String::new(),
            started: None,
            site: Some("s1".to_owned()),
            failure_domain: Some("uplink".to_owned()),
            sequence: (3, 7),
            endpoints: list.fingerprint(),
            verdicts: verdicts.to_owned(),
            agreed: "uuuuu".to_owned(),
            suspects: vec![1],
            orders: Default::default(),
            generation: Default::default(),
            plan: String::new(),
            connection: Default::default(),
            local_orders: Vec::new(),
            failing_targets: Vec::new(),
        }
    }

    #[test]
    fn what_a_node_says_arrives() {
        let topology = topology();
        let list = EndpointList::of(&topology);
        let verdicts = [Up, Deferring, Down, Unknown, Up];
        let ballot = ballot_of(&report(&list, &letters(&verdicts)), &list, &topology);
        let expected = Ballot {
            sequence: (3, 7),
            standing_in: Some(SiteIx(1)),
            failure_domain: Some("uplink".to_owned()),
            verdicts: verdicts.to_vec(),
            agreed: vec![Up; 5],
            suspects: vec![1],
        };
        assert_eq!(ballot, expected);
    }

    #[test]
    fn letters_follow_the_list_of_whoever_wrote_them() {
        let topology = topology();
        let mut list = EndpointList::of(&topology);
        // The other node has its services in another order, lacks an endpoint, and has one that is not ours.
        list.endpoints.reverse();
        list.endpoints.remove(1);
        list.endpoints.push(EndpointKey { service: "pop".to_owned(), address: [192, 0, 2, 1].into() });
        // imap, mx at s1, mx and mx at s0, pop.
        let ballot = ballot_of(&report(&list, "fdu-d"), &list, &topology);
        assert_eq!(ballot.verdicts, [Unknown, Up, Down, Unknown, Deferring]);
        assert_eq!(ballot.suspects, [2]);
        assert_eq!(topology.endpoint(EndpointIx(2)).unwrap().service, ServiceIx(0));
    }

    #[test]
    fn letters_that_follow_another_list_are_no_votes() {
        let topology = topology();
        let list = EndpointList::of(&topology);
        let mut shorter = list.clone();
        shorter.endpoints.remove(0);
        let ballot = ballot_of(&report(&shorter, "dddd"), &list, &topology);
        assert_eq!((ballot.verdicts, ballot.suspects), (vec![Unknown; 5], Vec::new()));
    }

    #[test]
    fn what_is_missing_or_unintelligible_is_not_said() {
        let topology = topology();
        let list = EndpointList::of(&topology);
        let silent = NodeReport {
            site: Some("elsewhere".to_owned()),
            agreed: String::new(),
            suspects: vec![4, u32::MAX],
            ..report(&list, "dé?")
        };
        let ballot = ballot_of(&silent, &list, &topology);
        assert_eq!(ballot.verdicts, [Down, Unknown, Unknown, Unknown, Unknown]);
        assert_eq!((ballot.standing_in, ballot.agreed, ballot.suspects), (None, vec![Unknown; 5], vec![4]));
    }

    #[test]
    fn what_was_agreed_is_told_by_those_who_see_it() {
        assert_eq!(witnessed(&[Down, Down, Up], &[Unknown, Up, Down]), [Unknown, Down, Up]);
    }

    fn any_key() -> impl Strategy<Value = EndpointKey> {
        let known = (0_u8..3, 0_u8..3).prop_map(|(site, host)| ("mx".to_owned(), [192, 0, site, host].into()));
        let any = (".{0,8}", any::<IpAddr>());
        prop_oneof![known, any].prop_map(|(service, address)| EndpointKey { service, address })
    }

    proptest! {
        #[test]
        fn nothing_that_arrives_makes_a_ballot_that_does_not_fit(
            keys in prop::collection::vec(any_key(), 0..12),
            (verdicts, agreed) in (".{0,40}", ".{0,40}"),
            suspects in prop::collection::vec(any::<u32>(), 0..20),
            site in prop::option::of("s[0-3]|.{0,8}"),
            follows: bool,
        ) {
            let (topology, list) = (topology(), EndpointList { endpoints: keys });
            let damaged = NodeReport { agreed, suspects, site, ..report(&list, &verdicts) };
            let damaged =
                if follows { damaged } else { NodeReport { endpoints: verdicts.clone(), ..damaged } };
            let ballot = ballot_of(&damaged, &list, &topology);
            prop_assert_eq!((ballot.verdicts.len(), ballot.agreed.len()), (5, 5));
            prop_assert!(ballot.suspects.iter().all(|suspect| *suspect < 5) && ballot.suspects.is_sorted());
            let votes = ballot.verdicts.iter().filter(|state| **state != Unknown).count();
            let intelligible = verdicts.chars().filter(|letter| "ufd".contains(*letter)).count();
            prop_assert!(votes <= intelligible && (follows || votes == 0));
        }

        #[test]
        fn a_report_is_read_as_it_was_meant(
            order in Just((0_usize..5).collect::<Vec<_>>()).prop_shuffle(),
            verdicts in prop::collection::vec(0_usize..4, 5),
        ) {
            let topology = topology();
            let ours = EndpointList::of(&topology);
            let list = EndpointList { endpoints: order.iter().map(|ix| ours.endpoints[*ix].clone()).collect() };
            let verdicts: Vec<State> = verdicts.into_iter().map(|ix| [Up, Deferring, Down, Unknown][ix]).collect();
            let theirs: Vec<State> = order.iter().map(|ix| verdicts[*ix]).collect();
            prop_assert_eq!(ballot_of(&report(&list, &letters(&theirs)), &list, &topology).verdicts, verdicts);
        }
    }
}
