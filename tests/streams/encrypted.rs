//! DNS over TLS, QUIC and HTTPS.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use waypost::model::Limits;

use crate::scene::{Scene, output};
use crate::support::query;
use crate::tcp::{frame, framed};

const PATIENCE: Duration = Duration::from_secs(20);

fn client_config(scene: &Scene, protocols: &[&[u8]]) -> rustls::ClientConfig {
    let chain = std::fs::read(scene.directory.path().join("chain.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&chain).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_are_answered_over_every_transport() {
    let scene = Scene::start(Limits::default());
    for (program, transport, flags) in [
        ("kdig", "tls", &["+tls"][..]),
        ("dig", "tls", &["+tls"]),
        ("kdig", "tls", &["+tls", "+keepopen", "+padding"]),
        ("kdig", "https", &["+https=/dns-query"]),
        ("kdig", "https", &["+https=/dns-query", "+https-get"]),
        ("dig", "https", &["+https=/dns-query"]),
        ("dig", "https", &["+https-get=/dns-query"]),
        ("kdig", "quic", &["+quic"]),
    ] {
        let port = scene.encrypted(transport).port().to_string();
        let mut arguments = vec!["@127.0.0.1", "-p", &port, "+timeout=10"];
        arguments.extend(flags);
        arguments.extend(["www.example.org", "A"]);
        let Some(said) = output(program, &arguments).await else { continue };
        assert!(said.contains("203.0.113.80") && said.contains("NOERROR"), "{program} {flags:?}:\n{said}");
        if flags.contains(&"+padding") {
            let octets = said.split("Received ").nth(1).and_then(|rest| rest.split(' ').next());
            let octets: usize = octets.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
            assert_eq!(octets % 468, 0, "{said}");
        }
    }
    let transports: Vec<_> = scene.usage.counts().queries.iter().map(|count| count.transport).collect();
    println!("answered over {transports:?}");
}

async fn shake(scene: &Scene, protocols: &[&[u8]]) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(scene.encrypted("tls")).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client_config(scene, protocols)));
    connector.connect("ns1.example.org".try_into().unwrap(), stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_dns_clients_and_with_nobody_else() {
    let scene = Scene::start(Limits { handshakes: 2, ..Limits::default() });
    for protocols in [&[][..], &[&b"dot"[..]]] {
        let mut stream = shake(&scene, protocols).await.unwrap();
        let queries = [framed(1, "www.example.org", RecordType::A), framed(2, "example.org", RecordType::MX)];
        stream.write_all(&queries.concat()).await.unwrap();
        for _ in 0..2 {
            let length = timeout(PATIENCE, stream.read_u16()).await.unwrap().unwrap();
            let mut reply = vec![0; length.into()];
            stream.read_exact(&mut reply).await.unwrap();
            assert_eq!(Message::from_vec(&reply).unwrap().metadata.response_code, ResponseCode::NoError);
        }
    }
    assert!(shake(&scene, &[b"http/1.1"]).await.is_err(), "another protocol");
    // Garbage, and more handshakes that never go on than there are places for.
    let mut garbage = TcpStream::connect(scene.encrypted("tls")).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(TcpStream::connect(scene.encrypted("tls")).await.unwrap());
    }
    let late = timeout(PATIENCE, async {
        while shake(&scene, &[b"dot"]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    late.await.expect("places are given back");
    // The other protocol, the garbage and an idle one whose time ran out, each counted as its task ends.
    let counted = timeout(PATIENCE, async {
        while scene.usage.counts().failed_handshakes < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    counted.await.expect("handshakes that fail are counted");
}

/// A query with the option that QUIC forbids (RFC 9250 section 4.3.3).
fn framed_with_keepalive() -> Vec<u8> {
    let mut message = query("www.example.org", RecordType::A).to_vec().unwrap();
    message[..2].fill(0);
    message[11] = 1;
    message.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x04\x00\x0b\x00\x00");
    frame(&message)
}

async fn quic(scene: &Scene) -> quinn::Connection {
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let crypto = QuicClientConfig::try_from(client_config(scene, &[b"doq"])).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    let connecting = endpoint.connect(scene.encrypted("quic"), "ns1.example.org").unwrap();
    timeout(PATIENCE, connecting).await.unwrap().unwrap()
}

/// What comes back on a stream of its own.
async fn ask(connection: &quinn::Connection, octets: &[u8]) -> Result<Vec<u8>, String> {
    let (mut send, mut receive) = connection.open_bi().await.map_err(|error| error.to_string())?;
    send.write_all(octets).await.map_err(|error| error.to_string())?;
    send.finish().map_err(|error| error.to_string())?;
    let read = timeout(PATIENCE, receive.read_to_end(70_000)).await.map_err(|_| "no end".to_owned())?;
    read.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn quic_takes_one_message_a_stream() {
    let scene = Scene::start(Limits::default());
    let connection = quic(&scene).await;
    let asking = (0..300).map(|_| {
        let connection = connection.clone();
        tokio::spawn(async move { ask(&connection, &framed(0, "www.example.org", RecordType::A)).await })
    });
    for asked in asking.collect::<Vec<_>>() {
        let reply = asked.await.unwrap().unwrap();
        assert_eq!(Message::from_vec(&reply[2..]).unwrap().answers.len(), 1);
    }
    for wrong in [
        framed(7, "www.example.org", RecordType::A),
        framed(0, "www.example.org", RecordType::A)[..20].to_vec(),
        [framed(0, "www.example.org", RecordType::A), framed(0, "www.example.org", RecordType::A)].concat(),
        vec![0],
        framed_with_keepalive(),
    ] {
        let connection = quic(&scene).await;
        assert!(ask(&connection, &wrong).await.is_err());
        let closed = timeout(PATIENCE, connection.closed()).await.unwrap();
        let quinn::ConnectionError::ApplicationClosed(close) = closed else { panic!("{closed:?}") };
        assert_eq!(close.error_code, 2_u32.into(), "DOQ_PROTOCOL_ERROR");
    }
}

async fn https(scene: &Scene) -> (reqwest::Client, String) {
    let chain = std::fs::read(scene.directory.path().join("chain.pem")).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&chain).unwrap()])
        .resolve("ns1.example.org", scene.encrypted("https"))
        .no_proxy()
        .build()
        .unwrap();
    (client, format!("https://ns1.example.org:{}/dns-query", scene.encrypted("https").port()))
}

#[tokio::test(flavor = "multi_thread")]
async fn https_get_and_post_and_what_is_neither() {
    let scene = Scene::start(Limits::default());
    let (client, url) = https(&scene).await;
    let message = |owner: &str, rtype| query(owner, rtype).to_vec().unwrap();
    let post = |body: Vec<u8>| client.post(&url).header("content-type", "application/dns-message").body(body).send();
    let get = |text: String| client.get(format!("{url}?{text}")).send();
    for (owner, rtype, age) in [
        ("www.example.org", RecordType::A, 3600),
        ("mail.example.org", RecordType::A, 30),
        ("no.example.org", RecordType::A, 300),
    ] {
        let dns = format!("dns={}", BASE64URL_NOPAD.encode(&message(owner, rtype)));
        for response in [post(message(owner, rtype)).await.unwrap(), get(dns).await.unwrap()] {
            assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_2));
            assert_eq!(response.headers()["content-type"], "application/dns-message");
            assert_eq!(response.headers()["cache-control"], format!("max-age={age}"), "{owner}");
            Message::from_vec(&response.bytes().await.unwrap()).unwrap();
        }
    }
    // An error of DNS is an answer of HTTP.
    let mut two = message("www.example.org", RecordType::A);
    two[5] = 2;
    let response = post(two).await.unwrap();
    assert_eq!(response.status(), 200);
    let reply = Message::from_vec(&response.bytes().await.unwrap());
    assert_eq!(reply.unwrap().metadata.response_code, ResponseCode::FormErr);
    let status = |response: Result<reqwest::Response, reqwest::Error>| response.unwrap().status().as_u16();
    assert_eq!(status(get("dns=".to_owned() + &BASE64URL_NOPAD.encode(b"no query")).await), 400);
    assert_eq!(status(get("dns=AB%3D".to_owned()).await), 400);
    assert_eq!(status(get("other=1".to_owned()).await), 400);
    assert_eq!(status(post(vec![0; 5_000]).await), 413);
    assert_eq!(status(client.post(&url).body("x").send().await), 415);
    assert_eq!(status(client.delete(&url).send().await), 405);
    assert_eq!(status(client.get(url.replace("dns-query", "other")).send().await), 404);
    assert!(matches!(status(get(format!("dns={}", "A".repeat(9_000))).await), 400 | 414 | 431));
    // Many at once on one connection.
    let many = (0..400).map(|_| tokio::spawn(post(message("www.example.org", RecordType::A))));
    for response in many.collect::<Vec<_>>() {
        assert_eq!(response.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(scene.usage.counts().connections.iter().find(|(name, _)| *name == "https").unwrap().1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_query_to_an_encrypted_port_harms_nobody() {
    let scene = Scene::start(Limits::default());
    for transport in ["tls", "https"] {
        let mut stream = TcpStream::connect(scene.encrypted(transport)).await.unwrap();
        stream.write_all(&frame(&query("www.example.org", RecordType::A).to_vec().unwrap())).await.unwrap();
        let mut reply = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut reply)).await.unwrap();
    }
    assert!(shake(&scene, &[b"dot"]).await.is_ok());
}
