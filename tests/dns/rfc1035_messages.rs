//! Broken here, and resolvers drop our replies, or others can use us against third parties.

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::RecordType;

use super::support::{all_up, edns_query, query, serve};

#[tokio::test]
async fn a_reply_has_the_flags_of_an_authoritative_server() {
    let running = serve(all_up());
    let mut asked = query("www.example.org", RecordType::A);
    asked.metadata.recursion_desired = true;
    asked.metadata.authentic_data = true;
    asked.metadata.checking_disabled = true;
    let reply = running.udp(&asked).await.metadata;
    assert_eq!((reply.id, reply.message_type, reply.op_code), (0x1234, MessageType::Response, OpCode::Query));
    assert!(reply.authoritative && reply.recursion_desired);
    assert!(!reply.recursion_available && !reply.authentic_data && !reply.truncation);
    assert!(!reply.checking_disabled, "RFC 4035 section 3.1.6");
}

#[tokio::test]
async fn the_case_of_the_question_comes_back() {
    let running = serve(all_up());
    let packet = query("wWw.eXaMpLe.OrG", RecordType::A).to_vec().unwrap();
    let reply = running.udp_octets(&packet).await.unwrap();
    assert_eq!(reply[12..packet.len()], packet[12..], "octet for octet");
    let reply = Message::from_vec(&reply).unwrap();
    assert_eq!(reply.answers[0].name.to_ascii(), "wWw.eXaMpLe.OrG.");
}

#[tokio::test]
async fn malformed_queries_get_an_error_with_their_id() {
    let running = serve(all_up());
    let well = query("www.example.org", RecordType::A).to_vec().unwrap();
    let mut two_questions = well.clone();
    two_questions[5] = 2;
    two_questions.extend_from_slice(&well[12..]);
    let trailing = [&well[..], b"x"].concat();
    let mut without = well[..12].to_vec();
    without[5] = 0;
    for packet in [&well[..20], &two_questions, &trailing, &without] {
        let reply = Message::from_vec(&running.udp_octets(packet).await.unwrap()).unwrap().metadata;
        assert_eq!((reply.id, reply.response_code), (0x1234, ResponseCode::FormErr));
    }
}

#[tokio::test]
async fn other_opcodes_are_not_implemented() {
    let running = serve(all_up());
    for opcode in [OpCode::Status, OpCode::Unknown(3), OpCode::Unknown(6), OpCode::Unknown(15)] {
        let mut asked = query("example.org", RecordType::SOA);
        asked.metadata.op_code = opcode;
        let reply = running.udp(&asked).await.metadata;
        assert_eq!((reply.op_code, reply.response_code), (opcode, ResponseCode::NotImp));
    }
}

#[tokio::test]
async fn responses_are_never_answered_whether_well_formed_or_not() {
    let running = serve(all_up());
    let mut response = query("www.example.org", RecordType::A);
    response.metadata.message_type = MessageType::Response;
    let response = response.to_vec().unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(running.address).await.unwrap();
    for packet in [&response[..], &response[..17], &response[..5]] {
        socket.send(packet).await.unwrap();
    }
    // Packets of one socket are answered in their order: what comes first answers the query behind them.
    let mut asked = query("www.example.org", RecordType::A);
    asked.metadata.id = 0x4321;
    socket.send(&asked.to_vec().unwrap()).await.unwrap();
    let mut buffer = [0; 512];
    socket.recv(&mut buffer).await.unwrap();
    assert_eq!(buffer[..2], [0x43, 0x21]);
    running.server.stop().await;
    assert_eq!(running.usage.counts().discarded, 3);
}

#[tokio::test]
async fn no_octets_whatever_make_the_server_panic_or_stop() {
    let running = serve(all_up());
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(running.address).await.unwrap();
    let whole = edns_query("www.example.org", RecordType::A, |_| {}).to_vec().unwrap();
    let mut buffer = [0; 1500];
    // Every octet of a query in turn takes every value of one bit more or less, and some that mean much.
    for at in 0..whole.len() {
        for octet in (0..8).map(|bit| whole[at] ^ (1 << bit)).chain([0, 0x3f, 0xc0, 0xff]) {
            let mut packet = whole.clone();
            packet[at] = octet;
            socket.send(&packet).await.unwrap();
            socket.send(&packet[..at]).await.unwrap();
            // Not to overrun the socket: whatever has been answered is taken.
            while socket.try_recv(&mut buffer).is_ok() {}
        }
    }
    let mut asked = query("www.example.org", RecordType::A);
    asked.metadata.recursion_desired = true;
    assert_eq!(running.udp(&asked).await.answers.len(), 1);
    assert_eq!(running.usage.counts().panics, 0);
}
