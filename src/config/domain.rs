//! Domain names, host names and mailboxes in the configuration.

use std::net::IpAddr;

use super::defaults::MAILBOX_OCTETS;
use super::reader::Reader;
use super::value::Value;
use crate::model::{Name, NamePattern};

impl Reader<'_> {
    /// A domain name; absolute with or without the final dot.
    pub(super) fn domain(&mut self, value: &Value<'_>) -> Option<Name> {
        let text = self.string(value)?;
        let wrong = |why: String| (why, "write it as in example.org".to_owned());
        let (why, remedy) = if !text.is_ascii() {
            wrong("in ASCII; international names in their xn-- form".to_owned())
        } else if text.contains("://") || text.contains('/') {
            wrong("without scheme and path".to_owned())
        } else if text.contains(odd) && !text.contains('\\') {
            wrong("of letters, digits, hyphens, underscores and dots".to_owned())
        } else {
            match text.parse() {
                Ok(name) => return Some(name),
                Err(error) => wrong(format!("of labels of 1 to 63 octets, 255 in all ({error})")),
            }
        };
        self.refuse(value, format!("a domain name {why}"), remedy);
        None
    }

    /// A domain name or `*.suffix`.
    pub(super) fn name_pattern(&mut self, value: &Value<'_>) -> Option<NamePattern> {
        let name = self.domain(value)?;
        if name.labels().skip(1).any(|label| label == b"*") {
            self.refuse(
                value,
                "the asterisk as the first label only",
                "write *.suffix, which means every name below suffix",
            );
            return None;
        }
        match name.parent() {
            Some(suffix) if name.is_wildcard() => Some(NamePattern::Below(suffix)),
            _ => Some(NamePattern::Exact(name)),
        }
    }

    /// A host name or an address, as a Host header, a certificate or EHLO has it.
    pub(super) fn host(&mut self, value: &Value<'_>) -> Option<String> {
        let text = self.string(value)?;
        let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
        let host = text.strip_suffix('.').unwrap_or(text);
        let is_name = text.chars().all(letter) && host.parse::<Name>().is_ok();
        if is_name || text.parse::<IpAddr>().is_ok() {
            return Some(host.to_owned());
        }
        let remedy = "write it as in mx.example.org, without scheme, port and path";
        self.refuse(value, "a host name or an address", remedy);
        None
    }

    /// A mailbox as RCPT TO takes it. It is sent as it is, so nothing that could end the command passes.
    pub(super) fn mailbox(&mut self, value: &Value<'_>) -> Option<String> {
        let text = self.string(value)?;
        let plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '<' | '>' | '"' | '\\' | ',' | ';');
        let parts = text.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && domain.parse::<Name>().is_ok());
        if parts.is_none() || text.len() > MAILBOX_OCTETS || !text.chars().all(plain) {
            self.refuse(value, "a mailbox", "write it as in probe@example.org");
            return None;
        }
        Some(text.to_owned())
    }
}

/// Characters that a name holds only by mistake, unless escaped.
fn odd(letter: char) -> bool {
    !letter.is_ascii_graphic()
        || matches!(letter, '@' | ':' | ',' | ';' | '"' | '(' | ')' | '$' | '<' | '>' | '[' | ']')
}
