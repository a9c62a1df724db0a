//! The beginning and the steps of an order, as they are typed and told.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::exit::Failure;
use super::moment;
use super::span;
use crate::admin::api::progress::timetable;
use crate::admin::api::words::{between, moment_and_distance, plain};
use crate::admin::api::{Begin, OrderOutcome, Steps};
use crate::model::{IntentKind, Share};

/// The steps of a drain that is given a time and no steps.
const QUARTERS: [&str; 4] = ["25%", "50%", "75%", "100%"];

/// When an order begins.
#[derive(Debug, Args)]
pub(super) struct Beginning {
    /// The order begins at this time, RFC 3339, at most 30 days ahead; TTLs step down before it, so that caches let go soon after
    #[arg(
        long,
        value_name = "TIME",
        value_parser = moment::time,
        allow_hyphen_values = true,
        conflicts_with = "delay"
    )]
    at: Option<Timestamp>,
    /// The order begins after this time
    #[arg(id = "delay", long = "in", value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true)]
    delay: Option<Duration>,
}

impl Beginning {
    /// As the node is told of it.
    pub(super) fn begin(&self) -> Option<Begin> {
        self.at.map(Begin::At).or_else(|| self.delay.map(|delay| Begin::InSeconds(delay.as_secs())))
    }
}

/// How a drain comes to its share.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("pace"))]
pub(super) struct Stepping {
    /// Move clients by steps, as in 25%,50%,100%; each is held against the safety rules and waits until they allow it
    #[arg(long, value_name = "PERCENT,…", value_delimiter = ',', conflicts_with = "share", requires = "pace")]
    steps: Vec<Share>,
    /// From each step to the next
    #[arg(long, value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true, group = "pace", requires = "steps")]
    every: Option<Duration>,
    /// From the first step to the last; without --steps in quarters
    #[arg(long, value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true, group = "pace", conflicts_with = "share")]
    over: Option<Duration>,
}

impl Stepping {
    /// The share that a drain comes to, and its steps.
    pub(super) fn steps(self, share: Share) -> Result<(Share, Option<Steps>), Failure> {
        let Self { steps: mut shares, every, over } = self;
        if shares.is_empty() && over.is_some() {
            shares = QUARTERS.iter().filter_map(|share| share.parse().ok()).collect();
        }
        let Some(&last) = shares.last() else { return Ok((share, None)) };
        let pauses = u64::try_from(shares.len()).unwrap_or(u64::MAX).saturating_sub(1);
        let spread = over.and_then(|over| over.as_secs().checked_div(pauses));
        let every_seconds = every.map(|every| every.as_secs()).or(spread).unwrap_or_default();
        if every_seconds == 0 && pauses > 0 {
            return Err(Failure::Usage(format!(
                "{} steps need at least a second between them; give them more time, as in --every 10m",
                shares.len()
            )));
        }
        Ok((last, Some(Steps { shares, every_seconds })))
    }
}

/// Whether a site that `kind` is ordered for will be drained.
pub(super) fn leaves_nobody(kind: IntentKind) -> bool {
    !matches!(kind, IntentKind::Drain { share } if share != Share::ALL)
}

/// What of an order takes effect later, and when caches will have let go, a line each.
pub(super) fn told(outcome: &OrderOutcome, now: Timestamp) -> Vec<String> {
    let mut lines: Vec<String> = timetable(&outcome.intent, &outcome.timetable, now)
        .iter()
        .map(|phrase| format!("  {}", plain(phrase)))
        .collect();
    // Where caches name the site no more that is told as a time all the same: nothing is done yet.
    let expected = |by| format!("expected: caches let go at {}", moment_and_distance(by, now));
    lines.extend(outcome.expected_drained_by.map(expected));
    lines
}

/// How long a wait may take: `timeout`, counted from the last step.
pub(super) fn patience(outcome: &OrderOutcome, timeout: Duration, now: Timestamp) -> Duration {
    outcome.timetable.last().map_or(timeout, |last| timeout.saturating_add(between(now.min(last.at), last.at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stepping(steps: &[&str], every: Option<u64>, over: Option<u64>) -> Stepping {
        let shares = steps.iter().map(|share| share.parse().unwrap()).collect();
        Stepping { steps: shares, every: every.map(Duration::from_secs), over: over.map(Duration::from_secs) }
    }

    #[test]
    fn steps_come_by_their_distance_or_spread_over_a_time() {
        let of = |steps: &[&str], every, over| stepping(steps, every, over).steps(Share::ALL).unwrap();
        assert_eq!(of(&[], None, None), (Share::ALL, None));
        let (share, steps) = of(&["25%", "50%"], Some(600), None);
        assert_eq!((share.to_string(), steps.unwrap().every_seconds), ("50%".into(), 600));
        let (_, steps) = of(&["25%", "50%", "100%"], None, Some(1800));
        assert_eq!(steps.unwrap().every_seconds, 900);
        let (_, steps) = of(&[], None, Some(1800));
        let steps = steps.unwrap();
        assert_eq!((steps.shares.len(), steps.every_seconds), (4, 600));
        let (_, steps) = of(&["100%"], None, Some(1800));
        assert_eq!(steps.unwrap().shares, [Share::ALL]);
        assert!(stepping(&[], None, Some(2)).steps(Share::ALL).is_err());
    }
}
