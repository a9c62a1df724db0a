//! The cookie of a session: set, found and taken away.

use axum::http::{HeaderMap, HeaderValue, header};

use super::access::Line;

/// Where the connection is encrypted. The prefix makes browsers refuse it from anybody but this host, over TLS, for all
/// paths.
const OVER_TLS: &str = "__Host-waypost";
/// On a plain connection, which is one of loopback.
const IN_THE_CLEAR: &str = "waypost";

/// Whether the cookie may go over TLS only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It may.
    TlsOnly,
    /// Also over plain connections of loopback.
    Loopback,
}

/// The value of the session's cookie, where one came along. Over TLS none counts that could have been set in the clear.
pub(super) fn value(headers: &HeaderMap, line: Line) -> Option<&str> {
    let names: &[&str] = match line {
        Line::Tls => &[OVER_TLS],
        Line::Plain => &[OVER_TLS, IN_THE_CLEAR],
    };
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| names.contains(name)).map(|(_, value)| value)
}

/// What makes a browser keep `value` until it is closed. Scripts cannot read it, and no foreign page makes it come along.
pub(super) fn set(value: &str, reach: Reach) -> Option<HeaderValue> {
    let attributes = match reach {
        Reach::TlsOnly => format!("{OVER_TLS}={value}; Path=/; HttpOnly; SameSite=Strict; Secure"),
        Reach::Loopback => format!("{IN_THE_CLEAR}={value}; Path=/; HttpOnly; SameSite=Strict"),
    };
    HeaderValue::from_str(&attributes).ok()
}

/// What makes a browser forget it.
pub(super) fn taken_away() -> [HeaderValue; 2] {
    [
        HeaderValue::from_static("__Host-waypost=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"),
        HeaderValue::from_static("waypost=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_no_cookie_counts_that_was_set_in_the_clear() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("theme=dark; waypost=plain"));
        assert_eq!(value(&headers, Line::Plain), Some("plain"));
        assert_eq!(value(&headers, Line::Tls), None);
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-waypost=sealed"));
        assert_eq!(value(&headers, Line::Tls), Some("sealed"));
    }

    #[test]
    fn it_is_out_of_reach_of_scripts_and_foreign_pages() {
        for (reach, name) in [(Reach::TlsOnly, OVER_TLS), (Reach::Loopback, IN_THE_CLEAR)] {
            let set = set("abc", reach).unwrap();
            let text = set.to_str().unwrap();
            assert!(text.starts_with(&format!("{name}=abc; Path=/; HttpOnly; SameSite=Strict")), "{text}");
            assert_eq!(text.ends_with("; Secure"), reach == Reach::TlsOnly);
        }
        assert_eq!(set("a\nb", Reach::Loopback), None);
    }
}
