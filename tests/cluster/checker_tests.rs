//! The checker checked: a good history passes, and each rule catches a history that breaks it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use waypost::model::{Connection, Event, EventKind, Generation, OrdersVersion, State};

use crate::checker::check;
use crate::history::{Answer, Given, History, Look, Outcome, Seen, Settled, Span, Standing, Wish};

const SITES: [&str; 3] = ["fra", "iad", "nrt"];
/// How long the histories of this file last, in seconds.
const END: i64 = 100;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000 + second).unwrap()
}

fn span(from: i64, until: i64) -> Span {
    Span { from: at(from), until: at(until) }
}

fn node(site: &str) -> String {
    format!("{site}-ns1")
}

fn event(id: u64, second: i64, site: &str, kind: EventKind) -> Event {
    Event { id, time: at(second), node: node(site), kind }
}

fn started(site: &str) -> Event {
    let kind = EventKind::Started { version: String::new(), generation: generation(0) };
    event(1, 0, site, kind)
}

const fn generation(sequence: u64) -> Generation {
    Generation { epoch: 1, sequence }
}

const fn version(revision: u64) -> OrdersVersion {
    OrdersVersion { epoch: 1, revision }
}

fn look(from: i64, until: i64, opinions: &[(&str, State)]) -> Look {
    let mut all: BTreeMap<String, State> = SITES.iter().map(|site| ((*site).to_owned(), State::Up)).collect();
    all.extend(opinions.iter().map(|(site, state)| ((*site).to_owned(), *state)));
    Look {
        span: span(from, until),
        orders: version(1),
        generation: generation(1),
        connection: Connection::Connected,
        opinions: all,
    }
}

fn names(sites: &[&str]) -> Answer {
    let sites = || sites.iter().map(|site| (*site).to_owned()).collect();
    Answer::Names { mx: sites(), addresses: sites() }
}

fn settled(second: i64, revision: u64, drained: &[(&str, &str)]) -> Settled {
    let standing = Standing {
        version: version(revision),
        plan: "same".to_owned(),
        drained: drained.iter().map(|(site, reason)| ((*site).to_owned(), (*reason).to_owned())).collect(),
    };
    Settled { at: at(second), nodes: SITES.iter().map(|site| (node(site), standing.clone())).collect() }
}

fn given(second: i64, site: &str, wish: Wish, outcome: Outcome) -> Given {
    Given { span: span(second, second + 1), node: node("iad"), site: site.to_owned(), wish, outcome }
}

fn drain(reason: &str) -> Wish {
    Wish::Drain(reason.to_owned())
}

/// Nothing happens in it.
fn quiet() -> History {
    History {
        stands_in: SITES.iter().map(|site| (node(site), (*site).to_owned())).collect(),
        journals: SITES.iter().map(|site| (node(site), vec![started(site)])).collect(),
        looks: SITES.iter().map(|site| (node(site), vec![look(0, END, &[])])).collect(),
        answers: SITES
            .iter()
            .map(|site| (node(site), vec![Seen { span: span(0, END), answer: names(&SITES) }]))
            .collect(),
        settled: vec![settled(END, 1, &[])],
        ..History::default()
    }
}

/// As it is quiet, but nodes see `site` down from second 30 on, and `who` agrees on it at second 31.
fn taken_down(site: &str, seen_by: &[&str], who: &str) -> History {
    let mut history = quiet();
    for voter in seen_by {
        let looks = vec![look(0, 30, &[]), look(30, END, &[(site, State::Down)])];
        history.looks.insert(node(voter), looks);
    }
    let kind = EventKind::Verdict {
        service: "mx".to_owned(),
        site: site.to_owned(),
        address: [10, 0, 1, 10].into(),
        from: State::Up,
        to: State::Down,
        reason: "by the votes of the other nodes; this node sees up".to_owned(),
        transcript: None,
        first_failed: None,
    };
    history.journals.get_mut(&node(who)).unwrap().push(event(2, 31, who, kind));
    history
}

/// What is found, which must be one thing.
fn finding(history: &History) -> String {
    let found = check(history);
    assert!(!found.is_empty(), "a broken history passes");
    found.join("\n")
}

fn passes(history: &History) {
    assert_eq!(check(history), Vec::<String>::new());
}

#[test]
fn a_quiet_history_passes() {
    passes(&quiet());
}

#[test]
fn an_acknowledged_order_that_is_gone_is_caught() {
    let mut history = quiet();
    history.orders = vec![given(10, "fra", drain("a"), Outcome::Acknowledged)];
    assert!(finding(&history).contains("nothing stands for fra"));
    history.settled = vec![settled(END, 1, &[("fra", "a")])];
    passes(&history);
    // It stands on at the next healing, unless it is lifted.
    history.settled = vec![settled(50, 1, &[("fra", "a")]), settled(END, 2, &[])];
    assert!(finding(&history).contains("nothing stands for fra"));
    history.orders.push(given(60, "fra", Wish::Lift, Outcome::Acknowledged));
    passes(&history);
}

#[test]
fn an_order_that_comes_back_after_it_was_lifted_is_caught() {
    let mut history = quiet();
    history.orders =
        vec![given(10, "fra", drain("a"), Outcome::Acknowledged), given(20, "fra", Wish::Lift, Outcome::Acknowledged)];
    history.settled = vec![settled(END, 1, &[("fra", "a")])];
    assert!(finding(&history).contains("a stands for fra"));
}

#[test]
fn what_is_in_doubt_may_have_happened_and_what_was_refused_may_not() {
    let mut history = quiet();
    for (outcome, may_stand) in
        [(Outcome::Unknown, true), (Outcome::Local, true), (Outcome::Refused, false), (Outcome::Acknowledged, true)]
    {
        history.orders = vec![given(10, "fra", drain("a"), outcome)];
        history.settled = vec![settled(END, 1, &[("fra", "a")])];
        assert_eq!(check(&history).is_empty(), may_stand, "{outcome:?}");
    }
    // Of two wishes at the same time either may be the last.
    history.orders =
        vec![given(10, "fra", drain("a"), Outcome::Acknowledged), given(10, "fra", Wish::Lift, Outcome::Acknowledged)];
    passes(&history);
    history.settled = vec![settled(END, 1, &[])];
    passes(&history);
}

#[test]
fn a_node_that_goes_back_is_caught() {
    let mut history = quiet();
    let older = Look { orders: version(0), ..look(50, END, &[]) };
    history.looks.insert(node("fra"), vec![look(0, 50, &[]), older]);
    assert!(finding(&history).contains("went back from orders 1.1"));
    let mut history = quiet();
    let older = Look { generation: generation(0), ..look(50, END, &[]) };
    history.looks.insert(node("fra"), vec![look(0, 50, &[]), older]);
    assert!(finding(&history).contains("went back"));
    let mut history = quiet();
    let plan = |id, second, sequence| {
        event(
            id,
            second,
            "fra",
            EventKind::Plan { generation: generation(sequence), changes: Vec::new(), sites: Vec::new() },
        )
    };
    history.journals.insert(node("fra"), vec![started("fra"), plan(2, 10, 5), plan(3, 20, 4)]);
    assert!(finding(&history).contains("went back to plan 1.4"));
    history.journals.insert(node("fra"), vec![started("fra"), plan(3, 10, 5)]);
    assert!(finding(&history).contains("has journalled 3 instead of 2"));
}

#[test]
fn an_empty_answer_is_caught_and_so_is_silence_of_a_node_that_runs() {
    let mut history = quiet();
    let seen = |answer| vec![Seen { span: span(40, 60), answer }];
    history.answers.insert(node("nrt"), seen(Answer::Empty("SERVFAIL".to_owned())));
    assert!(finding(&history).contains("nrt-ns1 answers SERVFAIL"));
    history.answers.insert(node("nrt"), seen(Answer::Silence));
    assert!(finding(&history).contains("is silent"));
    history.absences.insert(node("nrt"), vec![span(39, 47), span(50, 58)]);
    passes(&history);
    history.absences.insert(node("nrt"), vec![span(39, 47), span(54, 58)]);
    assert!(finding(&history).contains("is silent for 7"));
}

#[test]
fn an_answer_that_names_only_the_dead_is_caught() {
    let mut history = quiet();
    history.deaths.insert("fra".to_owned(), vec![span(20, END + 1)]);
    passes(&history);
    let seen = |answer| vec![Seen { span: span(10, 80), answer }];
    history.answers.insert(node("iad"), seen(names(&["fra"])));
    assert!(finding(&history).contains("iad-ns1 names only"));
    // Where nothing lives there is nothing better to say.
    for site in ["iad", "nrt"] {
        history.deaths.insert(site.to_owned(), vec![span(20, END + 1)]);
    }
    passes(&history);
    // Nor is it known right after the death.
    history.deaths = BTreeMap::from([("fra".to_owned(), vec![span(70, END + 1)])]);
    passes(&history);
}

#[test]
fn who_is_cut_off_may_name_what_was_agreed_last() {
    let mut history = quiet();
    history.deaths.insert("fra".to_owned(), vec![span(20, END + 1)]);
    history.answers.insert(node("iad"), vec![Seen { span: span(10, 80), answer: names(&["fra"]) }]);
    let cut_off = Look { connection: Connection::CutOff, ..look(21, END, &[]) };
    history.looks.insert(node("iad"), vec![look(0, 20, &[]), cut_off]);
    passes(&history);
}

#[test]
fn a_withdrawal_on_one_word_of_two_is_caught() {
    assert!(finding(&taken_down("fra", &["iad"], "iad")).contains("only 1 can have said so"));
    assert!(finding(&taken_down("fra", &[], "iad")).contains("only 0 can have said so"));
    passes(&taken_down("fra", &["iad", "nrt"], "iad"));
    passes(&taken_down("fra", &["fra"], "iad"));
}

#[test]
fn what_nobody_saw_may_have_been_said() {
    let mut history = taken_down("fra", &[], "iad");
    history.looks.insert(node("fra"), vec![look(0, 28, &[]), look(33, END, &[])]);
    passes(&history);
    // Who is stopped says nothing.
    history.absences.insert(node("fra"), vec![span(28, 33)]);
    assert!(finding(&history).contains("only 0 can have said so"));
}

#[test]
fn what_a_node_acted_on_it_saw_however_short() {
    let saw_itself = |who| {
        let mut history = taken_down("fra", &[], who);
        let EventKind::Verdict { reason, .. } = &mut history.journals.get_mut(&node(who)).unwrap()[1].kind else {
            panic!("not what was journalled")
        };
        *reason = "connection refused".to_owned();
        history
    };
    passes(&saw_itself("fra"));
    assert!(finding(&saw_itself("iad")).contains("only 1 can have said so"));
}

#[test]
fn the_only_one_who_can_be_heard_decides() {
    let mut history = taken_down("fra", &["iad"], "iad");
    let lost = |connection| Look { connection, ..look(20, END, &[]) };
    history.looks.insert(node("nrt"), vec![look(0, 20, &[]), lost(Connection::StoreLost)]);
    passes(&history);
    let mut history = taken_down("fra", &["iad"], "iad");
    history.absences.insert(node("nrt"), vec![span(20, 25)]);
    passes(&history);
    // Long ago is no excuse.
    history.absences.insert(node("nrt"), vec![span(2, 5)]);
    assert!(finding(&history).contains("only 1 can have said so"));
}

#[test]
fn who_comes_back_waits_for_those_who_can_be_heard() {
    let mut history = taken_down("fra", &["iad"], "iad");
    let down = [("fra", State::Down)];
    let cut_off = Look { connection: Connection::CutOff, ..look(10, 31, &down) };
    history.looks.insert(node("iad"), vec![look(0, 10, &[]), cut_off, look(32, END, &down)]);
    assert!(finding(&history).contains("only 1 can have said so"));
    // The other is gone itself.
    let lost = Look { connection: Connection::StoreLost, ..look(12, END, &[]) };
    history.looks.insert(node("nrt"), vec![look(0, 12, &[]), lost]);
    passes(&history);
}

#[test]
fn nodes_that_do_not_agree_are_caught() {
    let mut history = quiet();
    history.settled[0].nodes.get_mut(&node("iad")).unwrap().plan = "other".to_owned();
    assert!(finding(&history).contains("do not agree"));
}
