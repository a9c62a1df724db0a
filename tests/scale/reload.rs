//! Reloads under queries lose none, and say what they changed in a few lines.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::hosted::{self, DOMAINS, OWN};
use crate::node::Node;
use crate::patience::wait_until;
use crate::ports::free_port;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn reloads_of_many_zones_lose_no_query() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let write = |serial: u32| {
        fs::write(path.join("template.zone"), hosted::zone(serial, "")).unwrap();
        for number in 0..OWN {
            let file = path.join("own").join(hosted::own(number));
            fs::write(file, hosted::zone(serial, &hosted::more(number))).unwrap();
        }
    };
    fs::create_dir(path.join("own")).unwrap();
    write(1);
    let list: Vec<String> = (0..DOMAINS).map(hosted::domain).collect();
    fs::write(path.join("domains.txt"), list.join("\n")).unwrap();
    let (dns, admin) = (free_port(), free_port());
    let mut text = format!(
        "[node]\nname = \"scale\"\nlisten = [\"127.0.0.1:{dns}\"]\n\
         [admin]\nlisten = \"127.0.0.1:{admin}\"\nsocket = \"admin.sock\"\n[state]\npath = \"state\"\n\
         [rate_limit]\nresponses_per_second = \"off\"\nloosen = true\n{}\n\
         [[zone]]\norigins = \"domains.txt\"\nfile = \"template.zone\"\n",
        hosted::SITES_AND_SERVICES
    );
    for number in 0..OWN {
        let origin = hosted::own(number);
        text += &format!("[[zone]]\norigin = \"{origin}\"\nfile = \"own/{origin}\"\n");
    }
    let node = Node::start(path, (Ipv4Addr::LOCALHOST, dns).into(), &text);
    wait_until("the admin API answers", PATIENCE, || node.command(&["status"]).status.success());

    let (client, over) = (node.client(), AtomicBool::new(false));
    let serial = |name: &str| {
        let reply = client.ask(name, RecordType::SOA, None);
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError, "{name}");
        format!("{}", reply.answers[0].data)
    };
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while !over.load(Ordering::Relaxed) {
                for name in [hosted::domain(asked % DOMAINS), hosted::own(asked % OWN)] {
                    // Panics where no reply comes.
                    assert_eq!(client.mx(&format!("{name}."), None).len(), 2, "{name}");
                }
                asked += 1;
            }
            asked
        });
        for round in 2..3 {
            write(round);
            let said = node.order(&["reload"]);
            assert!(said.lines().count() < 500, "{} lines for one reload", said.lines().count());
            assert!(said.contains(&format!("serial {} -> {round}", round - 1)), "{said}");
            assert!(said.contains("more zones of another serial"), "{said}");
            for name in [hosted::domain(DOMAINS - 1), hosted::own(0)] {
                assert!(serial(&format!("{name}.")).contains(&format!(" {round} ")), "{name}");
            }
        }
        over.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    assert!(asked > 10, "asked {asked} times only");

    let status: serde_json::Value = serde_json::from_str(&node.order(&["status", "--output", "json"])).unwrap();
    assert_eq!(status["zone_count"], DOMAINS + OWN);
    assert!(status["zones"].as_array().unwrap().len() <= 1_000);
}
