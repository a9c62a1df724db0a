//! Broken here, and a strange server in the place of a member could make a node hang, follow it elsewhere, give an order
//! twice or believe in changes that never reached it.

use waypost::model::EtcdSettings;
use waypost::store::StoreError;
use waypost::store::etcd::{Etcd, Swap};

use crate::bounded;
use crate::fake::{Answer, Fake};
use crate::follow::Followed;
use crate::ports::free_port;

const ACKNOWLEDGED: &str = r#"{"header":{"revision":"7"},"succeeded":true}"#;

fn client(urls: &[&str]) -> Etcd {
    let endpoints = urls.iter().map(|url| (*url).to_owned()).collect();
    Etcd::new(&EtcdSettings { endpoints, prefix: "/waypost".into(), ca: None, identity: None, login: None }).unwrap()
}

#[tokio::test]
async fn a_swap_that_may_have_been_done_is_not_sent_to_another_member() {
    let closes = Fake::start(|_| Answer::Nothing).await;
    let good = Fake::start(|_| Answer::json(ACKNOWLEDGED)).await;
    let etcd = client(&[&closes.url, &good.url]);
    let outcome = bounded(etcd.swap("orders", None, b"1")).await;
    let Err(StoreError::Unreachable { detail }) = outcome else { panic!("{outcome:?}") };
    assert!(detail.contains(&closes.url) && !detail.contains(&good.url), "{detail}");
    assert_eq!((closes.asked().len(), good.asked().len()), (1, 0));

    // What may be done twice is.
    let etcd = client(&[&closes.url, &good.url]);
    bounded(etcd.put("orders", b"1")).await.unwrap();
    assert_eq!((closes.asked().len(), good.asked().len()), (2, 1));
    // The member that answered last is asked first.
    bounded(etcd.put("orders", b"1")).await.unwrap();
    assert_eq!((closes.asked().len(), good.asked().len()), (2, 2));

    // And what surely never reached a member.
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let outcome = bounded(client(&[&nobody, &good.url]).swap("orders", None, b"1")).await.unwrap();
    assert!(matches!(outcome, Swap::Done(_)));
    let refuses = Fake::start(|_| {
        let body = r#"{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}"#;
        let head = format!("HTTP/1.1 503 Service Unavailable\r\nContent-Length: {}\r\n\r\n", body.len());
        Answer::Octets((head + body).into_bytes())
    })
    .await;
    let outcome = bounded(client(&[&refuses.url, &good.url]).swap("orders", None, b"1")).await.unwrap();
    assert!(matches!(outcome, Swap::Done(_)));
}

#[tokio::test]
async fn replies_that_are_none_are_reported_as_what_they_are() {
    let elsewhere = Fake::start(|_| Answer::json(ACKNOWLEDGED)).await;
    let redirect =
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n", elsewhere.url);
    let endless = [&b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"[..], &vec![b' '; 10 << 20]].concat();
    let without_gateway = b"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nNot Found\n".to_vec();
    for (reply, expected) in [
        (redirect.into_bytes(), "307"),
        (endless, "more than 8388608 octets"),
        (without_gateway, "HTTP 404 Not Found: no etcd, or its gateway is off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec(), "no valid reply"),
        (b"220 mail.example.org ESMTP\r\n".to_vec(), ""),
    ] {
        let odd = Fake::start(move |_| Answer::Octets(reply.clone())).await;
        let outcome = bounded(client(&[&odd.url]).get("orders")).await;
        let Err(StoreError::Unreachable { detail }) = outcome else { panic!("{outcome:?}") };
        assert!(detail.contains(&odd.url) && detail.contains(expected), "{detail}");
    }
    assert!(elsewhere.asked().is_empty());
}

/// The listing of one key, `orders`, last changed at `version`.
fn listing(version: u64) -> Answer {
    // "/waypost/v1/orders"
    let kv = format!(r#"{{"key":"L3dheXBvc3QvdjEvb3JkZXJz","mod_revision":"{version}"}}"#);
    Answer::json(&format!(r#"{{"header":{{"revision":"{version}"}},"kvs":[{kv}],"count":"1"}}"#))
}

const OPENED: &str = "{\"result\":{\"header\":{\"revision\":\"5\"},\"created\":true}}\n";
const PROGRESS: &str = "{\"result\":{\"header\":{\"revision\":\"5\"}}}\n";

#[tokio::test]
async fn a_change_that_a_watch_lost_is_found_by_the_next_listing() {
    let mut version = 4;
    // Every listing finds a change that the watch, which stands all the time, never told.
    let loses = Fake::start(move |path| match path {
        "/v3/watch" => Answer::Stream(OPENED.into(), PROGRESS.into()),
        _ => {
            version += 1;
            listing(version)
        }
    })
    .await;
    let mut followed = Followed::new(client(&[&loses.url]).watch(""));
    followed.until("a second listing", |followed| followed.listings == 2).await;
    assert_eq!(followed.entries["orders"].version.to_string(), "6");
    assert!(followed.troubles.is_empty(), "{:?}", followed.troubles);
    assert_eq!(loses.asked().iter().filter(|path| *path == "/v3/watch").count(), 1);
}

#[tokio::test]
async fn a_watch_that_a_member_ends_is_opened_again() {
    let mut endings = vec![
        "",
        "{\"result\":{\"header\":{},\"canceled\":true,\"compact_revision\":\"9\"}}\n",
        "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: no leader\"}}",
        "{\"result\":{\"header\":{\"revision\":\"5\"},\"events\":[{\"kv\":{\"key\":\"?\",\"mod_revision\":\"6\"}}]}}\n",
    ];
    let ends = Fake::start(move |path| match (path, endings.pop()) {
        ("/v3/watch", Some(last)) => {
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
            let body = format!("{OPENED}{last}");
            Answer::Octets(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
        }
        ("/v3/watch", None) => Answer::Stream(OPENED.into(), PROGRESS.into()),
        (_, put_back) => {
            endings.extend(put_back);
            listing(5)
        }
    })
    .await;
    let mut followed = Followed::new(client(&[&ends.url]).watch(""));
    followed.until("a watch that stands", |followed| followed.listings == 5).await;
    let troubles: Vec<_> = followed.troubles.iter().map(ToString::to_string).collect();
    let expected = ["no valid reply", "no leader", "before revision 9 was compacted", "the watch ended"];
    assert_eq!(troubles.len(), expected.len(), "{troubles:?}");
    for (trouble, expected) in troubles.iter().zip(expected) {
        assert!(trouble.contains(expected), "{troubles:?}");
    }
}
