//! `drain`, `isolate`, `pin` and `undrain`.

use jiff::Timestamp;

use super::arguments::{Drain, Order, Undrain};
use super::client::Node;
use super::confirm::{Said, confirm};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::stepping::{self, leaves_nobody};
use super::wait;
use super::whatif::capacity;
use crate::admin::api::progress::let_go;
use crate::admin::api::words::{self, amount, plain};
use crate::admin::api::{
    Expiry, LiftOutcome, LiftRequest, MissingNode, OrderOutcome, OrderRequest, OrderStatus, Outcome, SiteForecast,
    Status, Steps,
};
use crate::model::{IntentKind, Reach, Scope};

pub(super) async fn drain(node: &Node, output: &Output, arguments: Drain) -> Result<Exit, Failure> {
    let Drain { order, share, stepping } = arguments;
    let (share, steps) = stepping.steps(share)?;
    let kind = IntentKind::Drain { share };
    if order.wait && !leaves_nobody(kind) {
        return Err(Failure::Usage(
            "a site that keeps a share of its clients is never drained: --wait needs --share 100%".into(),
        ));
    }
    give(node, output, kind, steps, order).await
}

pub(super) async fn isolate(node: &Node, output: &Output, order: Order) -> Result<Exit, Failure> {
    give(node, output, IntentKind::Isolate, None, order).await
}

pub(super) async fn pin(node: &Node, output: &Output, order: Order) -> Result<Exit, Failure> {
    if order.wait {
        return Err(Failure::Usage("a pinned site stays in the answers: there is nothing to wait for".into()));
    }
    give(node, output, IntentKind::Pin, None, order).await
}

async fn give(
    node: &Node,
    output: &Output,
    kind: IntentKind,
    steps: Option<Steps>,
    order: Order,
) -> Result<Exit, Failure> {
    let (wait, timeout) = (order.wait, order.timeout);
    let (yes, confirmed) = (order.yes, order.confirm.clone());
    let mut request = request(kind, steps, order);
    if !request.dry_run {
        sure(node, output, &request, &Said { yes, confirm: confirmed.as_deref() }).await?;
    }
    request.reason = request.reason.trim().to_owned();
    let outcome: OrderOutcome = node.post("/api/v1/orders", &request).await?;
    tell_missing(output, &outcome.missing);
    let undo = node.typed(&outcome.undo);
    output.show(&outcome, |_| told(&outcome, &undo))?;
    if wait {
        let patience = stepping::patience(&outcome, timeout, Timestamp::now());
        return wait::until_drained(node, output, &request.scope, patience, &undo).await;
    }
    Ok(Exit::Done)
}

/// What `request` would come to.
pub(super) async fn rehearsed(node: &Node, request: &OrderRequest) -> Result<OrderOutcome, Failure> {
    node.post("/api/v1/orders", &OrderRequest { dry_run: true, ..request.clone() }).await
}

/// Says on stderr what an order would do.
pub(super) fn preview(output: &Output, rehearsal: &OrderOutcome) {
    let told = replaced(rehearsal).into_iter().chain(stepping::told(rehearsal, Timestamp::now()));
    for line in changes(&rehearsal.changes).into_iter().chain(loads(&rehearsal.loads)).chain(told) {
        output.progress(&line);
    }
}

/// Why an order must not be given by mistake, and what says that it is none, a line each.
pub(super) fn careful(site: &str, severe: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = severe.iter().map(|reason| format!("  careful: {}", plain(reason))).collect();
    if !severe.is_empty() {
        lines.push(format!("  needs --confirm={}; --yes is not enough", plain(site)));
    }
    lines
}

/// Returns where the order is meant, or changes nothing.
async fn sure(node: &Node, output: &Output, request: &OrderRequest, said: &Said<'_>) -> Result<(), Failure> {
    let site = &request.scope.site;
    if said.names(site)? {
        return Ok(());
    }
    let rehearsal = rehearsed(node, request).await?;
    let severe = &rehearsal.severe;
    if rehearsal.outcome == Outcome::Unchanged || (said.yes && severe.is_empty()) {
        return Ok(());
    }
    preview(output, &rehearsal);
    confirm(output, site, severe, &sentence(&words::order(&rehearsal.intent))).await
}

/// The order that was typed.
fn request(kind: IntentKind, steps: Option<Steps>, order: Order) -> OrderRequest {
    let Order { site, service, reason, beginning, duration, until, until_cleared, dry_run, force, local, .. } = order;
    let begin = beginning.begin();
    let expiry = match (duration, until, until_cleared) {
        (Some(duration), _, _) => Some(Expiry::ForSeconds(duration.as_secs())),
        (_, Some(end), _) => Some(Expiry::Until(end)),
        (_, _, true) => Some(Expiry::UntilCleared),
        (None, None, false) => None,
    };
    OrderRequest {
        scope: Scope { site, service },
        kind,
        reason,
        expiry,
        begin,
        steps,
        dry_run,
        force,
        reach: if local { Reach::ThisNode } else { Reach::Everywhere },
    }
}

/// What is said of an order that `undo` undoes, a line each.
fn told(outcome: &OrderOutcome, undo: &str) -> Vec<String> {
    let intent = &outcome.intent;
    let what = words::order(intent);
    let now = Timestamp::now();
    // A new order is seen from when it was given: "in 1 h", not "in 59 min 59 s".
    let seen_from = if outcome.outcome == Outcome::Accepted { intent.since } else { now };
    let end = words::lifetime(intent.lifetime, seen_from);
    let mut lines = match outcome.outcome {
        Outcome::Accepted if intent.is_waiting() => vec![format!("{}: scheduled, stands {end}", plain(&what))],
        Outcome::Accepted => vec![format!("{}: ordered, stands {end}", plain(&what))],
        Outcome::Unchanged => {
            vec![format!(
                "{}: unchanged, stands {end} by {} ({})",
                plain(&what),
                plain(&intent.by),
                plain(&intent.reason)
            )]
        }
        Outcome::DryRun => vec![format!("{}: would be accepted and stand {end}; nothing was changed", plain(&what))],
    };
    if outcome.outcome == Outcome::Accepted && intent.is_waiting() {
        lines.push("  changes nothing in the answers before it begins".to_owned());
    } else if outcome.outcome != Outcome::Unchanged {
        lines.extend(changes(&outcome.changes));
        lines.extend(loads(&outcome.loads));
    }
    lines.extend(replaced(outcome));
    lines.extend(stepping::told(outcome, seen_from));
    if intent.reach == Reach::ThisNode {
        lines.push("  only this node follows it; all are offered it when the store that they share is back".to_owned());
    }
    if outcome.outcome == Outcome::DryRun {
        lines.extend(careful(&intent.scope.site, &outcome.severe));
        return lines;
    }
    lines.push(acknowledged(&outcome.acknowledged_by, &outcome.generation.to_string()));
    if let Some(by) = outcome.drained_by {
        lines.push(plain(&let_go(&intent.scope.site, by, now)));
    }
    lines.push(format!("undo: {}", plain(undo)));
    lines
}

pub(super) async fn undrain(node: &Node, output: &Output, arguments: Undrain) -> Result<Exit, Failure> {
    let Undrain { site, service, reason } = arguments;
    let scope = Scope { site, service };
    let request = LiftRequest { scope: scope.clone(), reason };
    let outcome: LiftOutcome = node.post("/api/v1/orders/lift", &request).await?;
    tell_missing(output, &outcome.missing);
    let undo = outcome.undo.as_ref().map(|undo| node.typed(undo));
    output.show(&outcome, |_| told_lifted(&scope, &outcome, undo.as_deref()))?;
    if outcome.outcome == Outcome::Unchanged {
        let status: Status = node.get("/api/v1/status", &[]).await?;
        for order in status.orders.iter().filter(|order| order.intent.scope.site == scope.site) {
            let lift = node.typed(&lift(order));
            output.progress(&plain(&format!("there is: {}; to lift it: {lift}", words::order(&order.intent))));
        }
    }
    Ok(Exit::Done)
}

/// The command that lifts an order.
fn lift(order: &OrderStatus) -> String {
    let Scope { site, service } = &order.intent.scope;
    let service = service.as_ref().map_or_else(String::new, |service| format!(" --service {service}"));
    format!("waypost undrain {site}{service}")
}

fn told_lifted(scope: &Scope, outcome: &LiftOutcome, undo: Option<&str>) -> Vec<String> {
    let Some(intent) = outcome.intent.as_ref().filter(|_| outcome.outcome != Outcome::Unchanged) else {
        return vec![format!("{}: unchanged, no order stands", plain(&scope.to_string()))];
    };
    let mut lines = vec![format!("{}: lifted", plain(&words::order(intent)))];
    lines.extend(changes(&outcome.changes));
    lines.push(acknowledged(&outcome.acknowledged_by, &outcome.generation.to_string()));
    lines.extend(undo.map(|undo| format!("undo: {}", plain(undo))));
    lines
}

fn changes(changes: &[String]) -> Vec<String> {
    if changes.is_empty() {
        return vec!["  changes nothing in the answers".to_owned()];
    }
    changes.iter().map(|change| format!("  {}", plain(change))).collect()
}

/// The order that this one takes the place of.
fn replaced(outcome: &OrderOutcome) -> Option<String> {
    let old = outcome.replaces.as_ref()?;
    Some(format!("  {}", plain(&words::replaces(old, &outcome.intent))))
}

/// What the sites would carry, those that it changes.
fn loads(loads: &[SiteForecast]) -> Vec<String> {
    let changed = loads.iter().filter(|site| amount(site.load) != amount(site.predicted));
    let line = |site: &SiteForecast| {
        let headroom = site.headroom_percent.map_or_else(String::new, |percent| format!(", {percent:.0} % free"));
        let carries = format!("{} -> {} of {}", amount(site.load), amount(site.predicted), capacity(site.capacity));
        plain(&format!("  load at peak: {} {carries}{headroom}", site.site))
    };
    changed.map(line).collect()
}

fn acknowledged(nodes: &[String], generation: &str) -> String {
    let nodes = if nodes.is_empty() { "none yet".to_owned() } else { nodes.join(", ") };
    format!("acknowledged by: {} (generation {generation})", plain(&nodes))
}

/// Says on stderr which nodes do not follow yet: the order stands, and whoever powers something off must know.
fn tell_missing(output: &Output, missing: &[MissingNode]) {
    if let Some(line) = told_missing(missing) {
        output.progress(&line);
    }
}

fn told_missing(missing: &[MissingNode]) -> Option<String> {
    let nodes: Vec<String> = missing.iter().map(|node| format!("{} ({})", node.name, node.why)).collect();
    (!nodes.is_empty()).then(|| plain(&format!("missing: {}", nodes.join(", "))))
}

/// `words` with a capital.
fn sentence(words: &str) -> String {
    let words = plain(words);
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Generation, Intent, Lifetime};

    fn outcome(outcome: Outcome) -> OrderOutcome {
        OrderOutcome {
            schema: OrderOutcome::SCHEMA.into(),
            outcome,
            intent: Intent {
                scope: Scope { site: "fra".into(), service: Some("mx".into()) },
                kind: IntentKind::Drain { share: "25%".parse().unwrap() },
                by: "alice".into(),
                reason: "kernel\u{1b}[31m".into(),
                since: Timestamp::UNIX_EPOCH,
                lifetime: Lifetime::UntilCleared,
                revision: 3,
                forced: false,
                reach: Reach::Everywhere,
                schedule: None,
                drill: None,
            },
            changes: vec!["mx: fra serving -> drained".into()],
            loads: vec![],
            generation: Generation { epoch: 1, sequence: 7 },
            acknowledged_by: vec!["ns1".into()],
            missing: Vec::new(),
            drained_by: Some(Timestamp::UNIX_EPOCH),
            timetable: Vec::new(),
            expected_drained_by: None,
            severe: Vec::new(),
            replaces: None,
            undo: "waypost undrain fra --service mx".into(),
        }
    }

    fn told(outcome: &OrderOutcome) -> Vec<String> {
        super::told(outcome, &outcome.undo)
    }

    #[test]
    fn an_order_tells_its_undo_and_who_follows_it() {
        let lines = told(&outcome(Outcome::Accepted));
        assert_eq!(lines[0], "drain fra/mx 25%: ordered, stands until lifted");
        assert_eq!(lines[1], "  mx: fra serving -> drained");
        assert_eq!(lines[2], "acknowledged by: ns1 (generation 1.7)");
        assert_eq!(lines[3], "no cache names fra any more");
        assert_eq!(lines[4], "undo: waypost undrain fra --service mx");
    }

    #[test]
    fn an_order_tells_who_follows_it_and_who_does_not_yet() {
        let missing = |name: &str, why: &str| MissingNode { name: name.into(), why: why.into() };
        let acknowledged_by = vec!["fra-ns1".into(), "iad-ns1".into()];
        let given = OrderOutcome {
            acknowledged_by,
            missing: vec![missing("nrt-ns1", "not heard of for 14 s"), missing("syd\u{1b}-ns1", "follows 3.16")],
            ..outcome(Outcome::Accepted)
        };
        assert!(told(&given).contains(&"acknowledged by: fra-ns1, iad-ns1 (generation 1.7)".to_owned()));
        let said = told_missing(&given.missing).unwrap();
        assert_eq!(said, "missing: nrt-ns1 (not heard of for 14 s), syd\\u{1b}-ns1 (follows 3.16)");
        assert_eq!(told_missing(&[]), None);
    }

    #[test]
    fn an_order_says_what_it_takes_the_place_of() {
        let new = outcome(Outcome::DryRun);
        let old = Intent { kind: IntentKind::Isolate, by: "bob".into(), reason: "fire".into(), ..new.intent.clone() };
        let lines = told(&OrderOutcome { replaces: Some(old), ..new });
        let said = "  replaces isolate fra/mx by bob, until lifted: fire; a drain is softer than an isolate: answers may name \
                    it again as a last resort";
        assert!(lines.contains(&said.to_owned()), "{lines:?}");
    }

    #[test]
    fn an_order_for_one_node_says_that_the_others_do_not_follow() {
        let mut given = outcome(Outcome::Accepted);
        given.intent.reach = Reach::ThisNode;
        let lines = told(&given);
        assert_eq!(lines[0], "drain fra/mx 25% (this node only): ordered, stands until lifted");
        assert_eq!(lines[2], "  only this node follows it; all are offered it when the store that they share is back");
        given.outcome = Outcome::DryRun;
        assert!(told(&given).last().unwrap().starts_with("  only this node"), "a rehearsal says so too");
    }

    #[test]
    fn a_rehearsal_tells_what_the_other_sites_would_carry() {
        let site = |site: &str, load: f64, predicted: f64| SiteForecast {
            site: site.into(),
            fails: false,
            capacity: Some(1200),
            load,
            predicted,
            sent: predicted,
            headroom_percent: Some(25.0),
            services: vec![],
            now: vec![],
        };
        let loads = vec![site("fra", 500.0, 0.0), site("iad", 400.0, 900.0), site("nrt", 7.0, 7.0)];
        let lines = told(&OrderOutcome { loads, ..outcome(Outcome::DryRun) });
        assert_eq!(
            lines[2..],
            [
                "  load at peak: fra 500 -> 0 of 1200, 25 % free".to_owned(),
                "  load at peak: iad 400 -> 900 of 1200, 25 % free".to_owned(),
            ]
        );
    }

    #[test]
    fn repeating_and_rehearsing_say_that_nothing_changed() {
        let lines = told(&outcome(Outcome::Unchanged));
        assert!(lines[0].contains("unchanged") && lines[0].contains("alice"));
        assert!(!lines.join("").contains('\u{1b}'), "a reason cannot control the terminal");
        let lines = told(&outcome(Outcome::DryRun));
        assert!(lines[0].ends_with("nothing was changed"));
        assert!(!lines.iter().any(|line| line.starts_with("undo")));
    }

    #[test]
    fn a_rehearsal_of_what_is_severe_says_that_a_yes_is_not_enough() {
        let severe = vec!["iad is left as the last site of mx".to_owned()];
        let lines = told(&OrderOutcome { severe, ..outcome(Outcome::DryRun) });
        assert_eq!(
            lines[lines.len() - 2..],
            ["  careful: iad is left as the last site of mx", "  needs --confirm=fra; --yes is not enough"]
        );
        assert!(!told(&outcome(Outcome::DryRun)).iter().any(|line| line.contains("--confirm")));
    }
}
