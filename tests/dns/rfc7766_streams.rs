//! Broken here, and what does not fit a datagram is never delivered, or one client can hold the server.

use hickory_proto::rr::RecordType;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{all_up, query, receive, send, serve};

#[tokio::test]
async fn one_connection_carries_many_queries_even_at_once() {
    let running = serve(all_up());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    for id in 0..20 {
        let mut asked = query("www.example.org", RecordType::A);
        asked.metadata.id = id;
        send(&mut stream, &asked).await;
    }
    for id in 0..20 {
        let reply = receive(&mut stream).await.unwrap();
        assert_eq!((reply.metadata.id, reply.answers.len()), (id, 1));
    }
}

#[tokio::test]
async fn a_query_that_does_not_go_on_ends_the_connection() {
    let running = serve(all_up());
    for begin in [&[0][..], &[0, 40, 1, 2, 3], &[0xff, 0xff, 1]] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(begin).await.unwrap();
        assert!(receive(&mut stream).await.is_none(), "{begin:?}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_way_to_find_who_holds_it() {
    let running = serve(all_up());
    let tables = std::sync::Arc::new(arc_swap::ArcSwap::from_pointee(all_up()));
    let usage = std::sync::Arc::new(waypost::serve::Usage::new(std::time::Instant::now()));
    let error =
        waypost::serve::Server::start(waypost::serve::Setup::plain("second", &[running.address], tables, usage))
            .err()
            .unwrap()
            .to_string();
    assert!(
        error.contains(&running.address.to_string()) && error.contains("in use") && error.contains("ss -ln"),
        "{error}"
    );
}

#[tokio::test]
async fn wildcard_addresses_of_both_families_share_a_port() {
    let first = serve(all_up());
    let port = first.address.port();
    first.server.stop().await;
    let listen = [format!("0.0.0.0:{port}").parse().unwrap(), format!("[::]:{port}").parse().unwrap()];
    let tables = std::sync::Arc::new(arc_swap::ArcSwap::from_pointee(all_up()));
    let usage = std::sync::Arc::new(waypost::serve::Usage::new(std::time::Instant::now()));
    let server = waypost::serve::Server::start(waypost::serve::Setup::plain("both", &listen, tables, usage)).unwrap();
    // Any loopback address may be asked: the reply must come from that very one, or a connected socket drops it.
    for asked in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect((asked, port)).await.unwrap();
        socket.send(&query("www.example.org", RecordType::A).to_vec().unwrap()).await.unwrap();
        let mut buffer = [0; 512];
        let received = tokio::time::timeout(std::time::Duration::from_secs(5), socket.recv(&mut buffer)).await;
        assert!(received.expect("a reply from the address that was asked").unwrap() > 12);
    }
    server.stop().await;
}
