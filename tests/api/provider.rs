//! Broken here, and who left the organisation still drains sites, or nobody of it can.

use std::process::{Child, Command, Stdio};

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;

use crate::patience::wait_until;
use crate::ports::free_port;
use crate::python::program;
use crate::scene::{PATIENCE, Scene};

/// A provider that knows alice, who is on call, and bob, who is not.
struct Provider {
    child: Child,
    url: String,
}

impl Provider {
    fn start() -> Self {
        let port = free_port();
        let person = |name: &str, groups: &str| {
            format!(r#"{{"sub":"{name}","preferred_username":"{name}","groups":[{groups}]}}"#)
        };
        let child = Command::new(program("oidc-provider-mock"))
            .args(["--port", &port.to_string(), "--require-nonce", "true"])
            .args(["--user-claims", &person("alice", "\"mail-oncall\",\"staff\"")])
            .args(["--user-claims", &person("bob", "\"sales\"")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let provider = Self { child, url: format!("http://127.0.0.1:{port}") };
        wait_until("the provider answers", PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        provider
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn location(response: &Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// The pairs `name=value` of the cookies that a response sets.
fn cookies(response: &Response) -> Vec<String> {
    let set = response.headers().get_all("set-cookie").iter();
    set.map(|set| set.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
}

struct Scenery {
    scene: Scene,
    provider: Provider,
    client: Client,
    base: String,
}

impl Scenery {
    fn new() -> Self {
        let provider = Provider::start();
        let issuer = provider.url.clone();
        let scene = Scene::with(|text| {
            let admin = text.split("[admin]").nth(1).unwrap().split("listen = \"").nth(1).unwrap();
            let listen = admin.split('"').next().unwrap().to_owned();
            format!(
                "{text}\n[admin.oidc]\nissuer = \"{issuer}\"\nclient_id = \"waypost\"\nclient_secret_file = \"oidc.secret\"\n\
                 redirect = \"http://{listen}/login/callback\"\nscopes = [\"profile\"]\n[[admin.oidc.grant]]\n\
                 value = \"mail-oncall\"\nrole = \"operator\"\nsites = [\"fra\"]\n"
            )
        });
        std::fs::write(scene.directory.path().join("oidc.secret"), "a secret of the node\n").unwrap();
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let base = format!("http://127.0.0.1:{}", scene.admin);
        Self { scene, provider, client, base }
    }

    /// To the provider and signed in there; the cookie of the visit and the way back.
    async fn visit(&self, who: &str) -> (String, String) {
        let there = self.client.get(format!("{}/login/provider?next=/nodes", self.base)).send().await.unwrap();
        assert_eq!(there.status(), 303);
        let [visit] = cookies(&there).try_into().unwrap();
        let url = location(&there);
        for part in ["response_type=code", "code_challenge_method=S256", "code_challenge=", "state=", "nonce="] {
            assert!(url.contains(part), "{url}");
        }
        assert!(url.starts_with(&self.provider.url), "{url}");
        let signed = self.client.post(url).form(&[("sub", who)]).send().await.unwrap();
        (visit, location(&signed))
    }

    async fn back(&self, url: &str, cookie: &str) -> Response {
        self.client.get(url).header("cookie", cookie).send().await.unwrap()
    }
}

#[tokio::test]
async fn who_the_provider_knows_may_what_their_groups_are_granted() {
    let scenery = Scenery::new();
    let (visit, url) = scenery.visit("alice").await;
    let back = scenery.back(&url, &visit).await;
    assert_eq!(back.status(), 200, "{}", back.text().await.unwrap());
    let cookie = cookies(&back).into_iter().find(|cookie| cookie.starts_with("waypost=")).unwrap();
    assert!(back.text().await.unwrap().contains("url=/nodes"));
    let request = scenery.client.get(format!("{}/api/v1/session", scenery.base)).header("cookie", cookie);
    let session: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!((&session["name"], &session["role"]), (&"oidc:alice".into(), &"operator".into()));
    assert_eq!((&session["means"], &session["sites"][0]), (&"provider".into(), &"fra".into()));
    // The code was for once.
    assert_eq!(scenery.back(&url, &visit).await.status(), 401);
    // Known there and nobody here.
    let (visit, url) = scenery.visit("bob").await;
    let back = scenery.back(&url, &visit).await;
    assert_eq!((back.status().as_u16(), cookies(&back).len()), (401, 0));
    let journal = scenery.scene.node.order(&["events", "-n", "100", "-o", "json"]);
    assert!(journal.contains("oidc:bob") && !journal.contains("a secret of the node"), "{journal}");
}

#[tokio::test]
async fn a_way_back_belongs_to_the_browser_that_went_there() {
    let scenery = Scenery::new();
    let (visit, url) = scenery.visit("alice").await;
    let (other, _) = scenery.visit("alice").await;
    // Somebody is made to follow another's way back (login CSRF), or one without a beginning.
    for cookie in [other.as_str(), "", "waypost-visit=x.y"] {
        assert_eq!(scenery.back(&url, cookie).await.status(), 401, "{cookie}");
    }
    let (before, after) = url.split_once("state=").unwrap();
    let forged = format!("{before}state=x{after}");
    assert_eq!(scenery.back(&forged, &visit).await.status(), 401);
    assert_eq!(scenery.back(&url, &visit).await.status(), 200, "the true one still leads in");
    // The provider is gone: the page says so, and tokens work.
    let url = format!("{}/login/provider", scenery.base);
    let Scenery { provider, client, scene, .. } = scenery;
    drop(provider);
    scene.node.hang_up();
    let gone = client.get(url).send().await.unwrap();
    assert!(gone.status().as_u16() == 303 || gone.text().await.unwrap().contains("Sign in with a token instead"));
}
