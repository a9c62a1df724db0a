//! Token requests: right in form.

use jiff::Timestamp;

use super::api::TokenRequest;
use super::bounds::TOKEN_NAME_CHARACTERS;
use super::{Problem, ProblemKind};
use crate::model::Role;

/// `request`, if its name can stand in a journal, a URL and a terminal, and its end is still to come.
pub(super) fn checked(request: TokenRequest, now: Timestamp) -> Result<TokenRequest, Problem> {
    let fits = (1..=TOKEN_NAME_CHARACTERS).contains(&request.name.len());
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.@".contains(&octet);
    if !fits || !request.name.bytes().all(plain) || request.name.bytes().all(|octet| octet == b'.') {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format!("a token's name has 1 to {TOKEN_NAME_CHARACTERS} letters, digits or any of - _ . @"),
        ));
    }
    if request.expires.is_some_and(|end| end <= now) {
        return Err(Problem::new(ProblemKind::Invalid, "the token would have expired before it was made"));
    }
    if request.role == Role::Admin && !request.remit.is_everywhere() {
        // Who makes tokens could make one without bounds.
        let problem = Problem::new(ProblemKind::Invalid, "a token for some sites cannot be an administrator's");
        return Err(problem.with_remedy("make it with the role operator, or for all sites"));
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Remit;

    #[test]
    fn names_are_short_and_plain() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let check = |name: &str, expires| {
            checked(TokenRequest { name: name.into(), role: Role::Viewer, remit: Remit::Everywhere, expires }, now)
                .is_ok()
        };
        for name in ["ci", "alice@example.org", "a.b-c_d"] {
            assert!(check(name, None), "{name}");
        }
        for name in ["", "a b", "../x", "..", "<script>", &"x".repeat(65)] {
            assert!(!check(name, None), "{name}");
        }
        assert!(!check("ci", Some(now)));
        for (role, good) in [(Role::Operator, true), (Role::Admin, false)] {
            let remit = Remit::from(Some(["fra".to_owned()].into()));
            let request = TokenRequest { name: "ci".into(), role, remit, expires: None };
            assert_eq!(checked(request, now).is_ok(), good);
        }
    }
}
