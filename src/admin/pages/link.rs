//! Links between pages.

use std::fmt::Write;

/// The path of a site's page.
pub(super) fn site(name: &str) -> String {
    format!("/sites/{}", encoded(name))
}

/// The page on which a site is drained, isolated or pinned, or such an order lifted.
pub(super) fn order(name: &str, service: Option<&str>, kind: &str) -> String {
    let mut link = format!("/drain?site={}&kind={kind}", encoded(name));
    if let Some(service) = service {
        link.push_str("&service=");
        link.push_str(&encoded(service));
    }
    link
}

/// `text` as part of a path or of a query: all but the unreserved characters percent-encoded (RFC 3986 section 2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment_and_one_value() {
        assert_eq!(site("fra"), "/sites/fra");
        assert_eq!(site("../x?\"<é"), "/sites/..%2Fx%3F%22%3C%C3%A9");
        assert_eq!(order("fra", None, "drain"), "/drain?site=fra&kind=drain");
        assert_eq!(order("a&b", Some("m=x"), "pin"), "/drain?site=a%26b&kind=pin&service=m%3Dx");
    }
}
