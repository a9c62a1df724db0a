//! Broken here, and mail bounces when it should have waited: an answer vanishes together with the sites.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::EdnsCode;

use crate::patience::wait_until;
use crate::scene::{PATIENCE, SITES, Scene};

#[test]
fn with_all_sites_down_the_declared_records_are_answered_and_sites_return_by_themselves() {
    let mut scene = Scene::start();
    for (site, _, _) in SITES {
        scene.close(site);
    }
    let client = scene.node.client();
    wait_until("all sites are down", PATIENCE, || {
        let mx = client.ask("example.org.", RecordType::MX, None);
        assert_eq!(mx.metadata.response_code, ResponseCode::NoError);
        assert!(!mx.answers.is_empty());
        // EDE is option 15 (RFC 8914).
        mx.edns.as_ref().is_some_and(|edns| edns.option(EdnsCode::from(15)).is_some())
    });
    assert_eq!(scene.mx().len(), 3);
    assert_eq!(client.addresses("mx.example.org.", None).len(), 3);
    assert!(scene.status()["verdict"].as_str().unwrap().contains("No site works"));
    scene.open("iad");
    wait_until("iad returns", PATIENCE, || scene.mx() == ["mx-iad"]);
}
