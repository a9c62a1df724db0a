//! What the council agrees on, and when it rather waits (DESIGN section 6).

use proptest::prelude::*;

use super::*;
use crate::health::bounds::MASS_CONFIRM;
use crate::model::{Endpoint, ServiceIx};
use State::{Down, Up};

const HERE: Option<SiteIx> = Some(SiteIx(0));

fn at(seconds: u64) -> Mono {
    Mono(Duration::from_secs(seconds))
}

/// One service with `each` endpoints at each of `count` sites.
fn topology(count: u8, each: u8) -> Topology {
    let endpoint = |site: u8, host: u8| Endpoint {
        service: ServiceIx(0),
        site: SiteIx(site),
        address: [192, 0, site, host].into(),
        host: "mx.example.".parse().unwrap(),
    };
    let endpoints = (0..count).flat_map(|site| (0..each).map(move |host| endpoint(site, host)));
    Topology { endpoints: endpoints.collect(), ..Topology::default() }
}

/// The node that counts: `a`, which stands in the first site.
fn this() -> Voter {
    Voter { name: "a".to_owned(), standing_in: HERE, failure_domain: None }
}

/// One endpoint at each of `count` sites, all agreed to be up.
fn council(count: u8) -> Council {
    Council::new(&topology(count, 1), this(), vec![Up; usize::from(count)])
}

fn ballot(number: u64, standing_in: u8, verdicts: &[State]) -> Ballot {
    let verdicts = verdicts.to_vec();
    Ballot {
        sequence: (1, number),
        standing_in: Some(SiteIx(standing_in)),
        failure_domain: None,
        agreed: vec![Up; verdicts.len()],
        verdicts,
        suspects: Vec::new(),
    }
}

#[test]
fn a_single_node_decides() {
    let mut council = council(3);
    assert!(council.agree(&[Up, Down, Up], Contact::Kept, at(1)));
    assert_eq!(council.agreed(), [Up, Down, Up]);
    assert!(!council.agree(&[Up, Down, Up], Contact::Kept, at(2)));
}

#[test]
fn a_node_is_outvoted_by_two() {
    let mut council = council(3);
    council.hear("b", ballot(1, 1, &[Up, Up, Up]), at(1));
    council.hear("c", ballot(1, 2, &[Up, Up, Up]), at(1));
    assert!(!council.agree(&[Up, Down, Down], Contact::Kept, at(1)));
    assert_eq!(council.agreed(), [Up, Up, Up]);
}

#[test]
fn an_older_ballot_never_replaces_a_newer_one() {
    let mut council = council(2);
    council.hear("b", ballot(5, 1, &[Down, Up]), at(1));
    council.hear("b", ballot(4, 1, &[Up, Up]), at(2));
    let restarted = Ballot { sequence: (2, 0), ..ballot(0, 1, &[Up, Up]) };
    council.agree(&[Down, Up], Contact::Kept, at(2));
    assert_eq!(council.agreed(), [Down, Up]);
    council.hear("b", restarted, at(3));
    council.agree(&[Up, Up], Contact::Kept, at(3));
    assert_eq!(council.agreed(), [Up, Up]);
}

#[test]
fn what_another_suspects_is_looked_at_once() {
    let mut council = council(3);
    let suspicious = Ballot { suspects: vec![2], ..ballot(1, 1, &[Up, Up, Up]) };
    assert_eq!(council.hear("b", suspicious.clone(), at(1)), [2]);
    assert!(council.hear("b", Ballot { sequence: (1, 2), ..suspicious }, at(2)).is_empty());
}

#[test]
fn a_node_that_is_cut_off_keeps_what_was_agreed() {
    let mut council = council(4);
    council.hear("b", ballot(1, 1, &[Up; 4]), at(1));
    council.hear("c", ballot(1, 2, &[Up; 4]), at(1));
    let cut = [Up, Down, Down, Down];
    // That the store is lost is not known yet, and the votes of the others count.
    council.agree(&cut, Contact::Kept, at(5));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::None));
    assert!(council.agree(&cut, Contact::Lost, at(8)));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::CutOff));
    assert!(!council.agree(&cut, Contact::Lost, at(60)));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::CutOff));
    // The store is there before the others are heard, and its own endpoints are still held down by damping.
    council.agree(&cut, Contact::Kept, at(70));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::CutOff));
    council.hear("b", ballot(2, 1, &[Up; 4]), at(71));
    council.hear("c", ballot(2, 2, &[Up; 4]), at(71));
    council.agree(&cut, Contact::Kept, at(71));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::None));
}

#[test]
fn sites_that_come_back_one_after_another_are_not_withdrawn_meanwhile() {
    let cut_off = || {
        let mut council = council(3);
        council.hear("b", ballot(1, 1, &[Up; 3]), at(1));
        council.agree(&[Up, Down, Down], Contact::Lost, at(60));
        assert_eq!(council.seclusion(), Seclusion::CutOff);
        council
    };
    // The store is back, the other node has not spoken, and of the two sites one is seen again.
    let mut council = cut_off();
    council.agree(&[Up, Up, Down], Contact::Kept, at(70));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 3][..], Seclusion::CutOff));
    // Nor has it when it was started a moment ago and has seen nothing.
    council.hear("b", ballot(2, 1, &[State::Unknown; 3]), at(71));
    council.agree(&[Up, Up, Down], Contact::Kept, at(71));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 3][..], Seclusion::CutOff));
    council.hear("b", ballot(3, 1, &[Up; 3]), at(72));
    council.agree(&[Up, Up, Down], Contact::Kept, at(72));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 3][..], Seclusion::None));
    // The store is still lost: for a moment longer; then what is seen is so.
    let mut council = cut_off();
    council.agree(&[Up, Up, Down], Contact::Lost, at(70));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up; 3][..], Seclusion::CutOff));
    assert!(council.is_in_doubt());
    assert_eq!(council.looks_again_at(), Some(at(70).after(MASS_CONFIRM)));
    council.agree(&[Up, Up, Down], Contact::Lost, at(70).after(MASS_CONFIRM));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up, Up, Down][..], Seclusion::Alone));
}

#[test]
fn where_the_others_are_really_gone_its_own_verdicts_decide_in_the_end() {
    let mut council = council(3);
    council.hear("b", ballot(1, 1, &[Up; 3]), at(1));
    let dead = [Up, Down, Down];
    council.agree(&dead, Contact::Lost, at(60));
    assert_eq!(council.seclusion(), Seclusion::CutOff);
    for second in 61..90 {
        council.agree(&dead, Contact::Kept, at(second));
    }
    assert_eq!((council.agreed(), council.seclusion()), (&dead[..], Seclusion::None));
}

#[test]
fn alone_with_most_sites_at_work_its_own_verdicts_decide() {
    let mut council = council(4);
    council.hear("b", ballot(1, 1, &[Up; 4]), at(1));
    council.agree(&[Up, Down, Up, Up], Contact::Lost, at(60));
    assert_eq!((council.agreed(), council.seclusion()), (&[Up, Down, Up, Up][..], Seclusion::Alone));
}

#[test]
fn the_failure_of_most_sites_at_once_is_believed_after_a_moment() {
    let mut council = council(3);
    assert!(!council.agree(&[Up, Down, Down], Contact::Kept, at(10)));
    assert!(council.is_in_doubt());
    assert!(!council.agree(&[Down, Down, Down], Contact::Kept, at(14)), "more of it does not begin anew");
    assert!(council.agree(&[Down, Down, Down], Contact::Kept, at(10).after(MASS_CONFIRM)));
    assert_eq!(council.agreed(), [Down; 3]);
    // A glitch of this node alone leaves no trace.
    let mut council = self::council(3);
    council.agree(&[Up, Down, Down], Contact::Kept, at(10));
    assert!(!council.agree(&[Up, Up, Up], Contact::Kept, at(11)) && !council.is_in_doubt());
}

#[test]
fn a_second_site_that_fails_right_after_the_first_is_doubted() {
    let mut council = council(3);
    assert!(council.agree(&[Up, Down, Up], Contact::Kept, at(10)));
    assert!(!council.agree(&[Up, Down, Down], Contact::Kept, at(11)));
    assert!(council.is_in_doubt());
    assert!(council.agree(&[Up, Down, Down], Contact::Kept, at(11).after(MASS_CONFIRM)));
}

#[test]
fn doubt_of_one_service_leaves_the_others_and_recoveries_alone() {
    let mut world = topology(3, 1);
    world
        .endpoints
        .extend(topology(3, 1).endpoints.into_iter().map(|endpoint| Endpoint { service: ServiceIx(1), ..endpoint }));
    let mut council = Council::new(&world, Voter { standing_in: None, ..this() }, vec![Down, Up, Up, Up, Up, Up]);
    council.agree(&[Up, Down, Down, Up, Down, Up], Contact::Kept, at(10));
    assert_eq!(council.agreed(), [Up, Up, Up, Up, Down, Up]);
    assert!(council.is_in_doubt());
    // A mass failure of the other service is doubted for a time of its own.
    council.agree(&[Up, Down, Down, Down, Down, Down], Contact::Kept, at(14));
    council.agree(&[Up, Down, Down, Down, Down, Down], Contact::Kept, at(15));
    assert_eq!(council.agreed(), [Up, Down, Down, Up, Down, Up]);
    council.agree(&[Up, Down, Down, Down, Down, Down], Contact::Kept, at(19));
    assert_eq!(council.agreed(), [Up, Down, Down, Down, Down, Down]);
}

#[test]
fn a_ballot_that_is_read_again_is_no_sign_of_life() {
    let mut council = council(2);
    council.hear("b", ballot(1, 1, &[Up, Up]), at(1));
    council.hear("b", ballot(1, 1, &[Up, Up]), at(20));
    assert_eq!(council.hears("b", at(20)), None);
}

#[test]
fn one_site_of_three_is_believed_at_once() {
    let mut council = council(3);
    assert!(council.agree(&[Up, Down, Up], Contact::Kept, at(10)));
    assert!(council.agree(&[Up, Down, Down], Contact::Kept, at(20)), "the second, later, too");
}

#[test]
fn nodes_that_came_to_even_votes_from_different_sides_meet() {
    let mut council = Council::new(&topology(3, 1), this(), vec![Up, Up, Down]);
    council.hear("b", ballot(1, 1, &[Up; 3]), at(1));
    council.agree(&[Up, Up, Down], Contact::Kept, at(1));
    assert_eq!(council.agreed(), [Up; 3]);
}

/// A ballot of a node that stands in no site.
fn of_domain(domain: &str, verdicts: &[State]) -> Ballot {
    Ballot { standing_in: None, failure_domain: Some(domain.to_owned()), ..ballot(1, 0, verdicts) }
}

#[test]
fn nodes_of_one_failure_domain_have_one_vote_together_with_this_one() {
    let of = |domain: Option<&str>| Voter { standing_in: None, failure_domain: domain.map(str::to_owned), ..this() };
    let agreed_by = |this: Voter| {
        let mut council = Council::new(&topology(3, 1), this, vec![Up; 3]);
        council.hear("b", of_domain("x", &[Up, Down, Up]), at(1));
        council.hear("c", of_domain("y", &[Up, Down, Up]), at(1));
        council.hear("d", of_domain("y", &[Up, Down, Up]), at(1));
        council.agree(&[Up; 3], Contact::Kept, at(1));
        council.agreed().to_vec()
    };
    assert_eq!(agreed_by(of(None)), [Up, Down, Up], "two of three");
    assert_eq!(agreed_by(of(Some("x"))), [Up; 3], "this node speaks for x: one of two");
    let last = Voter { name: "z".to_owned(), ..of(Some("x")) };
    assert_eq!(agreed_by(last), [Up, Down, Up], "b speaks for x");
}

#[test]
fn where_the_one_that_speaks_for_its_domain_falls_silent_the_next_one_does() {
    let mut council = Council::new(&topology(3, 1), Voter { standing_in: None, ..this() }, vec![Up; 3]);
    council.hear("b", of_domain("x", &[Up; 3]), at(1));
    council.hear("c", of_domain("x", &[Up, Down, Up]), at(1));
    council.hear("d", of_domain("y", &[Up; 3]), at(1));
    let own = [Up, Down, Up];
    assert!(!council.agree(&own, Contact::Kept, at(1)));
    let later = Mono::START.after(BALLOT_FRESHNESS);
    council.hear("c", Ballot { sequence: (1, 2), ..of_domain("x", &own) }, later);
    council.hear("d", Ballot { sequence: (1, 2), ..of_domain("y", &[Up; 3]) }, later);
    assert!(council.agree(&own, Contact::Kept, later.after(Duration::from_secs(2))));
    assert_eq!(council.agreed(), own);
}

#[test]
fn what_a_node_said_itself_is_nobody_elses_ballot() {
    let mut council = council(3);
    council.expect("a");
    assert!(council.hear("a", Ballot { suspects: vec![1], ..ballot(9, 0, &[Up, Down, Up]) }, at(1)).is_empty());
    assert_eq!((council.others().count(), council.hears("a", at(1))), (0, None));
}

proptest! {
    /// Whoever heard the same agrees on the same, whichever of the nodes it is and in whatever order it heard.
    #[test]
    fn nodes_that_heard_the_same_agree(
        nodes in prop::collection::vec(
            (prop::option::of(0_u8..3), prop::option::of(0_usize..2), prop::collection::vec(any_state(), 3)), 1..6),
    ) {
        let names = ["a", "b", "c", "d", "e"];
        let voter = |ix: usize| Voter {
            name: names[ix].to_owned(),
            standing_in: nodes[ix].0.map(SiteIx),
            failure_domain: nodes[ix].1.map(|domain| format!("domain {domain}")),
        };
        let agreed: Vec<Vec<State>> = (0..nodes.len())
            .map(|here| {
                let mut council = Council::new(&topology(3, 1), voter(here), vec![Up; 3]);
                for other in (0..nodes.len()).map(|step| (here + step) % nodes.len()).filter(|other| *other != here) {
                    let Voter { name, standing_in, failure_domain } = voter(other);
                    council.hear(&name, Ballot { standing_in, failure_domain, ..ballot(1, 0, &nodes[other].2) }, at(1));
                }
                council.agree(&nodes[here].2, Contact::Kept, at(1));
                // What is doubted at first is believed now.
                council.agree(&nodes[here].2, Contact::Kept, at(1).after(MASS_CONFIRM));
                council.agreed().to_vec()
            })
            .collect();
        prop_assert!(agreed.iter().all(|other| *other == agreed[0]), "{agreed:?}");
    }
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![Just(Up), Just(State::Deferring), Just(Down), Just(State::Unknown)]
}
