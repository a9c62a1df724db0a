//! Signing in as browsers and those who would abuse them meet it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::entrance_control::Count;
use super::password::tests::user;
use super::tests::{Api, drain, now, problem};
use crate::model::SignIn;

/// A browser: it follows no redirect, so that they can be looked at, and keeps one cookie.
pub(super) struct Browser {
    client: Client,
    base: String,
    cookie: Option<String>,
}

impl Browser {
    pub(super) fn at(api: &Api) -> Self {
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, base: api.base.clone(), cookie: None }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method.clone(), format!("{}{path}", self.base));
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        // As browsers do with all that is not only read.
        if method == Method::GET { request } else { request.header("origin", &self.base) }
    }

    pub(super) async fn sign_in(&mut self, form: &[(&str, &str)]) -> Response {
        let response = self.request(Method::POST, "/login").form(form).send().await.unwrap();
        if let Some(set) = response.headers().get("set-cookie") {
            self.cookie = Some(set.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        response
    }

    pub(super) async fn session(&self) -> Value {
        self.request(Method::GET, "/api/v1/session").send().await.unwrap().json().await.unwrap()
    }

    async fn csrf(&self) -> String {
        self.session().await["csrf"].as_str().unwrap().to_owned()
    }

    /// Gives an order as a script of the dashboard does.
    async fn order(&self, csrf: &str) -> u16 {
        let request = self.request(Method::POST, "/api/v1/orders").header("x-waypost-csrf", csrf).json(&drain());
        request.send().await.unwrap().status().as_u16()
    }
}

pub(super) fn journalled(api: &Api) -> Vec<(SignIn, String)> {
    let entries = api.fake.door.journalled.lock().unwrap();
    entries.iter().map(|entry| (entry.outcome, entry.name.clone())).collect()
}

#[tokio::test]
async fn a_token_opens_a_session_that_may_what_the_token_may() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    assert_eq!(browser.session().await["role"], Value::Null);
    let response = browser.sign_in(&[("token", "wp_operator"), ("next", "/sites/fra?x=1")]).await;
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"], "/sites/fra?x=1");
    let set = response.headers()["set-cookie"].to_str().unwrap();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    let session = browser.session().await;
    assert_eq!((&session["name"], &session["role"]), (&json!("operator-token"), &json!("operator")));
    assert_eq!((&session["means"], &session["idle_seconds"]), (&json!("token"), &json!(3600)));
    let csrf = browser.csrf().await;
    assert_eq!(browser.order(&csrf).await, 200);
    let reload = browser.request(Method::POST, "/api/v1/reload").header("x-waypost-csrf", &csrf).send().await.unwrap();
    assert_eq!(problem(reload).await.0, 403);
    assert_eq!(api.fake.ordered.lock().unwrap()[0].1.name, "operator-token");
    assert_eq!(journalled(&api), [(SignIn::SignedIn, "operator-token".to_owned())]);
    assert_eq!((api.fake.door.tally.counted(Count::SignedIn), api.fake.door.tally.sessions()), (1, 1));
}

#[tokio::test]
async fn names_and_passwords_open_sessions_where_there_are_users() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    let page = browser.request(Method::GET, "/login").send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("type=\"password\" autocomplete=\"current-password\"") && page.contains("Token"));
    api.fake.door.let_in(vec![user("alice", "correct horse")]);
    let page = browser.request(Method::GET, "/login").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("current-password"));
    let wrong = browser.sign_in(&[("name", "alice"), ("password", "hunter2")]).await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers().get("www-authenticate").is_none() && browser.cookie.is_none());
    assert!(wrong.text().await.unwrap().contains("Name or password is wrong"));
    assert_eq!(browser.sign_in(&[("name", "hunter2"), ("password", "alice")]).await.status(), 401);
    assert_eq!(browser.sign_in(&[("name", "alice"), ("password", "correct horse")]).await.status(), 303);
    assert_eq!(browser.session().await["name"], "alice");
    let names = ["alice", "somebody", "alice"].map(ToOwned::to_owned);
    let outcomes = [SignIn::Refused, SignIn::Refused, SignIn::SignedIn];
    assert_eq!(journalled(&api), outcomes.into_iter().zip(names).collect::<Vec<_>>());
    assert!(!format!("{:?}", api.fake.door.journalled.lock().unwrap()).contains("hunter2"), "no secret in the journal");
    // Another password ends what was opened with the one before.
    api.fake.door.let_in(vec![user("alice", "battery staple")]);
    assert_eq!(browser.session().await["role"], Value::Null);
}

#[tokio::test]
async fn the_sixth_guess_in_a_minute_is_not_looked_at() {
    let api = Api::start().await;
    api.fake.door.let_in(vec![user("alice", "correct horse")]);
    let mut browser = Browser::at(&api);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(browser.sign_in(&[("name", "alice"), ("password", "guess")]).await.status().as_u16());
    }
    assert_eq!(seen, [401; 5]);
    let good = browser.sign_in(&[("name", "alice"), ("password", "correct horse")]).await;
    assert_eq!((good.status().as_u16(), good.headers()["retry-after"].to_str().unwrap()), (429, "60"));
    assert_eq!(browser.sign_in(&[("token", "wp_guess")]).await.status(), 401, "tokens are counted apart");
    assert_eq!(browser.sign_in(&[("token", "wp_operator")]).await.status(), 303, "nobody can lock the operator out");
    let tally = &api.fake.door.tally;
    assert_eq!((tally.counted(Count::Refused), tally.counted(Count::Limited)), (6, 1));
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    browser.sign_in(&[("token", "wp_admin")]).await;
    let (cookie, csrf) = (browser.cookie.clone().unwrap(), browser.csrf().await);
    let post = |path: &str| browser.client.post(format!("{}{path}", browser.base)).header("cookie", &cookie);
    let refused = [
        // Without the session's value, or with another's.
        post("/api/v1/orders").header("origin", &browser.base).json(&drain()),
        post("/api/v1/orders").header("origin", &browser.base).header("x-waypost-csrf", "guess").json(&drain()),
        post("/logout").header("origin", &browser.base).form(&[("csrf", "guess")]),
        post("/logout").header("origin", &browser.base),
        // From nowhere, from elsewhere.
        post("/api/v1/orders").header("x-waypost-csrf", &csrf).json(&drain()),
        post("/logout").form(&[("csrf", &csrf)]),
        post("/logout").header("origin", "null").form(&[("csrf", &csrf)]),
        post("/logout").header("origin", "http://evil.example").form(&[("csrf", &csrf)]),
        post("/logout").header("origin", &browser.base).header("sec-fetch-site", "cross-site").form(&[("csrf", &csrf)]),
        // Somebody signed in as somebody else by a foreign page.
        post("/login").header("origin", "http://evil.example").form(&[("token", "wp_viewer")]),
        post("/login").form(&[("token", "wp_viewer")]),
    ];
    let count = refused.len() as u64;
    for request in refused {
        let response = request.send().await.unwrap();
        assert!(response.headers().get("set-cookie").is_none());
        assert_eq!(problem(response).await.0, 403);
    }
    assert!(api.fake.ordered.lock().unwrap().is_empty());
    assert_eq!(browser.session().await["name"], "admin-token", "the session stands");
    assert_eq!(api.fake.door.tally.counted(Count::Foreign), count);
}

#[tokio::test]
async fn nothing_is_written_without_authentication_on_loopback_either() {
    let api = Api::start().await;
    let browser = Browser::at(&api);
    for path in ["/api/v1/orders", "/api/v1/orders/lift", "/api/v1/probe", "/api/v1/reload", "/api/v1/tokens"] {
        let response = browser.request(Method::POST, path).json(&drain()).send().await.unwrap();
        assert_eq!(problem(response).await.0, 401, "{path}");
    }
    assert!(api.fake.ordered.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_session_nobody_opened_is_none() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    // A value that somebody else put there is not taken over (session fixation).
    let planted = "waypost=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    browser.cookie = Some(planted.to_owned());
    assert_eq!(browser.session().await["role"], Value::Null);
    browser.sign_in(&[("token", "wp_operator")]).await;
    let first = browser.cookie.clone().unwrap();
    assert_ne!(first, planted);
    // Who signs in anew leaves the session before.
    browser.sign_in(&[("token", "wp_admin")]).await;
    assert_eq!(browser.session().await["name"], "admin-token");
    browser.cookie = Some(first);
    assert_eq!(browser.session().await["role"], Value::Null);
}

#[tokio::test]
async fn who_signs_out_is_out() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    browser.sign_in(&[("token", "wp_operator")]).await;
    let page = browser.request(Method::GET, "/login").send().await.unwrap().text().await.unwrap();
    let csrf = browser.csrf().await;
    assert!(page.contains("signed in as <strong>operator-token</strong>") && page.contains(&csrf));
    let response = browser.request(Method::POST, "/logout").form(&[("csrf", &csrf)]).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (303, "/login"));
    let gone: Vec<_> = response.headers().get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
    assert!(gone.iter().all(|set| set.contains("Max-Age=0")) && gone.len() == 2, "{gone:?}");
    assert_eq!(browser.order(&csrf).await, 401);
    assert_eq!(journalled(&api).last().unwrap().0, SignIn::SignedOut);
    assert_eq!(api.fake.door.tally.sessions(), 0);
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_with_its_time() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    browser.sign_in(&[("token", "wp_operator")]).await;
    let csrf = browser.csrf().await;
    *api.fake.door.revoked.lock().unwrap() = true;
    assert_eq!(browser.order(&csrf).await, 401);
    *api.fake.door.revoked.lock().unwrap() = false;
    assert_eq!(browser.order(&csrf).await, 401, "it does not come back with a token of that name");
    api.fake.door.end_after(Duration::from_secs(60), Duration::ZERO);
    browser.sign_in(&[("token", "wp_operator")]).await;
    assert_eq!(browser.session().await["role"], Value::Null);
    let ended = journalled(&api).into_iter().filter(|(outcome, _)| *outcome == SignIn::Ended).count();
    assert_eq!(ended, 2);
}

#[tokio::test]
async fn a_token_for_one_site_orders_about_that_site_only() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    browser.sign_in(&[("token", "wp_operator-fra")]).await;
    let csrf = browser.csrf().await;
    assert_eq!(browser.session().await["sites"], json!(["fra"]));
    assert_eq!(browser.order(&csrf).await, 200);
    for (path, body) in [
        ("/api/v1/orders", json!({ "scope": { "site": "iad" }, "kind": "drain", "share": 1000, "reason": "x" })),
        ("/api/v1/orders/lift", json!({ "scope": { "site": "iad", "service": "mx" } })),
    ] {
        let with_token = api.tcp(Method::POST, path).bearer_auth("wp_operator-fra").json(&body).send().await.unwrap();
        let document: Value = with_token.json().await.unwrap();
        assert_eq!(document["status"], 403);
        assert_eq!(document["detail"], "'operator-fra-token' may order about fra only, not about 'iad'");
        let request = browser.request(Method::POST, path).header("x-waypost-csrf", &csrf).json(&body);
        assert_eq!(problem(request.send().await.unwrap()).await.0, 403);
    }
    assert_eq!(api.fake.ordered.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_journal_is_read_in_pages_both_ways_and_by_time() {
    let api = Api::start().await;
    for count in 1..=10 {
        api.fake.happens_at(&format!("part {count}"), now() + Duration::from_secs(60 * count));
    }
    let page = async |query: &str| {
        let response = api.tcp(Method::GET, &format!("/api/v1/events?{query}")).send().await.unwrap();
        let links = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned()).unwrap_or_default();
        let document: Value = response.json().await.unwrap();
        let ids: Vec<u64> =
            document["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect();
        (ids, links)
    };
    let (ids, links) = page("limit=3").await;
    assert_eq!((ids, links.as_str()), (vec![8, 9, 10], "</api/v1/events?before=8&limit=3>; rel=\"prev\""));
    let (ids, links) = page("before=8&limit=3").await;
    assert_eq!(ids, [5, 6, 7]);
    assert!(links.contains("before=5&limit=3>; rel=\"prev\"") && !links.contains("next"), "{links}");
    assert_eq!(page("before=1").await.0, Vec::<u64>::new());
    let (ids, links) = page("after=2&limit=3").await;
    assert_eq!(ids, [3, 4, 5]);
    assert!(links.contains("after=5&limit=3>; rel=\"next\""), "{links}");
    let at = |minutes: u64| now() + Duration::from_secs(60 * minutes);
    assert_eq!(page(&format!("since={}&until={}", at(3), at(6))).await.0, [3, 4, 5]);
    let (ids, links) = page(&format!("since={}&limit=2", at(4))).await;
    assert_eq!(ids, [4, 5]);
    assert!(links.contains(&format!("after=5&limit=2&since={}>; rel=\"next\"", at(4))), "{links}");
    assert_eq!(page(&format!("until={}", at(3))).await.0, [1, 2]);
    assert_eq!(page(&format!("since={}", at(11))).await.0, Vec::<u64>::new());
}

#[tokio::test]
async fn hostile_ways_back_stay_here_and_run_nothing() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    let page =
        browser.request(Method::GET, "/login?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'self'") && policy.contains("form-action 'self'"), "{policy}");
    assert_eq!(page.headers()["referrer-policy"], "same-origin");
    assert!(!page.text().await.unwrap().contains("<script>alert"));
    let response = browser.sign_in(&[("token", "wp_viewer"), ("next", "//evil.example")]).await;
    assert_eq!(response.headers()["location"], "/");
}
