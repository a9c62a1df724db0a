//! The head of a record: TTL, class and type, in front of its data.

use domain::base::iana::Rtype;

use super::findings::{Finding, quote};
use super::lexer::{Spot, Token};
use super::{form, ttl};

/// How a record is written, for remedies.
const EXAMPLE: &str = "write owner, TTL, class, type and data, as in: www 1h IN A 192.0.2.1";

/// What stands between owner and data. The class is always IN.
pub(super) struct Head<'a, 't> {
    /// The TTL, where one is stated.
    pub(super) ttl: Option<u32>,
    /// The type.
    pub(super) rtype: Rtype,
    /// The data.
    pub(super) data: &'a [Token<'t>],
}

impl<'a, 't> Head<'a, 't> {
    /// Reads what follows the owner: TTL and class in any order, each at most once, then the type (RFC 1035
    /// section 5.1).
    ///
    /// # Errors
    /// What is wrong, and where; nowhere is the end of the entry.
    pub(super) fn read(mut rest: &'a [Token<'t>]) -> Result<Self, (Option<Spot>, Finding)> {
        let (mut ttl, mut has_class) = (None, false);
        loop {
            let Some((token, after)) = rest.split_first() else {
                return Err((None, Finding::error("an entry without a type", "a record type", EXAMPLE)));
            };
            let refuse = |finding| (Some(token.spot), finding);
            // No type starts with a digit.
            if ttl.is_none() && token.raw.starts_with(|first: char| first.is_ascii_digit()) {
                ttl = Some(ttl::seconds(token.raw).map_err(|why| refuse(why.finding(token.raw)))?);
            } else if !has_class && let Some(class) = Class::of(token.raw) {
                if class == Class::Other {
                    let what = format!("class {}", quote(token.raw));
                    return Err(refuse(Finding::error(what, "class IN", "write IN, or leave the class out")));
                }
                has_class = true;
            } else {
                let rtype = rtype(token.raw).map_err(refuse)?;
                return Ok(Self { ttl, rtype, data: after });
            }
            rest = after;
        }
    }
}

#[derive(PartialEq, Eq)]
enum Class {
    Internet,
    Other,
}

impl Class {
    /// The class that `word` names, if it names one.
    fn of(word: &str) -> Option<Self> {
        let word = word.to_ascii_uppercase();
        match word.as_str() {
            "IN" | "CLASS1" => Some(Self::Internet),
            "CH" | "CHAOS" | "HS" | "HESIOD" | "CS" => Some(Self::Other),
            _ => word.strip_prefix("CLASS").and_then(|number| number.parse::<u16>().ok()).map(|_| Self::Other),
        }
    }
}

fn rtype(word: &str) -> Result<Rtype, Finding> {
    match word.parse::<Rtype>() {
        Ok(rtype) if form::is_meta(rtype) => {
            let what = format!("the type {}, which only questions have", quote(word));
            Err(Finding::error(what, "a type that zones hold", "remove the record"))
        }
        Ok(rtype) => Ok(rtype),
        // The `domain` crate writes it without the hyphen.
        Err(_) if word.eq_ignore_ascii_case("NSAP-PTR") => Ok(Rtype::NSAPPTR),
        Err(_) => {
            let remedy = form::guess(word).map(|known| format!("did you mean {known}?"));
            let what = format!("{} where the type stands", quote(word));
            Err(Finding::error(what, "a record type", remedy.unwrap_or_else(|| EXAMPLE.to_owned())))
        }
    }
}
