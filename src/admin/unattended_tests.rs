//! Who is there and who is not, and what they may read: pages that nobody looks at, proxies that stand for anybody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use super::access::{Line, Peer};
use super::entrance_tests::Browser;
use super::router::{Shared, routes};
use super::same_origin::CSRF_HEADER;
use super::session::{Origin, Spans};
use super::tests::{Api, Fake, now};
use super::{Channel, Control};
use crate::model::{EventKind, Means, SignIn};

#[tokio::test]
async fn what_pages_post_and_load_by_themselves_keeps_no_session() {
    let (fake, (_running, stopping)) = (Fake::new(), watch::channel(()));
    let shared = Shared::new(Arc::clone(&fake) as Arc<dyn Control>, None, stopping);
    let router = routes(&shared);
    let origin = Origin::Token { name: "operator-token".into(), made: now() };
    let spans = Spans { idle: Duration::from_secs(3600), longest: Duration::from_secs(36_000) };
    let opened = Instant::now();
    let (cookie, session) = shared.sessions.open(origin, spans, (opened, Timestamp::UNIX_EPOCH)).unwrap();
    let ask = async |method: Method, path: &str, mode: &str, form: &str| {
        let peer = Peer { channel: Channel::Tcp { peer: [127, 0, 0, 1].into() }, line: Line::Plain, shown: None };
        let request = Request::builder().method(method).uri(path).extension(peer);
        let request = request
            .header(header::HOST, "127.0.0.1")
            .header(header::ORIGIN, "http://127.0.0.1")
            .header(header::COOKIE, format!("waypost={cookie}"))
            .header("sec-fetch-mode", mode)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(CSRF_HEADER, session.csrf())
            .body(Body::from(form.to_owned()))
            .unwrap();
        let before = shared.sessions.seen(&cookie);
        let status = router.clone().oneshot(request).await.unwrap().status();
        assert!(!status.is_redirection() && status != StatusCode::UNAUTHORIZED, "{path} {status}");
        shared.sessions.seen(&cookie) > before
    };
    let site = super::tests::SCRIPT.bytes().map(|octet| format!("%{octet:02x}")).collect::<String>();
    let form = |step: &str| format!("site={site}&kind=drain&ends=for&for=1h&reason=x&step={step}");
    assert!(!ask(Method::POST, "/drain", "cors", &form("preview")).await, "a preview that the page posts");
    assert!(!ask(Method::GET, "/", "cors", "").await, "a page that fetches itself");
    assert!(!ask(Method::GET, "/?service=mx&auto", "navigate", "").await, "a page that loads itself");
    assert!(ask(Method::GET, "/", "navigate", "").await, "somebody opens a page");
    assert!(ask(Method::POST, "/drain", "navigate", &form("preview")).await, "somebody presses a button");
    assert!(ask(Method::POST, "/drain", "cors", &form("order")).await, "somebody orders");
}

#[tokio::test]
async fn a_page_that_loads_itself_is_led_to_the_sign_in_all_the_same() {
    let api = Api::start().await;
    let browser = Browser::at(&api);
    let page = browser.request(Method::GET, "/?service=a%20b").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("http-equiv=\"refresh\" content=\"5; url=/?service=a%20b&#38;auto\""), "{page}");
    let request =
        browser.request(Method::GET, "/?auto").header("via", "1.1 proxy").header("sec-fetch-mode", "navigate");
    assert_eq!(request.send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn a_proxy_of_this_machine_does_not_open_the_node_to_whom_it_serves() {
    let api = Api::start().await;
    for (name, value) in [
        ("forwarded", "for=198.51.100.1"),
        ("via", "1.1 proxy"),
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-host", "waypost.example.org"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "198.51.100.1"),
    ] {
        let get = |path: &str| api.tcp(Method::GET, path).header(name, value);
        for path in ["/api/v1/status", "/metrics", "/api/v1/events", "/api/v1/events?follow=1"] {
            assert_eq!(get(path).send().await.unwrap().status(), 401, "{name} {path}");
        }
        let page = get("/").send().await.unwrap();
        assert_eq!(page.url().path(), "/login", "{name}");
        assert_eq!(get("/healthz").send().await.unwrap().status(), 200, "{name}");
        assert_eq!(get("/api/v1/status").bearer_auth("wp_viewer").send().await.unwrap().status(), 200, "{name}");
    }
}

#[tokio::test]
async fn who_came_in_without_a_role_reads_of_the_node_and_not_of_people() {
    let api = Api::start().await;
    let text = || "secret matter".to_owned();
    for kind in [
        EventKind::Degraded { part: "open matter".into(), detail: String::new() },
        EventKind::SignIn {
            outcome: SignIn::SignedIn,
            name: text(),
            means: Means::Token,
            from: text(),
            detail: String::new(),
        },
        EventKind::Acted {
            who: text(),
            channel: text(),
            what: text(),
            why: text(),
            outcome: text(),
            before: text(),
            after: text(),
        },
        EventKind::Token { action: "created".into(), name: text(), by: text() },
        EventKind::Degraded { part: "open matter".into(), detail: String::new() },
    ] {
        api.fake.journals(kind);
    }
    let get = async |path: &str, token: Option<&str>| {
        let request = api.tcp(Method::GET, path);
        token.into_iter().fold(request, |request, token| request.bearer_auth(token)).send().await.unwrap()
    };
    for path in ["/api/v1/events", "/api/v1/events?after=0", "/", "/timeline"] {
        let open = get(path, None).await.text().await.unwrap();
        assert!(open.contains("open matter") && !open.contains("secret matter"), "{path}: {open}");
        let all = get(path, Some("wp_viewer")).await.text().await.unwrap();
        assert!(all.contains("open matter") && all.contains("secret matter"), "{path}: {all}");
    }
    // Pages are filled across what is left out.
    for (query, ids, next, previous) in [
        ("after=1&limit=1", vec![5], 5, Some(2)),
        ("after=0&limit=1", vec![1], 1, None),
        ("after=0", vec![1, 5], 5, None),
        ("limit=1", vec![5], 5, Some(5)),
        ("before=5&limit=1", vec![1], 4, None),
        ("limit=2", vec![1, 5], 5, None),
    ] {
        let page: Value = get(&format!("/api/v1/events?{query}"), None).await.json().await.unwrap();
        let found: Vec<u64> =
            page["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect();
        assert_eq!((found, &page["next_after"]), (ids, &Value::from(next)), "{query}");
        assert_eq!(page["prev_before"].as_u64(), previous, "{query}");
    }
    let followed = async |token: Option<&str>| {
        let mut stream = get("/api/v1/events?follow=1&after=0", token).await.bytes_stream();
        let mut text = String::new();
        while !text.contains("id: 5\n") || !text.ends_with("\n\n") {
            text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        }
        text
    };
    assert!(!followed(None).await.contains("secret matter"));
    assert!(followed(Some("wp_viewer")).await.contains("secret matter"));
}
