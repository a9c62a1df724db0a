//! Broken here, and an engineer with `dig` cannot see that an answer is the last resort.

use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::EdnsOption;
use waypost::model::State;

use super::support::{Running, edns_query, serve, tables};

async fn errors(running: &Running, owner: &str) -> Vec<(u16, String)> {
    let edns = running.udp(&edns_query(owner, RecordType::MX, |_| {})).await.edns.unwrap();
    let extended = |option: &EdnsOption| match option {
        EdnsOption::Unknown(15, data) => {
            Some((u16::from_be_bytes([data[0], data[1]]), String::from_utf8(data[2..].to_vec()).unwrap()))
        }
        _ => None,
    };
    edns.options().options.iter().filter_map(|(_, option)| extended(option)).collect()
}

#[tokio::test]
async fn the_last_resort_is_told_and_nothing_else_is() {
    let up = serve(tables(|_| State::Up));
    assert_eq!(errors(&up, "example.org").await, []);
    assert_eq!(errors(&up, "example.net").await, [(20, String::new())]);
    let down = serve(tables(|_| State::Down));
    let text = "no site of mx works for this: declared records served".to_owned();
    assert_eq!(errors(&down, "example.org").await, [(0, text)]);
    assert_eq!(errors(&down, "www.example.org").await, []);
}
