//! The kinds of events, as the fourth column of `events` has them.

use super::exit::Failure;

/// All of them, by the alphabet.
const KINDS: [&str; 44] = [
    "acted",
    "began",
    "connection",
    "degraded",
    "drill",
    "drill announced",
    "drill ended",
    "drill refused",
    "drill started",
    "expired",
    "held",
    "hook",
    "incident",
    "incident over",
    "lifted",
    "notify failing",
    "notify recovered",
    "notify unanswered",
    "objective missed",
    "ordered",
    "peer heard",
    "peer lost",
    "plan",
    "recovered",
    "refused",
    "reload failed",
    "reloaded",
    "scheduled",
    "session ended",
    "shared file",
    "sign-in refused",
    "signed in",
    "signed out",
    "started",
    "stepped",
    "stopped",
    "store accepted",
    "store went back",
    "surveyed",
    "token",
    "transferred",
    "verdict",
    "zone expired",
    "zone updated",
];

/// The kind that is meant by `text`.
pub(super) fn known(text: &str) -> Result<&'static str, Failure> {
    KINDS.into_iter().find(|kind| spelled(kind) == spelled(text)).ok_or_else(|| {
        Failure::Usage(format!("there are no events of the kind '{text}'; the kinds are {}", KINDS.join(", ")))
    })
}

/// A kind as it is compared: `zone updated`, `zone_updated` and `Zone-Updated` are one.
fn spelled(kind: &str) -> String {
    kind.to_ascii_lowercase().replace(['_', '-'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SignIn;

    #[test]
    fn a_kind_is_known_however_it_is_spelled() {
        for text in ["zone updated", "zone_updated", "Zone-Updated"] {
            assert_eq!(known(text).unwrap(), "zone updated");
        }
        let said = known("foo").unwrap_err().to_string();
        assert!(said.contains("'foo'") && said.contains("verdict, zone expired"), "{said}");
    }

    #[test]
    fn no_kind_that_the_journal_has_is_missing() {
        let source = include_str!("../admin/words.rs");
        let (_, words) = source.split_once("pub const fn event_word").unwrap();
        let (words, _) = words.split_once("\n}\n").unwrap();
        let mut named: Vec<&str> = words.split('"').skip(1).step_by(2).collect();
        let sign_ins = [SignIn::SignedIn, SignIn::SignedOut, SignIn::Ended, SignIn::Refused];
        named.extend(sign_ins.map(SignIn::as_str));
        named.sort_unstable();
        assert_eq!(named, KINDS);
    }
}
