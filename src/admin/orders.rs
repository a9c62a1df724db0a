//! Orders: from what was sent to a command that is right in form.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::api::{Expiry, OrderRequest};
use super::bounds::{ORDER_DEFAULT, ORDER_LONGEST, REASON_CHARACTERS};
use super::timetable::{beginning, fits, schedule};
use super::words::{moment, plain, span};
use super::{Command, Problem, ProblemKind};
use crate::model::{IntentKind, Lifetime, Share};

/// The command that `request`, received at `now`, asks for.
pub(super) fn command(request: OrderRequest, now: Timestamp) -> Result<Command, Problem> {
    let OrderRequest { scope, kind, reason, expiry, begin, steps, dry_run, force, reach } = request;
    let reason = text(&reason)?;
    if reason.is_empty() {
        return Err(invalid("an order needs a reason", "say why: --reason TEXT"));
    }
    if kind == (IntentKind::Drain { share: Share::NONE }) {
        return Err(invalid("a drain of 0% moves nobody", "give a share above 0%, or lift the drain: waypost undrain"));
    }
    let from = beginning(begin, now)?;
    let lifetime = lifetime(expiry, from)?;
    let schedule = schedule(kind, steps, from, now)?;
    fits(schedule.as_ref(), lifetime)?;
    Ok(Command { scope, kind, reason, lifetime, schedule, force, dry_run, reach, seen: None })
}

/// How long an order that begins at `from` stands: four hours unless said, at most 72 unless it is to stand until lifted
/// (DESIGN section 7).
fn lifetime(expiry: Option<Expiry>, from: Timestamp) -> Result<Lifetime, Problem> {
    let end = match expiry {
        Some(Expiry::UntilCleared) => return Ok(Lifetime::UntilCleared),
        None => from.checked_add(ORDER_DEFAULT).ok(),
        Some(Expiry::ForSeconds(seconds)) => {
            i64::try_from(seconds).ok().and_then(|seconds| from.checked_add(SignedDuration::from_secs(seconds)).ok())
        }
        Some(Expiry::Until(end)) => Some(end),
    };
    let longest = from.checked_add(ORDER_LONGEST).unwrap_or(Timestamp::MAX);
    match end {
        Some(end) if end <= from => Err(invalid(
            format!("the order would have ended at {}, before it began", moment(end)),
            "give a time after its beginning",
        )),
        Some(end) if end <= longest => Ok(Lifetime::Until(end)),
        _ => Err(invalid(
            format!("an order with an end stands at most {}", hours(ORDER_LONGEST)),
            "give an earlier end, or order it until it is lifted: --until-cleared",
        )),
    }
}

fn hours(longest: Duration) -> String {
    // "72 h" is how operators know the bound, not "3 d".
    if longest.as_secs().is_multiple_of(3600) { format!("{} h", longest.as_secs() / 3600) } else { span(longest) }
}

/// An operator's words: trimmed, bounded, one line, nothing that a terminal acts upon.
pub(super) fn text(words: &str) -> Result<String, Problem> {
    let words = words.trim();
    let length = words.chars().count();
    if length > REASON_CHARACTERS {
        return Err(invalid(
            format!("the reason has {length} characters; at most {REASON_CHARACTERS} are kept"),
            "shorten it, or put the whole story into a ticket and name that",
        ));
    }
    Ok(plain(words))
}

fn invalid(detail: impl Into<String>, remedy: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, detail).with_remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::super::timetable::Begin;
    use super::*;
    use crate::model::{Reach, Scope};

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn request(expiry: Option<Expiry>) -> OrderRequest {
        OrderRequest {
            scope: Scope { site: "fra".into(), service: None },
            kind: IntentKind::Drain { share: Share::ALL },
            reason: " new power supply\n".into(),
            expiry,
            begin: None,
            steps: None,
            dry_run: false,
            force: false,
            reach: Reach::Everywhere,
        }
    }

    fn end(expiry: Option<Expiry>) -> Result<Lifetime, ProblemKind> {
        command(request(expiry), now()).map(|command| command.lifetime).map_err(|problem| problem.kind)
    }

    #[test]
    fn an_order_ends_after_four_hours_unless_said() {
        assert_eq!(end(None), Ok(Lifetime::Until("2026-05-01T16:00:00Z".parse().unwrap())));
        assert_eq!(end(Some(Expiry::ForSeconds(60))), Ok(Lifetime::Until("2026-05-01T12:01:00Z".parse().unwrap())));
        assert_eq!(end(Some(Expiry::UntilCleared)), Ok(Lifetime::UntilCleared));
    }

    #[test]
    fn an_order_with_an_end_stands_at_most_72_hours() {
        let longest = ORDER_LONGEST.as_secs();
        assert!(end(Some(Expiry::ForSeconds(longest))).is_ok());
        for expiry in [
            Expiry::ForSeconds(longest + 1),
            Expiry::ForSeconds(u64::MAX),
            Expiry::ForSeconds(0),
            Expiry::Until(now()),
            Expiry::Until(Timestamp::MAX),
        ] {
            assert_eq!(end(Some(expiry)), Err(ProblemKind::Invalid), "{expiry:?}");
        }
    }

    #[test]
    fn the_time_that_an_order_stands_counts_from_its_beginning() {
        let begin = Some(Begin::InSeconds(86_400));
        let stands = |expiry| {
            let command = command(OrderRequest { begin, ..request(expiry) }, now());
            command.map(|command| command.lifetime).map_err(|problem| problem.kind)
        };
        assert_eq!(stands(None), Ok(Lifetime::Until("2026-05-02T16:00:00Z".parse().unwrap())));
        assert!(stands(Some(Expiry::ForSeconds(ORDER_LONGEST.as_secs()))).is_ok());
        assert_eq!(stands(Some(Expiry::ForSeconds(ORDER_LONGEST.as_secs() + 1))), Err(ProblemKind::Invalid));
        let before = Some(Expiry::Until("2026-05-02T11:59:59Z".parse().unwrap()));
        assert_eq!(stands(before), Err(ProblemKind::Invalid));
    }

    #[test]
    fn a_reason_is_needed_and_is_one_plain_line() {
        assert_eq!(command(request(None), now()).unwrap().reason, "new power supply");
        for reason in [" \n", "", &"x".repeat(501)] {
            let request = OrderRequest { reason: reason.into(), ..request(None) };
            assert!(command(request, now()).is_err(), "{reason}");
        }
        let request = OrderRequest { reason: "a\nb".into(), ..request(None) };
        assert_eq!(command(request, now()).unwrap().reason, "a\\u{a}b");
    }

    #[test]
    fn a_drain_of_nobody_is_refused() {
        let request = OrderRequest { kind: IntentKind::Drain { share: Share::NONE }, ..request(None) };
        assert!(command(request, now()).is_err());
    }
}
