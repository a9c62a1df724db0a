//! Consensus: what the votes of several nodes on one endpoint add up to (DESIGN section 6).

use std::time::Duration;

use crate::model::{Mono, SiteIx, State, Vote};

/// The agreed state of an endpoint at `endpoint_site`.
///
/// - Only votes received within `freshness` count, and `unknown` is no vote.
/// - Of the nodes of one failure domain that have a vote, one counts ([`speaks_for_its_domain`]).
/// - A majority of the votes from other sites decides; with a single voter, its vote decides; a tie changes nothing.
/// - Votes from the endpoint's own site can make things worse, never better: a site cut off from the world looks healthy
///   from inside. Only where nobody outside has a fresh vote do they decide alone.
/// - Without any fresh vote, the last agreed state stands.
#[must_use]
pub fn consensus(previous: State, votes: &[Vote<'_>], endpoint_site: SiteIx, now: Mono, freshness: Duration) -> State {
    let fresh = || votes.iter().filter(move |vote| is_fresh(vote, now, freshness) && vote.state != State::Unknown);
    let is_local = |vote: &&Vote<'_>| vote.standing_in == Some(endpoint_site);
    let remote = || fresh().filter(|vote| !is_local(vote));
    let local = || fresh().filter(is_local);
    let from_elsewhere = majority(previous, remote().filter(|vote| speaks_for_its_domain(vote, remote())));
    // A tie among the local votes takes nothing down: its "previous" is up.
    let from_here = |tie| majority(tie, local().filter(|vote| speaks_for_its_domain(vote, local())));
    match from_elsewhere {
        Some(remote) => worse(remote, from_here(State::Up).unwrap_or(State::Up)),
        None => from_here(previous).unwrap_or(previous),
    }
}

/// Whether `vote` is the one that counts of all those of `voters` that name its failure domain: the one in the middle, of
/// two in the middle the better one, so that whoever heard the same counts the same and no single member speaks for the
/// others. One that was cut off sees everything down for as long as damping lasts. Votes on their own site and on others
/// are told apart before: which of the two they are is what is counted.
fn speaks_for_its_domain<'a>(vote: &Vote<'_>, voters: impl Iterator<Item = &'a Vote<'a>>) -> bool {
    if vote.failure_domain.is_none() {
        return true;
    }
    let (mut before, mut all) = (0_usize, 0_usize);
    for other in voters.filter(|other| other.failure_domain == vote.failure_domain) {
        all += 1;
        before += usize::from((severity(other.state), other.node) < (severity(vote.state), vote.node));
    }
    before == all.saturating_sub(1) / 2
}

/// Whether `vote` still counts at `now`.
#[must_use]
pub fn is_fresh(vote: &Vote<'_>, now: Mono, freshness: Duration) -> bool {
    now.since(vote.received) <= freshness
}

/// The graver of two states.
fn worse(a: State, b: State) -> State {
    if severity(b) > severity(a) { b } else { a }
}

/// How grave a state is. Not judged yet is graver than up, because it must not pass for up where others know.
#[must_use]
pub const fn severity(state: State) -> u8 {
    match state {
        State::Up => 0,
        State::Unknown => 1,
        State::Deferring => 2,
        State::Down => 3,
    }
}

/// What a majority of `votes` says, `None` without votes. First "is it down?", then "is it in trouble?"; a tie leaves
/// either question as it was.
fn majority<'a>(previous: State, votes: impl Iterator<Item = &'a Vote<'a>>) -> Option<State> {
    let (mut all, mut down, mut troubled) = (0_usize, 0_usize, 0_usize);
    for vote in votes {
        all += 1;
        down += usize::from(vote.state == State::Down);
        troubled += usize::from(matches!(vote.state, State::Down | State::Deferring));
    }
    if all == 0 {
        return None;
    }
    Some(if 2 * down == all {
        previous
    } else if 2 * down > all {
        State::Down
    } else if 2 * troubled > all {
        State::Deferring
    } else if 2 * troubled == all && previous != State::Up {
        // It was down or deferring and half still see trouble: the careful half demotes it, and demoting withdraws nothing.
        State::Deferring
    } else {
        State::Up
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRESHNESS: Duration = Duration::from_secs(8);
    const SITE: SiteIx = SiteIx(0);
    const NOW: Mono = Mono(Duration::from_secs(100));

    /// Names in the order of the alphabet.
    const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    const DOMAINS: [&str; 3] = ["x", "y", "z"];

    fn vote(standing_in: Option<u8>, state: State, age: u64) -> Vote<'static> {
        let received = Mono(NOW.0 - Duration::from_secs(age));
        Vote { node: "a", standing_in: standing_in.map(SiteIx), failure_domain: None, state, received }
    }

    /// The vote of a node that does not stand in the endpoint's site.
    fn of(node: &'static str, failure_domain: &'static str, state: State) -> Vote<'static> {
        Vote { node, failure_domain: Some(failure_domain), ..vote(Some(1), state, 1) }
    }

    fn agreed(previous: State, votes: &[Vote<'_>]) -> State {
        consensus(previous, votes, SITE, NOW, FRESHNESS)
    }

    #[test]
    fn a_majority_from_elsewhere_takes_it_down_and_one_broken_vantage_does_not() {
        use State::{Down, Up};
        assert_eq!(agreed(Up, &[vote(Some(1), Down, 1), vote(Some(2), Down, 1), vote(None, Up, 1)]), Down);
        assert_eq!(agreed(Up, &[vote(Some(1), Down, 1), vote(Some(2), Up, 1), vote(None, Up, 1)]), Up);
    }

    #[test]
    fn a_single_voter_decides() {
        for state in [State::Up, State::Deferring, State::Down] {
            assert_eq!(agreed(State::Unknown, &[vote(Some(1), state, 1)]), state);
            // Also where it stands in the endpoint's own site: nobody else is there to ask.
            assert_eq!(agreed(State::Down, &[vote(Some(0), state, 1)]), state);
        }
    }

    #[test]
    fn a_tie_changes_nothing() {
        let votes = [vote(Some(1), State::Up, 1), vote(Some(2), State::Down, 1)];
        for previous in [State::Up, State::Deferring, State::Down, State::Unknown] {
            assert_eq!(agreed(previous, &votes), previous);
        }
    }

    #[test]
    fn a_local_vote_takes_down_but_does_not_hold_up() {
        use State::{Down, Up};
        let remote_up = [vote(Some(1), Up, 1), vote(Some(2), Up, 1)];
        let remote_down = [vote(Some(1), Down, 1)];
        assert_eq!(agreed(Up, &[&remote_up[..], &[vote(Some(0), Down, 1)]].concat()), Down);
        let locals = [vote(Some(0), Up, 1), vote(Some(0), Up, 2), vote(Some(0), Up, 3)];
        assert_eq!(agreed(Up, &[&remote_down[..], &locals].concat()), Down);
    }

    #[test]
    fn stale_votes_do_not_count_and_silence_keeps_the_last_state() {
        assert_eq!(agreed(State::Up, &[vote(Some(1), State::Down, 9)]), State::Up);
        assert_eq!(agreed(State::Down, &[]), State::Down);
        assert_eq!(agreed(State::Down, &[vote(Some(1), State::Unknown, 1)]), State::Down);
    }

    #[test]
    fn deferring_is_agreed_by_majority_too() {
        use State::{Deferring, Down, Up};
        assert_eq!(agreed(Up, &[vote(None, Deferring, 1), vote(None, Deferring, 1), vote(None, Up, 1)]), Deferring);
        assert_eq!(agreed(Up, &[vote(None, Down, 1), vote(None, Deferring, 1), vote(None, Up, 1)]), Deferring);
        assert_eq!(agreed(Up, &[vote(None, Deferring, 1), vote(None, Up, 1)]), Up);
    }

    #[test]
    fn of_one_failure_domain_one_vote_counts() {
        use State::{Down, Up};
        let elsewhere = [of("c", "y", Up), of("d", "z", Up)];
        let provider = [of("a", "x", Down), of("b", "x", Down), of("e", "x", Down)];
        assert_eq!(agreed(Up, &[&provider[..], &elsewhere].concat()), Up, "three of five, but of one provider");
        // Of those that disagree, the one in the middle, and the better one of two.
        let split = [of("a", "x", Down), of("b", "x", Up), of("c", "y", Down), of("d", "z", Up)];
        assert_eq!(agreed(Up, &split), Up, "one of x is not enough");
        assert_eq!(agreed(Up, &[&split[..], &[of("e", "x", Down)]].concat()), Down, "two of three are");
        // Whose vote is old, or who has none, has no say in it either.
        let silent = [vote(Some(1), Up, 9), vote(Some(1), State::Unknown, 1)];
        for silent in silent {
            let silent = Vote { failure_domain: Some("x"), ..silent };
            assert_eq!(agreed(Up, &[silent, of("b", "x", Down), of("c", "y", Down)]), Down);
        }
    }

    #[test]
    fn a_vote_on_its_own_site_takes_no_other_site_the_voice_of_its_domain() {
        use State::{Down, Up};
        let local = Vote { standing_in: Some(SITE), ..of("a", "x", Up) };
        assert_eq!(agreed(Up, &[local, of("b", "x", Down), of("c", "y", Down)]), Down);
        let local = Vote { standing_in: Some(SITE), ..of("b", "x", Down) };
        assert_eq!(agreed(Up, &[of("a", "x", Up), local]), Down, "and it still takes its own site down");
    }

    fn any_state() -> impl Strategy<Value = State> {
        prop_oneof![Just(State::Up), Just(State::Deferring), Just(State::Down), Just(State::Unknown)]
    }

    /// Votes of nodes with names of their own, in any order.
    fn any_votes() -> impl Strategy<Value = Vec<Vote<'static>>> {
        let each = (prop::option::of(0_u8..4), any_state(), 0_u64..12, prop::option::of(0_usize..DOMAINS.len()));
        let votes = prop::collection::vec(each, 0..NAMES.len()).prop_map(|votes| {
            let named = votes.into_iter().zip(NAMES);
            named
                .map(|((site, state, age, domain), node)| {
                    let failure_domain = domain.map(|domain| DOMAINS[domain]);
                    Vote { node, failure_domain, ..vote(site, state, age) }
                })
                .collect::<Vec<_>>()
        });
        votes.prop_shuffle()
    }

    proptest! {
        #[test]
        fn order_does_not_matter(
            previous in any_state(),
            (votes, turned) in any_votes().prop_flat_map(|votes| (Just(votes.clone()), Just(votes).prop_shuffle())),
        ) {
            prop_assert_eq!(agreed(previous, &votes), agreed(previous, &turned));
        }

        #[test]
        fn any_number_of_nodes_of_one_domain_weighs_as_one(
            previous in any_state(),
            votes in any_votes(),
            state in any_state(),
            more in 1_usize..5,
        ) {
            let others: Vec<_> = votes.into_iter().filter(|vote| vote.failure_domain != Some("x")).collect();
            let crowd = ["p", "q", "r", "s", "t"].map(|node| of(node, "x", state));
            let weighs = |count: usize| agreed(previous, &[&others[..], &crowd[..count]].concat());
            prop_assert_eq!(weighs(1 + more), weighs(1));
            // Nor does the vote of one that sees something else than the others of its domain.
            for odd in [State::Up, State::Deferring, State::Down] {
                let with_odd = [&others[..], &crowd[..2], &[of("z", "x", odd)]].concat();
                prop_assert!(state == State::Unknown || agreed(previous, &with_odd) == weighs(1));
            }
        }

        #[test]
        fn domains_of_a_single_node_and_no_domains_are_the_same(previous in any_state(), votes in any_votes()) {
            let without = votes.iter().map(|vote| Vote { failure_domain: None, ..*vote }).collect::<Vec<_>>();
            let alone = votes.iter().map(|vote| Vote { failure_domain: Some(vote.node), ..*vote }).collect::<Vec<_>>();
            prop_assert_eq!(agreed(previous, &without), agreed(previous, &alone));
        }

        #[test]
        fn down_needs_someone_who_says_so(previous in any_state(), votes in any_votes()) {
            let said = votes.iter().any(|vote| vote.state == State::Down && is_fresh(vote, NOW, FRESHNESS));
            prop_assert!(agreed(previous, &votes) != State::Down || said || previous == State::Down);
        }

        #[test]
        fn unanimity_is_the_outcome(previous in any_state(), state in any_state(), sites in prop::collection::vec(0_u8..4, 1..9)) {
            let votes: Vec<_> = sites.into_iter().map(|site| vote(Some(site), state, 1)).collect();
            let expected = if state == State::Unknown { previous } else { state };
            prop_assert_eq!(agreed(previous, &votes), expected);
        }

        #[test]
        fn a_local_vote_never_makes_it_better(previous in any_state(), votes in any_votes(), local in any_state()) {
            let remote_voices = votes.iter().any(|vote| {
                vote.standing_in != Some(SITE) && vote.state != State::Unknown && is_fresh(vote, NOW, FRESHNESS)
            });
            prop_assume!(remote_voices);
            let remote: Vec<_> = votes.iter().filter(|vote| vote.standing_in != Some(SITE)).cloned().collect();
            let mut with_local = remote.clone();
            with_local.push(vote(Some(0), local, 0));
            prop_assert!(severity(agreed(previous, &with_local)) >= severity(agreed(previous, &remote)));
        }
    }
}
