//! Readings: what a number that was read says of the endpoint.

use super::transcript::{Speaker, Transcript};
use crate::health::{FailureKind, Outcome};
use crate::model::{Levels, Missing};

/// What the reading of `what` says: a number, or why there is none.
pub(super) fn judge_number(
    what: &str,
    reading: Result<f64, String>,
    levels: Levels,
    missing: Missing,
    transcript: &mut Transcript,
) -> Outcome {
    let value = match reading {
        Ok(value) => value,
        Err(why) => return judge_missing(why, missing, transcript),
    };
    let said = format!("{what} is {}", shown(value));
    transcript.read(&said);
    if let Some(fail) = levels.fail.filter(|fail| fail.is_met(value)) {
        return Outcome::failed(FailureKind::Protocol, format!("{said}, fail is {fail}"));
    }
    match levels.warn.filter(|warn| warn.is_met(value)) {
        Some(warn) => Outcome::Deferring(format!("{said}, warn is {warn}")),
        None => Outcome::Ok,
    }
}

/// What it says that there is no value, for the reason `why`.
pub(super) fn judge_missing(why: String, missing: Missing, transcript: &mut Transcript) -> Outcome {
    match missing {
        Missing::Defer => Outcome::Deferring(why),
        Missing::Fail => Outcome::failed(FailureKind::Protocol, why),
        Missing::Ok => {
            transcript.push(Speaker::Note, why.as_bytes());
            Outcome::Ok
        }
    }
}

/// A number as people read it: whole, or with as many digits as tell something.
fn shown(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 && size < 1e15 {
        return format!("{value:.0}");
    }
    if !(1e-4..1e15).contains(&size) {
        return format!("{value:e}");
    }
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        for (value, text) in [
            (0.0, "0"),
            (812.0, "812"),
            (-1.5, "-1.5"),
            (0.04166666, "0.041667"),
            (1e-9, "1e-9"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn failure_goes_before_trouble_and_both_say_why() {
        let levels = Levels { warn: "> 500".parse().ok(), fail: "> 5000".parse().ok() };
        let judge = |value| judge_number("queue", Ok(value), levels, Missing::Defer, &mut Transcript::default());
        assert_eq!(judge(500.0), Outcome::Ok);
        assert_eq!(judge(501.0), Outcome::Deferring("queue is 501, warn is > 500".into()));
        let mut transcript = Transcript::default();
        judge_number("queue", Ok(812.0), Levels::default(), Missing::Defer, &mut transcript);
        assert_eq!(transcript.reading(), Some("queue is 812"), "what is well is told too");
        assert_eq!(judge(5001.0), Outcome::failed(FailureKind::Protocol, "queue is 5001, fail is > 5000"));
    }
}
