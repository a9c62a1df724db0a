//! What keeps foreign web pages from using the browser of somebody who may come in.

use std::net::IpAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::access::{Line, Peer};
use super::bounds::FORM_BYTES;
use super::entrance_control::Count;
use super::router::Shared;
use super::session::Session;
use super::{Channel, Problem, ProblemKind};

/// The header in which scripts of the dashboard repeat the session's value.
pub(super) const CSRF_HEADER: HeaderName = HeaderName::from_static("x-waypost-csrf");

/// Tells where a browser says a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses requests that a foreign web page makes a browser send: by another name (DNS rebinding) or from another
/// origin.
pub(super) async fn same_origin(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    match foreign(&request, &shared.control.entrance().names) {
        Some(problem) => {
            shared.control.tally().count(Count::Foreign);
            problem.into_response()
        }
        None => next.run(request).await,
    }
}

fn foreign(request: &Request, names: &[String]) -> Option<Problem> {
    let Some(Peer { channel: Channel::Tcp { .. }, line, .. }) = request.extensions().get::<Peer>() else { return None };
    let headers = request.headers();
    let host = text(headers, &header::HOST).unwrap_or_default();
    if !is_own_name(host, names) {
        return Some(
            Problem::new(ProblemKind::Misdirected, "the admin API does not go by that name")
                .with_remedy("address it as localhost or by its IP address, or add the name to names of [admin]"),
        );
    }
    if is_safe(request.method()) {
        return None;
    }
    let told = [Told::by_origin(headers, *line), Told::by_fetch_site(headers)];
    told.contains(&Told::Foreign)
        .then(|| Problem::new(ProblemKind::Forbidden, "the request comes from a foreign web page"))
}

/// Whether the method only reads.
pub(super) const fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What a browser tells of where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing: no browser of the last years, or none at all.
    Nothing,
    /// A page of this node.
    Own,
    /// Another page, or one that must not be told.
    Foreign,
}

impl Told {
    fn by_origin(headers: &HeaderMap, line: Line) -> Self {
        let Some(origin) = text(headers, &header::ORIGIN) else { return Self::Nothing };
        let host = text(headers, &header::HOST).unwrap_or_default();
        let (scheme, named) = origin.split_once("://").unwrap_or(("", origin));
        // In front of a plain listener there may be a proxy that speaks TLS.
        let fits = scheme == "https" || line == Line::Plain;
        if fits && named.eq_ignore_ascii_case(host) { Self::Own } else { Self::Foreign }
    }

    fn by_fetch_site(headers: &HeaderMap) -> Self {
        match text(headers, &FETCH_SITE) {
            None => Self::Nothing,
            Some("same-origin") => Self::Own,
            // Typed or from a bookmark; neither posts.
            Some("none") => Self::Nothing,
            Some(_) => Self::Foreign,
        }
    }
}

/// Whether the browser says that the request comes from a page of this node.
pub(super) fn comes_from_own_page(headers: &HeaderMap, line: Line) -> bool {
    let told = [Told::by_origin(headers, line), Told::by_fetch_site(headers)];
    told.contains(&Told::Own) && !told.contains(&Told::Foreign)
}

/// Whether the browser says that it speaks TLS, perhaps with a proxy in front of us.
pub(super) fn is_encrypted(headers: &HeaderMap, line: Line) -> bool {
    line == Line::Tls || text(headers, &header::ORIGIN).is_some_and(|origin| origin.starts_with("https://"))
}

/// The value that a form repeats.
#[derive(Deserialize)]
struct Repeated {
    #[serde(default)]
    csrf: String,
}

/// The request again, if it shows that a page of this node made it: it says that it comes from one, and repeats the
/// session's value in a header or in the field `csrf` of a form.
pub(super) async fn proven(request: Request, session: &Session) -> Result<Request, Problem> {
    let line = request.extensions().get::<Peer>().map_or(Line::Plain, |peer| peer.line);
    if !comes_from_own_page(request.headers(), line) {
        return Err(Problem::new(ProblemKind::Forbidden, "the request does not say that a page of this node made it")
            .with_remedy("send the header Origin with the session cookie, or use a token"));
    }
    let not_repeated = || {
        Problem::new(ProblemKind::Forbidden, "the request does not repeat the value of its session")
            .with_remedy("load the page again; scripts send the csrf of /api/v1/session as X-Waypost-CSRF")
    };
    if let Some(repeated) = text(request.headers(), &CSRF_HEADER) {
        return if session.is_repeated_by(repeated) { Ok(request) } else { Err(not_repeated()) };
    }
    let (parts, body) = request.into_parts();
    let body = bounded(body).await?;
    let mut form = Request::new(Body::from(body.clone()));
    *form.method_mut() = Method::POST;
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        form.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    match Form::<Repeated>::from_request(form, &()).await {
        Ok(Form(Repeated { csrf })) if session.is_repeated_by(&csrf) => {
            Ok(Request::from_parts(parts, Body::from(body)))
        }
        _ => Err(not_repeated()),
    }
}

async fn bounded(body: Body) -> Result<Bytes, Problem> {
    to_bytes(body, FORM_BYTES)
        .await
        .map_err(|_| Problem::new(ProblemKind::TooLarge, format!("a form has at most {FORM_BYTES} octets")))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether `host` (with or without port) is an address or `localhost`, which no foreign zone can point here, or one of `names`.
fn is_own_name(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_known = names.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_known || name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_cannot_be_rebound_are_ours() {
        for host in ["localhost", "LOCALHOST:8053", "127.0.0.1:8053", "[::1]:8053", "10.0.0.1"] {
            assert!(is_own_name(host, &[]), "{host}");
        }
        let names = ["ns1.example.org".to_owned()];
        assert!(is_own_name("NS1.example.org:8053", &names) && is_own_name("ns1.example.org.", &names));
        assert!(!is_own_name("ns1.example.org.evil.example", &names) && !is_own_name("ns2.example.org", &names));
        for host in ["", "evil.example", "evil.example:8053", "127.0.0.1.evil.example", "[evil]"] {
            assert!(!is_own_name(host, &[]), "{host}");
        }
    }

    #[test]
    fn a_page_is_ours_by_scheme_host_and_port() {
        let told = |line, headers: &[(HeaderName, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| (name.clone(), (*value).parse().unwrap()));
            comes_from_own_page(&HeaderMap::from_iter(headers), line)
        };
        let host = (header::HOST, "127.0.0.1:8053");
        let origin = |origin| [host.clone(), (header::ORIGIN, origin)];
        assert!(told(Line::Plain, &origin("http://127.0.0.1:8053")));
        assert!(told(Line::Plain, &origin("https://127.0.0.1:8053")), "a proxy speaks TLS for us");
        assert!(told(Line::Tls, &origin("https://127.0.0.1:8053")));
        assert!(!told(Line::Tls, &origin("http://127.0.0.1:8053")));
        for foreign in ["http://127.0.0.1", "http://127.0.0.1:9000", "http://evil.example", "null", ""] {
            assert!(!told(Line::Plain, &origin(foreign)), "{foreign}");
        }
        assert!(!told(Line::Plain, std::slice::from_ref(&host)), "who says nothing says too little for a cookie");
        assert!(told(Line::Plain, &[host.clone(), (FETCH_SITE, "same-origin")]));
        for site in ["same-site", "cross-site", "none", "nonsense"] {
            assert!(!told(Line::Plain, &[host.clone(), (FETCH_SITE, site)]), "{site}");
        }
        let contradiction = [host, (header::ORIGIN, "http://127.0.0.1:8053"), (FETCH_SITE, "cross-site")];
        assert!(!told(Line::Plain, &contradiction));
    }
}
