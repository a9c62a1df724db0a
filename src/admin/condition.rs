//! `If-Match`: the orders that somebody saw when they decided on another (RFC 9110 section 13.1.1).
//!
//! The answer to a condition that does not hold is 409 and not 412: it is the same problem, with the same remedy, as that of an
//! order which another node's came before.

use axum::http::{HeaderMap, header};

use super::{Problem, ProblemKind};
use crate::model::OrdersTag;

/// The orders that a request was decided on; `None` for one that may meet any. Of several that it names, those of `now` if they
/// are among them. Whether they stand is decided where orders are written, one at a time.
pub(super) fn seen(headers: &HeaderMap, now: impl FnOnce() -> OrdersTag) -> Result<Option<OrdersTag>, Problem> {
    let mut tags = Vec::new();
    for line in headers.get_all(header::IF_MATCH) {
        for tag in line.to_str().map_err(|_| malformed())?.split(',') {
            match tag.trim() {
                "*" => return Ok(None),
                tag => tags.push(read(tag)?),
            }
        }
    }
    match tags.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        [first, ..] => Ok(Some(Some(now()).filter(|now| tags.contains(now)).unwrap_or(*first))),
    }
}

fn read(tag: &str) -> Result<OrdersTag, Problem> {
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(malformed)?;
    inner.parse().map_err(|_| malformed())
}

fn malformed() -> Problem {
    Problem::new(ProblemKind::Invalid, "If-Match holds no tag of orders")
        .with_remedy("send the ETag of GET /api/v1/orders as it came, with its quotes, or no If-Match")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(lines: &[&'static str]) -> Result<Option<String>, ProblemKind> {
        let lines = lines.iter().map(|line| (header::IF_MATCH, line.parse().unwrap()));
        let found = seen(&HeaderMap::from_iter(lines), || "4.18".parse().unwrap());
        found.map(|tag| tag.map(|tag| tag.to_string())).map_err(|problem| problem.kind)
    }

    #[test]
    fn a_condition_is_a_tag_or_anything() {
        assert_eq!(condition(&[]), Ok(None));
        assert_eq!(condition(&["*"]), Ok(None));
        assert_eq!(condition(&["\"4.17\""]), Ok(Some("4.17".into())));
        assert_eq!(condition(&["\"4.17\", \"4.18\""]), Ok(Some("4.18".into())));
        assert_eq!(condition(&["\"4.17\", \"4.16\""]), Ok(Some("4.17".into())));
        for malformed in ["", "4.17", "\"4.17", "W/\"4.17\"", "\"x\"", "\"4.17\","] {
            assert_eq!(condition(&[malformed]), Err(ProblemKind::Invalid), "{malformed}");
        }
    }
}
