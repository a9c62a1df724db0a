//! The zones that are handed out as a starting point must load without a remark.

use std::path::Path;

use super::attribution::settings;
use super::{Files, load, name};
use crate::zone::{Zones, attribute, origins};

const EXAMPLE: &str = include_str!("../../../zones/example.org.zone");
const TEMPLATE: &str = include_str!("../../../zones/hosted.template.zone");
const HOSTED: &str = include_str!("../../../zones/hosted-domains.txt");

#[test]
fn the_sample_zones_load_and_are_steered_without_a_remark() {
    let (hosted, report) = origins(Path::new("hosted-domains.txt"), HOSTED);
    assert!(report.is_empty(), "{report}");
    assert_eq!(hosted.len(), 3);
    let mut zones = Zones::default();
    for (origin, text) in
        std::iter::once((name("example.org"), EXAMPLE)).chain(hosted.into_iter().map(|origin| (origin, TEMPLATE)))
    {
        let (zone, report) = load(&origin, Path::new("sample.zone"), text, &Files::default());
        assert!(report.is_empty(), "{report}");
        zones.insert(zone.unwrap());
    }
    let settings = settings(
        r#"
        [[service]]
        name = "mx"
        names = ["example.org", "mx.example.org", "*.hosted.example.org", "alpha.example", "beta.example", "gamma.example"]
        types = ["MX", "A", "AAAA"]
        [[service]]
        name = "clients"
        names = ["submission.example.org", "imap.example.org", "webmail.example.org", "_submissions._tcp.example.org"]
        types = ["A", "AAAA", "SRV"]
        "#,
    );
    let attribution = attribute(zones, &settings);
    assert!(attribution.report.is_empty(), "{}", attribution.report);
    // One address of each family at three sites for mail; three clients' names with one of each.
    assert_eq!(attribution.topology.endpoints.len(), 6 + 18);
    let mx = attribution.zones.get(&name("beta.example")).unwrap();
    let apex = attribution.zones.get(&name("example.org")).unwrap();
    let steered = |zone: &crate::zone::Zone| {
        zone.node(&zone.origin().key()).unwrap().rrset(hickory_proto::rr::RecordType::MX).unwrap().steered
    };
    assert!(steered(mx).is_some());
    assert_eq!(steered(mx), steered(apex), "equal content is steered once");
}
