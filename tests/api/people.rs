//! Broken here, and nobody can sign in at three in the morning, or somebody still can who signed out.

use std::io::Write;
use std::process::{Command, Stdio};

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// As `waypost user hash` makes it.
fn hash(password: &str) -> String {
    let mut child =
        Command::new(executable()).args(["user", "hash"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A browser that follows no redirect and keeps the cookie of its session.
struct Browser {
    client: Client,
    base: String,
    cookie: String,
}

impl Browser {
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = self.client.post(format!("{}{path}", self.base)).header("origin", &self.base);
        request.header("cookie", &self.cookie).form(form).send().await.unwrap()
    }

    async fn session(&self) -> Value {
        let request = self.client.get(format!("{}/api/v1/session", self.base)).header("cookie", &self.cookie);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn drain(&self, site: &str) -> u16 {
        let csrf = self.session().await["csrf"].as_str().unwrap_or_default().to_owned();
        let order = json!({ "scope": { "site": site }, "kind": "drain", "share": 1000, "reason": "by hand" });
        let request = self.client.post(format!("{}/api/v1/orders", self.base)).header("origin", &self.base);
        let request = request.header("cookie", &self.cookie).header("x-waypost-csrf", csrf).json(&order);
        request.send().await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn somebody_signs_in_drains_their_site_and_signs_out() {
    let hashed = hash("correct horse battery");
    let scene = Scene::with(|text| {
        format!(
            "{text}\n[[admin.user]]\nname = \"alice\"\npassword_hash = \"{hashed}\"\nrole = \"operator\"\nsites = [\"fra\"]\n"
        )
    });
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let base = format!("http://127.0.0.1:{}", scene.admin);
    let mut browser = Browser { client, base, cookie: String::new() };
    let wrong = browser.post("/login", &[("name", "alice"), ("password", "correct horse")]).await;
    assert_eq!(wrong.status(), 401);
    let form = [("name", "alice"), ("password", "correct horse battery"), ("next", "/nodes")];
    let good = browser.post("/login", &form).await;
    assert_eq!((good.status().as_u16(), good.headers()["location"].to_str().unwrap()), (303, "/nodes"));
    let set = good.headers()["set-cookie"].to_str().unwrap();
    browser.cookie = set.split(';').next().unwrap().to_owned();
    assert_eq!(browser.session().await["name"], "alice");
    assert_eq!(browser.drain("iad").await, 403);
    assert_eq!(browser.drain("fra").await, 200);
    assert_eq!(scene.status()["orders"][0]["by"], "alice");
    let csrf = browser.session().await["csrf"].as_str().unwrap().to_owned();
    assert_eq!(browser.post("/logout", &[("csrf", "guess")]).await.status(), 403);
    assert_eq!(browser.post("/logout", &[("csrf", &csrf)]).await.status(), 303);
    assert_eq!(browser.drain("fra").await, 401);
    let journal = || scene.node.order(&["events", "-n", "100", "-o", "json"]);
    for said in ["signed_in", "signed_out", "refused"] {
        let said = format!("\"outcome\": \"{said}\"");
        wait_until(&said, PATIENCE, || journal().contains(&said));
    }
    let journal = journal();
    let log = std::fs::read_to_string(scene.node.log()).unwrap();
    for secret in ["correct horse battery", &csrf, browser.cookie.split('=').nth(1).unwrap()] {
        assert!(!journal.contains(secret) && !log.contains(secret), "a secret was written down");
    }
}
