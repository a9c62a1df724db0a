//! Waiting until no well-behaved cache names a site any more.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::arguments::Wait;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use crate::admin::api::words::{between, moment, moment_and_distance, plain, span};
use crate::admin::api::{Drained, Due, OrderStatus, Status};
use crate::model::{IntentKind, Scope, Share};

/// Between two looks at the node.
const LOOK: Duration = Duration::from_millis(500);
/// Between two lines of progress where they cannot overwrite each other: in logs of scripts.
const LINE: Duration = Duration::from_secs(10);

/// `waypost wait SITE`
pub(super) async fn command(node: &Node, output: &Output, arguments: Wait) -> Result<Exit, Failure> {
    let Wait { site, service, timeout } = arguments;
    let scope = Scope { site, service };
    let drained = look(node, &scope).await?;
    // What is scheduled is waited for from its own beginning.
    let next = drained.next.as_ref().map_or(drained.time, |next| next.at.max(drained.time));
    let timeout = timeout.saturating_add(between(drained.time, next));
    let status: Status = node.get("/api/v1/status", &[]).await?;
    let is_kept_out = status.orders.iter().any(|order| takes_out(order, &scope));
    let drain = node.typed(&format!("waypost drain {} --reason TEXT", scope.site));
    if !is_kept_out && !drained.safe && drained.services.iter().any(|service| service.named) {
        return Err(Failure::Negative(format!(
            "answers name {scope} and no order takes it out; drain it first: {drain}"
        )));
    }
    let exit = until_drained(node, output, &scope, timeout, "").await?;
    if !is_kept_out {
        output.progress(&plain(&format!(
            "careful: no order keeps {scope} out: it comes back when its probes pass; to keep it out: {drain}"
        )));
    }
    Ok(exit)
}

/// Whether `order` keeps all of `scope`, or the part of it that the order is about, out of the answers.
fn takes_out(order: &OrderStatus, scope: &Scope) -> bool {
    let about = order.intent.scope.site == scope.site
        && (order.intent.scope.service.is_none()
            || scope.service.is_none()
            || order.intent.scope.service == scope.service);
    let out = match order.intent.kind {
        IntentKind::Drain { share } => share == Share::ALL,
        IntentKind::Isolate => true,
        IntentKind::Pin => false,
    };
    about && out
}

/// Returns when the node says that `scope` is safe to power off. The order stands however the wait ends.
pub(super) async fn until_drained(
    node: &Node,
    output: &Output,
    scope: &Scope,
    timeout: Duration,
    undo: &str,
) -> Result<Exit, Failure> {
    let stands =
        if undo.is_empty() { "any order stands".to_owned() } else { format!("the order stands; undo: {undo}") };
    let mut last = None;
    let waited = tokio::select! {
        waited = watch(node, output, scope, timeout, &mut last) => waited,
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted(String::new())),
    };
    output.countdown_over();
    match waited {
        Ok(drained) => {
            output.show(&drained, |_| vec![format!("{}: safe to power off", plain(&scope.to_string()))])?;
            Ok(Exit::Done)
        }
        Err(Failure::TimedOut(so_far)) => {
            // A program reads how far it came; people are told below.
            if let Some(drained) = last.filter(|_| matches!(output.format(), Format::Json | Format::Jsonl)) {
                output.show(&drained, |_| Vec::new())?;
            }
            Err(Failure::TimedOut(format!("{so_far}; {stands}")))
        }
        Err(Failure::Interrupted(_)) => Err(Failure::Interrupted(stands)),
        Err(failure) => Err(failure),
    }
}

/// Looks again and again; `last` is what was seen last.
async fn watch(
    node: &Node,
    output: &Output,
    scope: &Scope,
    timeout: Duration,
    last: &mut Option<Drained>,
) -> Result<Drained, Failure> {
    let deadline = Instant::now().checked_add(timeout);
    let mut said = String::new();
    let mut due = Instant::now();
    loop {
        let so_far = match look(node, scope).await {
            Ok(drained) if drained.safe => return Ok(drained),
            Ok(drained) => progress(last.insert(drained)),
            // A node that restarts comes back with the order, and gives caches a whole TTL again.
            Err(failure) if failure.is_passing() => "the node does not answer; trying again".to_owned(),
            Err(failure) => return Err(failure),
        };
        if so_far != said && (output.redraws() || Instant::now() >= due) {
            output.countdown(&so_far);
            due = Instant::now().checked_add(LINE).unwrap_or(due);
            said.clone_from(&so_far);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Failure::TimedOut(so_far));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(node: &Node, scope: &Scope) -> Result<Drained, Failure> {
    node.get("/api/v1/drained", &[("site", Some(&scope.site)), ("service", scope.service.as_deref())]).await
}

/// What still holds a site back.
fn progress(drained: &Drained) -> String {
    let named: Vec<_> =
        drained.services.iter().filter(|service| service.named).map(|service| service.service.as_str()).collect();
    if !named.is_empty() {
        let scope = &drained.scope;
        return plain(&match &drained.next {
            Some(Due { held: Some(why), .. }) => {
                format!("{scope}: a safety rule holds the order until it allows: {why}")
            }
            Some(next) => {
                format!("{scope}: the order's next step comes at {}", moment_and_distance(next.at, drained.time))
            }
            None => format!("answers of {} still name {scope}", named.join(", ")),
        });
    }
    if !drained.missing.is_empty() {
        return plain(&may_name(drained));
    }
    match drained.by() {
        Some(by) => plain(&format!(
            "{}: caches let go at {} (in {}){}",
            drained.scope,
            moment(ceiling(by)),
            left(by, drained.time),
            each(drained)
        )),
        None => plain(&format!("{}: caches may still name it", drained.scope)),
    }
}

/// The nodes whose answers nobody knows to be without the site.
fn may_name(drained: &Drained) -> String {
    let nodes: Vec<String> = drained.missing.iter().map(|node| format!("{} ({})", node.name, node.why)).collect();
    format!(
        "{}: answers of {} may still name it; a node that is gone for good is taken out by waypost store forget NODE",
        drained.scope,
        nodes.join(", ")
    )
}

/// From `now` to `by` in whole seconds, rounded up so that waiting as long as said is enough.
fn left(by: Timestamp, now: Timestamp) -> String {
    span(between(now.min(by), by).saturating_add(Duration::from_millis(999)))
}

/// `: mx in 5 s, imap in 20 s`, those that caches have let go of left out; nothing where one service tells it all.
fn each(drained: &Drained) -> String {
    if drained.services.len() < 2 {
        return String::new();
    }
    let held = drained.services.iter().filter_map(|service| Some((&service.service, service.by?)));
    let still = held.filter(|(_, by)| *by > drained.time);
    let each: Vec<String> = still.map(|(service, by)| format!("{service} in {}", left(by, drained.time))).collect();
    format!(": {}", each.join(", "))
}

/// The whole second at or after `time`.
fn ceiling(time: Timestamp) -> Timestamp {
    let second = jiff::SignedDuration::from_nanos(999_999_999);
    time.checked_add(second).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::{DrainedService, MissingNode};
    use crate::model::{Intent, Lifetime, Reach};

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn drained(services: &[(&str, bool, Option<&str>)]) -> Drained {
        let services = services
            .iter()
            .map(|(service, named, by)| DrainedService {
                service: (*service).into(),
                named: *named,
                by: by.map(|by| by.parse().unwrap()),
            })
            .collect();
        let scope = Scope { site: "fra".into(), service: None };
        Drained {
            schema: Drained::SCHEMA.into(),
            scope,
            time: now(),
            safe: false,
            services,
            missing: vec![],
            next: None,
        }
    }

    #[test]
    fn progress_tells_of_the_order_that_is_still_to_come() {
        let due = |held: Option<&str>| Due {
            at: "2026-05-01T12:05:00Z".parse().unwrap(),
            share: Some(Share::ALL),
            held: held.map(Into::into),
        };
        let told = |held| progress(&Drained { next: Some(due(held)), ..drained(&[("mx", true, None)]) });
        assert_eq!(told(None), "fra: the order's next step comes at 2026-05-01T12:05:00Z (in 5 min)");
        assert!(told(Some("too few sites")).ends_with("a safety rule holds the order until it allows: too few sites"));
    }

    #[test]
    fn progress_says_what_holds_the_site_back() {
        let both = [("mx", true, None), ("imap", false, Some("2026-05-01T12:00:20Z"))];
        assert_eq!(progress(&drained(&both)), "answers of mx still name fra");
        let later = [("mx", false, Some("2026-05-01T12:00:05Z")), ("imap", false, Some("2026-05-01T12:00:20Z"))];
        assert_eq!(
            progress(&drained(&later)),
            "fra: caches let go at 2026-05-01T12:00:20Z (in 20 s): mx in 5 s, imap in 20 s"
        );
        let over = [("mx", false, Some("2026-05-01T11:59:00Z")), ("imap", false, Some("2026-05-01T12:00:20Z"))];
        assert_eq!(progress(&drained(&over)), "fra: caches let go at 2026-05-01T12:00:20Z (in 20 s): imap in 20 s");
        let one = [("mx", false, Some("2026-05-01T12:00:04.2Z"))];
        assert_eq!(progress(&drained(&one)), "fra: caches let go at 2026-05-01T12:00:05Z (in 5 s)");
        let missing = vec![MissingNode { name: "iad-ns1".into(), why: "follows 3.16".into() }];
        let told = progress(&Drained { missing, ..drained(&over) });
        assert!(told.starts_with("fra: answers of iad-ns1 (follows 3.16) may still name it; "), "{told}");
    }

    #[test]
    fn only_an_order_that_takes_all_of_it_out_is_worth_waiting_for() {
        let order = |service: Option<&str>, kind| OrderStatus {
            intent: Intent {
                scope: Scope { site: "fra".into(), service: service.map(Into::into) },
                kind,
                by: String::new(),
                reason: String::new(),
                since: now(),
                lifetime: Lifetime::UntilCleared,
                revision: 1,
                forced: false,
                reach: Reach::Everywhere,
                schedule: None,
                drill: None,
            },
            remaining_seconds: None,
            next: None,
            drained_by: None,
        };
        let scope = |service: Option<&str>| Scope { site: "fra".into(), service: service.map(Into::into) };
        let all = IntentKind::Drain { share: Share::ALL };
        assert!(takes_out(&order(None, all), &scope(Some("mx"))));
        assert!(takes_out(&order(Some("mx"), IntentKind::Isolate), &scope(Some("mx"))));
        assert!(!takes_out(&order(Some("imap"), all), &scope(Some("mx"))));
        assert!(!takes_out(&order(None, IntentKind::Pin), &scope(None)));
        assert!(!takes_out(&order(None, IntentKind::Drain { share: "25%".parse().unwrap() }), &scope(None)));
    }
}
