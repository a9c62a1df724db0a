//! What strangers and programs gone wrong may try, so that nobody else gets in: the sign-in, the journal and the places stay free.

use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use futures_util::{FutureExt, StreamExt};
use reqwest::{Method, Response};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::access::{Line, Peer};
use super::bounds::{CONNECTIONS, FAILURES, HEADER_TIME, PASSWORD_WAITING_OF_ONE, SIGN_INS_JOURNALLED, STREAMS_OF_ONE};
use super::entrance_control::Count;
use super::entrance_tests::{Browser, journalled};
use super::password::tests::user;
use super::places::Places;
use super::router::{Shared, routes};
use super::server::talk;
use super::sign_in::{LoginForm, Refusal, origin};
use super::steady::Steady;
use super::tests::{Api, Fake, problem};
use super::{Channel, Control};
use crate::model::{Entrance, Oidc, SignIn};

const PATIENCE: Duration = Duration::from_secs(30);

fn shared(fake: &Arc<Fake>) -> (Shared, watch::Sender<()>) {
    let (running, stopping) = watch::channel(());
    (Shared::new(Arc::clone(fake) as Arc<dyn Control>, None, stopping), running)
}

#[tokio::test]
async fn guesses_that_are_abandoned_count() {
    let fake = Fake::new();
    fake.door.let_in(vec![user("alice", "correct horse")]);
    let (shared, _running) = shared(&fake);
    let from = |address: [u8; 4]| Channel::Tcp { peer: address.into() };
    let form = |password: &str| LoginForm { name: "alice".into(), password: password.into(), ..LoginForm::default() };
    let now = Instant::now();
    let checking = shared.passwords.hold_up().await;
    let guesser = from([192, 0, 2, 1]);
    for _ in 0..FAILURES {
        // The connection is closed while the password waits to be checked.
        assert!(origin(&shared, guesser, form("guess"), now).now_or_never().is_none());
    }
    assert!(matches!(origin(&shared, guesser, form("correct horse"), now).await, Err(Refusal::TooMany)));
    // One who is told to come again has not failed.
    let other = from([192, 0, 2, 2]);
    let mut waiting: Vec<_> =
        (0..PASSWORD_WAITING_OF_ONE).map(|_| Box::pin(origin(&shared, other, form("correct horse"), now))).collect();
    assert!(waiting.iter_mut().all(|waiting| waiting.now_or_never().is_none()));
    for _ in 0..2 * FAILURES {
        assert!(matches!(origin(&shared, other, form("guess"), now).await, Err(Refusal::Busy)));
    }
    drop(checking);
    for waiting in waiting {
        assert!(waiting.await.is_ok());
    }
    for _ in 0..2 * FAILURES {
        assert!(origin(&shared, other, form("correct horse"), now).await.is_ok());
    }
}

#[tokio::test]
async fn a_program_with_a_revoked_token_locks_no_password_out() {
    let api = Api::start().await;
    api.fake.door.let_in(vec![user("alice", "correct horse")]);
    for _ in 0..2 * FAILURES {
        api.tcp(Method::GET, "/metrics").bearer_auth("wp_revoked").send().await.unwrap();
    }
    let mut browser = Browser::at(&api);
    assert_eq!(browser.sign_in(&[("name", "alice"), ("password", "correct horse")]).await.status(), 303);
}

#[tokio::test]
async fn who_signs_in_all_day_is_journalled_in_few_entries() {
    let api = Api::start().await;
    let mut browser = Browser::at(&api);
    for _ in 0..40 {
        assert_eq!(browser.sign_in(&[("token", "wp_viewer")]).await.status(), 303);
    }
    assert_eq!(journalled(&api).len(), SIGN_INS_JOURNALLED as usize);
    assert_eq!(api.fake.door.tally.counted(Count::SignedIn), 40);
    browser.sign_in(&[("token", "wp_operator")]).await;
    assert_eq!(journalled(&api).last().unwrap(), &(SignIn::SignedIn, "operator-token".to_owned()));
    // What is still to be written is written when the node stops.
    let fake = Arc::clone(&api.fake);
    api.stop().await;
    let told = async {
        loop {
            let last = fake.door.journalled.lock().unwrap().last().unwrap().clone();
            if last.name == "viewer-token" {
                return last.detail;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let told = timeout(PATIENCE, told).await.unwrap();
    assert!(told.starts_with("and 30 more within a minute"), "{told}");
}

fn provided(api: &Api) {
    let mut settings = api.fake.door.settings.lock().unwrap();
    let oidc = Oidc {
        // Nobody listens there.
        issuer: "http://127.0.0.1:1".into(),
        client_id: "waypost".into(),
        secret: None,
        ca: None,
        redirect: format!("{}/login/callback", api.base),
        scopes: vec![],
        name_claim: "sub".into(),
        claim: "groups".into(),
        grants: vec![],
    };
    let users = vec![user("alice", "correct horse")];
    *settings = Arc::new(Entrance { oidc: Some(oidc), users, ..Entrance::clone(&settings) });
}

#[tokio::test]
async fn nobody_has_the_node_ask_the_provider_at_will() {
    let state = BASE64URL_NOPAD.encode(&Sha256::digest("waypost oidc state secret"));
    let cookie = format!("waypost-visit=secret.{}", BASE64URL_NOPAD.encode(b"/"));
    for path in ["/login/provider".to_owned(), format!("/login/callback?code=x&state={state}")] {
        let api = Api::start().await;
        provided(&api);
        let mut browser = Browser::at(&api);
        let visit = async |path: &str| {
            let request = browser.request(Method::GET, path).header("cookie", &cookie);
            request.send().await.unwrap().status().as_u16()
        };
        // What a foreign page can lead a browser to does not come to the provider.
        for _ in 0..2 * FAILURES {
            assert_eq!(visit("/login/callback?code=x&state=x").await, 401);
        }
        for _ in 0..FAILURES {
            assert_eq!(visit(&path).await, 401, "{path}");
        }
        assert_eq!(visit(&path).await, 429, "{path}");
        let good = browser.sign_in(&[("name", "alice"), ("password", "correct horse")]).await;
        assert_eq!(good.status(), 303, "a provider that is away locks no password out");
    }
}

#[tokio::test]
async fn event_streams_leave_places_for_others() {
    let api = Api::start().await;
    let follow = async |token: Option<&str>| -> Response {
        let request = api.tcp(Method::GET, "/api/v1/events?follow=1");
        token.into_iter().fold(request, |request, token| request.bearer_auth(token)).send().await.unwrap()
    };
    let mut streams = Vec::new();
    for _ in 0..STREAMS_OF_ONE {
        let stream = follow(None).await;
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let refused = follow(None).await;
    assert_eq!(problem(refused).await, (503, "unavailable".into(), 5));
    assert_eq!(follow(Some("wp_viewer")).await.status(), 200, "others have their own share");
    assert_eq!(api.tcp(Method::GET, "/healthz").send().await.unwrap().status(), 200);
    assert_eq!(api.fake.door.tally.counted(Count::Crowded), 1);
    drop(streams);
    let freed = async {
        while follow(None).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, freed).await.unwrap();
}

#[tokio::test]
async fn connections_on_which_nothing_is_asked_make_room() {
    let api = Api::start().await;
    let address = api.base.strip_prefix("http://").unwrap();
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(api.tcp(Method::GET, "/healthz").send().await.unwrap().status(), 200);
    // Sooner than a connection ends by itself on which nothing is asked.
    let oldest = timeout(HEADER_TIME / 2, idle[0].read(&mut [0])).await;
    assert!(matches!(oldest, Ok(Ok(0) | Err(_))), "{oldest:?}");
    assert!(idle[CONNECTIONS - 1].read(&mut [0]).now_or_never().is_none(), "the youngest stays");
}

#[tokio::test]
async fn who_asks_and_never_reads_is_left() {
    let fake = Fake::new();
    let (shared, _running) = shared(&fake);
    let places = Places::new(Arc::clone(&fake) as Arc<dyn Control>);
    let peer = Peer { channel: Channel::Tcp { peer: [192, 0, 2, 1].into() }, line: Line::Plain, shown: None };
    let held = places.take(peer.channel).await.unwrap();
    let (near, mut far) = tokio::io::duplex(4096);
    let near = Steady::new(near, Duration::from_millis(300));
    let stopping = shared.stopping.clone();
    let served = tokio::spawn(async move { talk(near, peer, held.seat(), routes(&shared), stopping).await });
    let asking = async {
        // Until the node takes no more.
        while far.write_all(b"GET /assets/operator.css HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n").await.is_ok() {}
    };
    timeout(PATIENCE, asking).await.unwrap();
    timeout(PATIENCE, served).await.unwrap().unwrap();
    let mut answered = Vec::new();
    far.read_to_end(&mut answered).await.unwrap();
    assert!(answered.starts_with(b"HTTP/1.1 200"), "it did answer");
}

#[tokio::test]
async fn a_stream_that_is_read_goes_on() {
    let api = Api::start().await;
    let mut stream = api.tcp(Method::GET, "/api/v1/events?follow=1").send().await.unwrap().bytes_stream();
    for part in 0..3 {
        api.fake.happens(&format!("part {part}"));
        stream.next().await.unwrap().unwrap();
    }
}
