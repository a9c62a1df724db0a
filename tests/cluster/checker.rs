//! The rules that hold for every history, whatever was broken. Pure: it asks nobody but the history.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use waypost::model::{Connection, EventKind, State};

use crate::history::{Answer, Given, History, Look, Outcome, Settled, Span, Wish};

/// A node that runs is silent no longer than this. Machines that test are slow now and then.
const SILENCE: SignedDuration = SignedDuration::from_secs(5);
/// A vote reaches a node that is connected within this, or has a successor that does: a node that was cut off says so
/// after 4 s at the earliest.
const DELIVERY: SignedDuration = SignedDuration::from_secs(6);
/// A vote counts this long after it was received, at a node that hears no more, and a moment.
const FRESHNESS: SignedDuration = SignedDuration::from_secs(14);
/// By then everyone who can know has taken a dead site out of the answers: a node that was cut off waits for the others
/// first, and then doubts for a while.
const NOTICED: SignedDuration = SignedDuration::from_secs(25);

/// What is wrong with a history, a sentence each; nothing if all rules hold.
pub fn check(history: &History) -> Vec<String> {
    let rules: [fn(&History) -> Vec<String>; 6] =
        [orders_are_kept, nothing_goes_back, nodes_answer, answers_are_safe, withdrawals_are_founded, nodes_agree];
    rules.iter().flat_map(|rule| rule(history)).collect()
}

/// No acknowledged order is lost until it is lifted: once all is well, what stands for a site is what the last
/// acknowledged wish about it left behind, or one of those of which nobody knows.
pub fn orders_are_kept(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    let mut before: Option<&Settled> = None;
    for settled in &history.settled {
        let from = before.map_or(Timestamp::MIN, |settled| settled.at);
        let lately = |given: &&Given| given.span.from > from && given.span.from <= settled.at;
        for site in history.stands_in.values() {
            let wishes: Vec<&Given> =
                history.orders.iter().filter(lately).filter(|given| given.site == *site).collect();
            let stood = before.and_then(|settled| drained(settled, site));
            let possible = outcomes(stood, &wishes);
            for (node, standing) in &settled.nodes {
                let stands = standing.drained.get(site).map(String::as_str);
                if !possible.contains(&stands) {
                    let asked: Vec<String> = wishes.iter().map(ToString::to_string).collect();
                    broken.push(format!(
                        "{}: at {node} {} stands for {site}, where only {possible:?} can: {}",
                        settled.at,
                        stands.unwrap_or("nothing"),
                        asked.join("; ")
                    ));
                }
            }
        }
        before = Some(settled);
    }
    broken
}

/// What stood for a site when all was well.
fn drained<'h>(settled: &'h Settled, site: &str) -> Option<&'h str> {
    settled.nodes.values().find_map(|standing| standing.drained.get(site)).map(String::as_str)
}

/// What may stand after some wishes about one site: what any acknowledged one left behind that no other came after, and
/// what any that is in doubt may have.
fn outcomes<'h>(stood: Option<&'h str>, wishes: &[&'h Given]) -> BTreeSet<Option<&'h str>> {
    let left_behind = |given: &&'h Given| match &given.wish {
        Wish::Drain(reason) => Some(reason.as_str()),
        Wish::Lift => None,
    };
    let acknowledged: Vec<&&Given> = wishes.iter().filter(|given| given.outcome == Outcome::Acknowledged).collect();
    let is_last = |given: &&&&Given| !acknowledged.iter().any(|other| other.span.from > given.span.until);
    let mut possible: BTreeSet<_> = acknowledged.iter().filter(is_last).map(|given| left_behind(given)).collect();
    if acknowledged.is_empty() {
        possible.insert(stood);
    }
    let in_doubt = wishes.iter().filter(|given| matches!(given.outcome, Outcome::Unknown | Outcome::Local));
    possible.extend(in_doubt.map(left_behind));
    possible
}

/// At a node, orders and plans go forward only, across restarts too; a journal has no gaps.
pub fn nothing_goes_back(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for (node, looks) in &history.looks {
        for pair in looks.windows(2) {
            if pair[1].orders < pair[0].orders || pair[1].generation < pair[0].generation {
                broken.push(format!(
                    "{}: {node} went back from orders {} and plan {} to {} and {}",
                    pair[1].span.from, pair[0].orders, pair[0].generation, pair[1].orders, pair[1].generation
                ));
            }
        }
    }
    for (node, journal) in &history.journals {
        let mut newest = None;
        for (expected, event) in (1..).zip(journal) {
            if event.id != expected {
                broken.push(format!("{}: {node} has journalled {} instead of {expected}", event.time, event.id));
                break;
            }
            let (EventKind::Plan { generation, .. } | EventKind::Started { generation, .. }) = &event.kind else {
                continue;
            };
            if newest.is_some_and(|newest| newest > *generation) {
                broken.push(format!("{}: {node} went back to plan {generation}", event.time));
            }
            newest = Some(*generation);
        }
    }
    broken
}

/// A node that runs answers, and never with nothing.
pub fn nodes_answer(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for (node, answers) in &history.answers {
        let absences = history.absences.get(node).map_or(&[][..], Vec::as_slice);
        for seen in answers {
            match &seen.answer {
                Answer::Names { .. } => {}
                Answer::Empty(what) => broken.push(format!("{}: {node} answers {what}", seen.span.from)),
                Answer::Silence => {
                    if let Some(silence) = longest_presence(seen.span, absences)
                        && silence > SILENCE
                    {
                        broken.push(format!("{}: {node} runs and is silent for {silence:#}", seen.span.from));
                    }
                }
            }
        }
    }
    broken
}

/// The longest part of a time in which a node was not absent.
fn longest_presence(span: Span, absences: &[Span]) -> Option<SignedDuration> {
    let here = |from: &Timestamp| !absences.iter().any(|absence| absence.from <= *from && *from < absence.until);
    let beginnings = absences.iter().map(|absence| absence.until).filter(|until| span.touches(*until, *until));
    let present = beginnings.chain([span.from]).filter(here).map(|from| {
        let ends = absences.iter().map(|absence| absence.from).filter(|end| *end >= from);
        ends.chain([span.until]).min().unwrap_or(from).min(span.until).duration_since(from)
    });
    present.max()
}

/// No answer names only sites that are dead, and have been for long enough to be noticed, where another is alive. Who is
/// cut off from everybody answers what was agreed last: what it could notice would be its own trouble.
pub fn answers_are_safe(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for (node, answers) in &history.answers {
        for seen in answers {
            let Answer::Names { mx, addresses } = &seen.answer else { continue };
            // Whoever is dead at its beginning may not have been noticed then; at its end everyone was.
            let at = seen.span.until;
            let dead = |site: &String| {
                let deaths = history.deaths.get(site).map_or(&[][..], Vec::as_slice);
                deaths.iter().any(|death| {
                    let since = death.from.max(seen.span.from);
                    death.from <= at && at < death.until && at.duration_since(since) > NOTICED
                })
            };
            let looks = history.looks.get(node).map_or(&[][..], Vec::as_slice);
            let is_cut_off = |look: &Look| look.connection == Connection::CutOff;
            if looks.iter().any(|look| is_cut_off(look) && look.span.touches(seen.span.from, at)) {
                continue;
            }
            let another_lives = history.stands_in.values().any(|site| {
                let deaths = history.deaths.get(site).map_or(&[][..], Vec::as_slice);
                !deaths.iter().any(|death| death.touches(seen.span.from, at))
            });
            for named in [mx, addresses] {
                if another_lives && named.iter().all(dead) {
                    broken.push(format!("{at}: {node} names only {named:?}, which are dead, and not those that live"));
                }
            }
        }
    }
    broken
}

/// A node agrees that a site is down only where the site's own node says so, or both others do, or the only one that can
/// be heard. A node that comes back from being cut off waits for whoever can be heard.
pub fn withdrawals_are_founded(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for Withdrawal { node, site, at, .. } in withdrawals(history) {
        let (local, remote): (Vec<&String>, Vec<&String>) =
            history.stands_in.keys().partition(|voter| history.stands_in[*voter] == site);
        let may_say_down = |voter: &&&String| says_down(history, voter, node, site, at);
        let may_be_unheard = |voter: &&&String| {
            if comes_back(history, node, at) {
                voter.as_str() != node && !had_a_vote(history, voter, at)
            } else {
                !surely_counts(history, voter, node, at)
            }
        };
        let down = remote.iter().filter(may_say_down).count();
        let founded = local.iter().any(|voter| may_say_down(&voter))
            || 2 * down > remote.len()
            || (down > 0 && remote.iter().any(|voter| may_be_unheard(&voter)));
        if !founded {
            broken.push(format!("{at}: {node} takes {site} down, and of {remote:?} only {down} can have said so"));
        }
    }
    broken
}

/// A node took a site down.
pub struct Withdrawal<'h> {
    node: &'h str,
    site: &'h str,
    at: Timestamp,
    /// Whether it saw so itself, for its reason is not that others did.
    saw_itself: bool,
}

/// Whether all that others may have said of a withdrawal was looked at, so that it is judged by who surely spoke.
pub fn is_judged(history: &History, withdrawal: &Withdrawal<'_>) -> bool {
    let surely = |voter: &String| surely_counts(history, voter, withdrawal.node, withdrawal.at);
    history.stands_in.keys().all(surely)
}

/// When which node took which site down. What it takes over from the others at its start it has not withdrawn.
pub fn withdrawals(history: &History) -> impl Iterator<Item = Withdrawal<'_>> {
    let is_of_others = |reason: &str| reason.contains("; this node sees ") || reason.contains("; it sees ");
    let each = history.journals.iter().flat_map(|(node, journal)| journal.iter().map(move |event| (node, event)));
    each.filter_map(move |(node, event)| match &event.kind {
        EventKind::Verdict { site, from, to: State::Down, reason, .. } if *from != State::Unknown => {
            Some(Withdrawal { node, site, at: event.time, saw_itself: !is_of_others(reason) })
        }
        _ => None,
    })
}

/// Whether at this moment a node is no longer cut off because it has the others back.
fn comes_back(history: &History, node: &str, at: Timestamp) -> bool {
    let looks = history.looks.get(node).map_or(&[][..], Vec::as_slice);
    let before = looks.iter().rev().find(|look| look.span.from <= at);
    let after = looks.iter().find(|look| look.span.until > at && look.connection != Connection::CutOff);
    before.is_some_and(|look| look.connection == Connection::CutOff)
        && after.is_some_and(|look| look.connection == Connection::Connected)
}

/// Whether a node may have told the others what it sees: it was in touch with the store while what is said counts at `at`,
/// and was not started since, for at first it has seen nothing.
fn had_a_vote(history: &History, node: &str, at: Timestamp) -> bool {
    let from = at.saturating_sub(FRESHNESS).unwrap();
    let looks = history.looks.get(node).map_or(&[][..], Vec::as_slice);
    let spoke = looks.iter().any(|look| look.connection == Connection::Connected && look.span.touches(from, at));
    spoke && !was_absent(history, node, at)
}

/// Whether a node was stopped while what is said counts at `at`.
fn was_absent(history: &History, node: &str, at: Timestamp) -> bool {
    let from = at.saturating_sub(FRESHNESS).unwrap();
    history.absences.get(node).is_some_and(|spans| spans.iter().any(|absence| absence.touches(from, at)))
}

/// Whether `voter` may have said, as `node` heard it until `at`, that the mail server of `site` is down.
fn says_down(history: &History, voter: &str, node: &str, site: &str, at: Timestamp) -> bool {
    let window = if surely_counts(history, voter, node, at) { DELIVERY } else { FRESHNESS };
    let looks = history.looks.get(voter).map_or(&[][..], Vec::as_slice);
    // What was said between two looks is not known: the earlier may have ended, and the later begun, at any moment there.
    let mut pairs = looks.iter().zip(looks.iter().skip(1).map(|look| look.span.from).chain([Timestamp::MAX]));
    let begins = |position: usize| position.checked_sub(1).and_then(|at| looks.get(at)).map(|look| look.span.until);
    let mut position = 0;
    let from = at.saturating_sub(window).unwrap();
    if was_unwatched(history, voter, from, at) {
        return true;
    }
    // What a node saw for less than the time between two looks is in its journal if it acted on it.
    let mut acts = withdrawals(history).filter(|act| act.saw_itself && act.node == voter && act.site == site);
    if acts.any(|act| from <= act.at && act.at <= at) {
        return true;
    }
    pairs.any(|(look, ends)| {
        let begun = begins(position).unwrap_or(look.span.from);
        position += 1;
        let span = Span { from: begun, until: ends };
        look.opinions.get(site) == Some(&State::Down) && span.touches(from, at)
    })
}

/// Whether `node` ran for a part of the time from `from` to `at` in which nobody looked at it.
fn was_unwatched(history: &History, node: &str, from: Timestamp, at: Timestamp) -> bool {
    let looks = history.looks.get(node).map_or(&[][..], Vec::as_slice);
    let absences = history.absences.get(node).map_or(&[][..], Vec::as_slice);
    let gaps = looks.iter().zip(looks.iter().skip(1)).filter(|(look, next)| look.is_blind_until(next));
    let mut gaps = gaps.map(|(look, next)| Span { from: look.span.until, until: next.span.from });
    gaps.any(|gap| gap.touches(from, at) && !absences.iter().any(|absence| absence.touches(gap.from, gap.until)))
}

/// Whether both have been in touch with the store all the time until `at`, so that the vote of one counts at the other.
fn surely_counts(history: &History, voter: &str, node: &str, at: Timestamp) -> bool {
    let from = at.saturating_sub(FRESHNESS).unwrap();
    let connected = |name: &str| {
        let looks = history.looks.get(name).map_or(&[][..], Vec::as_slice);
        let lately: Vec<&Look> = looks.iter().filter(|look| look.span.touches(from, at)).collect();
        let covered = lately.first().is_some_and(|look| look.span.from <= from)
            && lately.last().is_some_and(|look| at.duration_since(look.span.until) < SignedDuration::from_secs(1));
        covered
            && lately.iter().all(|look| look.connection == Connection::Connected)
            && !was_unwatched(history, name, from, at)
    };
    [voter, node].iter().all(|name| connected(name) && !was_absent(history, name, at))
}

/// Once nothing is broken any more, all nodes follow the same orders with the same plan.
pub fn nodes_agree(history: &History) -> Vec<String> {
    let differs = |settled: &&Settled| {
        let mut nodes = settled.nodes.values();
        nodes.next().is_none_or(|first| nodes.any(|other| other != first))
    };
    let unlike = history.settled.iter().filter(differs);
    unlike.map(|settled| format!("{}: the nodes do not agree: {:?}", settled.at, settled.nodes)).collect()
}
