//! What is told of two configurations, each compiled as a node would.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::model::{EndpointHealth, Generation, State};
use crate::steer::{Atlas, Steering};
use crate::zone::{self, Include};
use crate::{config, plan};

struct Nothing;

impl Include for Nothing {
    fn read(&self, path: &Path) -> Result<String, String> {
        Err(format!("{} does not exist", path.display()))
    }
}

const ZONE: &str = "$TTL 3600
@ SOA ns1 hostmaster 1 7200 900 1209600 300
@ NS ns1
@ MX 10 mx-fra
@ MX 20 mx-iad
ns1 A 192.0.2.53
mx-fra A 192.0.2.10
mx-iad A 198.51.100.10
www A 203.0.113.80
";

fn tables(policy: &str, zone: &str) -> Tables {
    let text = format!(
        r#"
[node]
name = "ns1"
listen = ["127.0.0.1:5300"]
[[site]]
name = "fra"
location = {{ country = "DE" }}
networks = ["192.0.2.0/26"]
[[site]]
name = "iad"
location = {{ country = "US" }}
networks = ["198.51.100.0/26"]
[[service]]
name = "mx"
names = ["example.org"]
types = ["MX"]
monitors = []
{policy}
[[zone]]
origin = "example.org"
file = "example.org.zone"
"#
    );
    let (settings, report) = config::read(Path::new("waypost.toml"), &text);
    let settings = settings.unwrap_or_else(|| panic!("{report}"));
    let (zone, report) = zone::load(&"example.org".parse().unwrap(), Path::new("example.org.zone"), zone, &Nothing);
    let zones = [zone.unwrap_or_else(|| panic!("{report}"))].into_iter().collect();
    let attribution = Arc::new(zone::attribute(zones, &settings));
    let steering = Arc::new(Steering::build(&attribution.topology, &settings.geo, &Atlas::embedded()));
    let up =
        EndpointHealth { state: State::Up, suspect: false, reason: String::new(), since: jiff::Timestamp::UNIX_EPOCH };
    let health = vec![up; attribution.topology.endpoints.len()];
    let plan = plan::make(plan::Inputs {
        topology: &attribution.topology,
        health: &health,
        intents: &[],
        generation: Generation::default(),
    });
    Tables::new(attribution, steering, Arc::new(plan))
}

#[test]
fn the_same_configuration_changes_nothing() {
    let found = difference(&tables("", ZONE), &tables("", ZONE));
    assert_eq!((found.changes, found.more, found.left_out), (vec![], 0, 0));
    assert_eq!(found.compared, 7);
}

#[test]
fn a_steered_answer_is_told_for_every_kind_of_client_that_gets_another() {
    let failover = "policy = \"failover\"\nsites = [\"fra\", \"iad\"]";
    let found = difference(&tables("", ZONE), &tables(failover, ZONE));
    assert!(!found.changes.is_empty());
    for change in &found.changes {
        let client = change.client.as_ref().unwrap();
        assert_eq!((change.name.as_str(), change.rtype.as_str()), ("example.org.", "MX"));
        assert_eq!(client.before, ["iad", "fra"], "whoever was sent to fra first still is: {client:?}");
        assert_eq!(client.after, ["fra", "iad"]);
        assert_eq!(change.before, ["30 10 mx-iad.example.org.", "30 20 mx-fra.example.org."]);
        assert_eq!(change.after, ["30 10 mx-fra.example.org.", "30 20 mx-iad.example.org."]);
    }
}

#[test]
fn other_records_are_told_once_with_what_was_and_will_be() {
    let changed = ZONE.replace("203.0.113.80", "203.0.113.81").replace("hostmaster 1", "hostmaster 2");
    let found = difference(&tables("", ZONE), &tables("", &format!("{changed}new TXT \"x\"\n")));
    let told: Vec<_> = found.changes.iter().map(|change| (change.name.as_str(), change.rtype.as_str())).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for (name, rtype, before, after) in [
        ("www.example.org.", "A", vec!["3600 203.0.113.80"], vec!["3600 203.0.113.81"]),
        ("new.example.org.", "TXT", vec![], vec!["3600 \"x\""]),
    ] {
        let change = found.changes.iter().find(|change| change.name == name && change.rtype == rtype).unwrap();
        assert_eq!(change.client, None);
        assert_eq!((&change.before, &change.after), (&to_strings(&before), &to_strings(&after)));
    }
}

fn to_strings(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}
