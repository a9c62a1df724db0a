//! Good files: what they say is what the settings hold, and what they leave out has its default.

use std::path::PathBuf;
use std::time::Duration;

use hickory_proto::rr::RecordType;

use super::*;
use crate::model::{
    Coordinates, DetectorKind, GeoRule, HttpCheck, MonitorIx, MonitorKind, MxMode, NamePattern, NetworkPlace, Policy,
    ProbeAddress, SiteIx, SmtpCheck, TlsMode, TlsPolicy, ZoneContent, ZoneOrigins,
};

#[test]
fn the_example_of_the_design_is_accepted_without_a_remark() {
    let (settings, report) = read_text(EXAMPLE);
    assert!(report.is_empty(), "{report}");
    let settings = settings.unwrap();
    assert_eq!(settings.node.name, "fra-ns1");
    assert_eq!(settings.node.site, Some(SiteIx(0)));
    assert_eq!(settings.node.listen, ["0.0.0.0:53".parse().unwrap(), "[::]:53".parse().unwrap()]);
    assert_eq!(settings.admin.listen, Some("127.0.0.1:8053".parse().unwrap()));
    assert_eq!(settings.admin.socket, Some(PathBuf::from("/run/waypost/admin.sock")));
    assert_eq!(settings.state.path, PathBuf::from("/var/lib/waypost"));
    assert_eq!(settings.geo.database, Some(PathBuf::from("/var/lib/GeoIP/GeoLite2-City.mmdb")));
    assert_eq!(
        settings.geo.networks,
        [
            ("10.20.0.0/16".parse().unwrap(), NetworkPlace::Site(SiteIx(0))),
            ("203.0.113.0/24".parse().unwrap(), NetworkPlace::Country("JP".parse().unwrap())),
        ]
    );
    let [fra, iad] = settings.sites.as_slice() else { panic!("{:?}", settings.sites) };
    assert_eq!((fra.name.as_str(), iad.name.as_str()), ("fra", "iad"));
    assert_eq!(iad.location.unwrap().coordinates, Coordinates::new(38.9, -77.5));
    assert_eq!(fra.location.unwrap().country.unwrap().as_str(), "DE");
    assert_eq!(fra.networks, ["192.0.2.0/26".parse().unwrap(), "2001:db8:f::/48".parse().unwrap()]);
    assert_eq!(fra.capacity, Some(1200));
    let [mx] = settings.services.as_slice() else { panic!("{:?}", settings.services) };
    assert_eq!(mx.names[2], NamePattern::Below("hosted.example".parse().unwrap()));
    assert_eq!(mx.types, [RecordType::MX, RecordType::A, RecordType::AAAA]);
    assert_eq!((&mx.policy, mx.mx, mx.min_sites), (&Policy::Nearest, MxMode::Rank, 1));
    assert_eq!((mx.ttl, mx.site_floor), (Duration::from_secs(30), 0.5));
    assert_eq!(
        (mx.sites.as_slice(), mx.monitors.as_slice()),
        ([SiteIx(0), SiteIx(1)].as_slice(), [MonitorIx(0)].as_slice())
    );
    let [smtp] = settings.monitors.as_slice() else { panic!("{:?}", settings.monitors) };
    assert_eq!((smtp.interval, smtp.timeout), (Duration::from_secs(1), Duration::from_secs(2)));
    assert_eq!((smtp.rise, smtp.fall, smtp.burst_gap), (3, 3, Duration::from_millis(200)));
    assert_eq!(smtp.detector, DetectorKind::Evidence);
    let MonitorKind::Smtp(check) = &smtp.kind else { panic!("{:?}", smtp.kind) };
    assert_eq!(check.recipient.as_deref(), Some("probe@example.org"));
    assert_eq!(settings.zones[0].origins, ZoneOrigins::One("example.org".parse().unwrap()));
    assert_eq!(settings.zones[0].content, ZoneContent::File(PathBuf::from("/etc/waypost/zones/example.org.zone")));
    assert_eq!(settings.zones[1].origins, ZoneOrigins::Listed(PathBuf::from("/etc/waypost/zones/hosted-domains.txt")));
}

#[test]
fn a_service_may_say_what_is_asked_of_it_at_the_peak() {
    let said = EXAMPLE.replace("min_sites = 1", "min_sites = 1\ndemand = 900\nspill = true");
    let (settings, report) = read_text(&said);
    assert!(report.is_empty(), "{report}");
    let [mx] = settings.unwrap().services.try_into().unwrap();
    assert_eq!((mx.demand, mx.spill), (Some(900), true));
    let [mx] = self::settings(EXAMPLE).services.try_into().unwrap();
    assert_eq!((mx.demand, mx.spill), (None, false));
}

#[test]
fn demand_that_is_held_against_nothing_is_a_warning() {
    let said = EXAMPLE.replace("min_sites = 1", "demand = 900").replace("capacity = ", "# ");
    let (settings, report) = read_text(&said);
    assert!(settings.is_some());
    let warnings: Vec<_> = report.warnings().map(ToString::to_string).collect();
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.contains("none of whose sites has a capacity") && warning.contains("add capacity"), "{warning}");
}

#[test]
fn keys_lie_where_the_configuration_says() {
    assert_eq!(settings(MINIMAL).dnssec.keys, PathBuf::from("/var/lib/waypost/keys"));
    let said = format!("[dnssec]\nkeys = \"dnssec/keys\"\n{MINIMAL}");
    assert_eq!(settings(&said).dnssec.keys, PathBuf::from("/etc/waypost/dnssec/keys"));
}

const MINIMAL: &str = "\
[node]
name = \"ns1\"
[[site]]
name = \"fra\"
networks = [\"192.0.2.0/26\"]
[[site]]
name = \"iad\"
networks = [\"198.51.100.0/26\"]
[[service]]
name = \"mx\"
names = [\"example.org\"]
monitors = []
";

#[test]
fn what_is_left_out_has_its_default() {
    let settings = settings(MINIMAL);
    assert_eq!(settings.node.site, None);
    assert_eq!(settings.node.listen, ["0.0.0.0:53".parse().unwrap(), "[::]:53".parse().unwrap()]);
    assert_eq!(settings.admin.listen, Some("127.0.0.1:8053".parse().unwrap()));
    assert_eq!(settings.admin.socket, Some(PathBuf::from("/run/waypost/admin.sock")));
    assert_eq!(settings.state.path, PathBuf::from("/var/lib/waypost"));
    assert_eq!(settings.geo, crate::model::GeoSettings::default());
    let mx = &settings.services[0];
    assert_eq!(mx.types, [RecordType::MX, RecordType::A, RecordType::AAAA, RecordType::SRV]);
    assert_eq!(mx.sites, [SiteIx(0), SiteIx(1)]);
    assert_eq!((&mx.policy, mx.mx, mx.ttl), (&Policy::Nearest, MxMode::Rank, Duration::from_secs(30)));
    assert_eq!((mx.min_sites, mx.site_floor, mx.monitors.len()), (1, 0.5, 0));
}

/// The one monitor of a file with `monitor` below the minimal configuration.
fn monitor(monitor: &str) -> crate::model::Monitor {
    settings(&format!("{MINIMAL}[monitor.x]\n{monitor}")).monitors.remove(0)
}

#[test]
fn monitors_have_the_defaults_of_their_kind() {
    let strict =
        |mode| TlsPolicy { mode, verify: true, ca: None, name: None, expiry_warning: Duration::from_secs(604_800) };
    let smtp = monitor("kind = \"smtp\"");
    assert_eq!(smtp.port, 25);
    let check = SmtpCheck { helo: "ns1".to_owned(), tls: strict(TlsMode::Starttls), recipient: None };
    assert_eq!(smtp.kind, MonitorKind::Smtp(check));
    assert_eq!(monitor("kind = \"smtp\"\ntls = \"implicit\"").port, 465);
    assert_eq!(monitor("kind = \"smtp\"\ntls = \"none\"").port, 25);
    let https = monitor("kind = \"https\"");
    assert_eq!(https.port, 443);
    let tls = strict(TlsMode::Implicit);
    let check = HttpCheck { host: None, path: "/".to_owned(), status: Vec::new(), body: None, tls };
    assert_eq!(https.kind, MonitorKind::Http(check));
    assert_eq!(monitor("kind = \"http\"").port, 80);
    let tcp = monitor("kind = \"tcp\"\nport = 993");
    assert_eq!((tcp.port, tcp.kind), (993, MonitorKind::Tcp));
    // A burst is never slower than the schedule.
    assert_eq!(monitor("kind = \"smtp\"\ninterval = \"100ms\"").burst_gap, Duration::from_millis(100));
}

#[test]
fn every_key_of_a_monitor_reaches_the_settings() {
    let web = monitor(
        "kind = \"https\"\nport = 8443\nhost = \"mail.example.org\"\npath = \"/healthz?x=1\"\nstatus = [204, 200]\n\
         body = '^ok\\d+'\nserver_name = \"mail.example.org\"\nca = \"ca.pem\"\nexpiry_warning = \"14d\"\n\
         interval = \"5s\"\ntimeout = \"1s500ms\"\nrise = 2\nfall = 4\nburst_gap = \"300ms\"\ndetector = \"count\"\n\
         addresses = { \"192.0.2.10\" = \"127.0.0.11:2525\", \"192.0.2.11\" = \"::1\" }\n",
    );
    assert_eq!((web.port, web.rise, web.fall, web.detector), (8443, 2, 4, DetectorKind::Count));
    assert_eq!((web.timeout, web.burst_gap), (Duration::from_millis(1500), Duration::from_millis(300)));
    assert_eq!(
        web.addresses[&"192.0.2.10".parse().unwrap()],
        ProbeAddress { address: "127.0.0.11".parse().unwrap(), port: Some(2525) }
    );
    assert_eq!(web.target("192.0.2.11".parse().unwrap()), "[::1]:8443".parse().unwrap());
    let MonitorKind::Http(check) = web.kind else { panic!() };
    assert_eq!((check.status.as_slice(), check.body.as_deref()), ([200, 204].as_slice(), Some("^ok\\d+")));
    assert_eq!((check.host.as_deref(), check.path.as_str()), (Some("mail.example.org"), "/healthz?x=1"));
    assert_eq!(check.tls.ca, Some(PathBuf::from("/etc/waypost/ca.pem")));
    assert_eq!(check.tls.expiry_warning, Duration::from_secs(14 * 86_400));
    assert_eq!(check.tls.name.as_deref(), Some("mail.example.org"));
    let MonitorKind::Http(check) = monitor("kind = \"http\"\nstatus = 401").kind else { panic!() };
    assert_eq!((check.status.as_slice(), check.tls.mode), ([401].as_slice(), TlsMode::Off));
    let MonitorKind::Smtp(check) = monitor("kind = \"smtp\"\nhelo = \"probe.example.org\"\nverify = false").kind else {
        panic!()
    };
    assert_eq!((check.helo.as_str(), check.tls.verify), ("probe.example.org", false));
}

#[test]
fn policies_are_read_with_their_parameters() {
    let policy = |text: &str| settings(&format!("{MINIMAL}{text}")).services[0].clone();
    let failover = policy("policy = \"failover\"\nsites = [\"iad\", \"fra\"]\nmx = \"keep\"\n");
    assert_eq!((failover.policy, failover.mx), (Policy::Failover, MxMode::Keep));
    assert_eq!(failover.sites, [SiteIx(1), SiteIx(0)]);
    // Weights follow the order of the sites, not that of the table.
    let weighted = policy("policy = \"weighted\"\nsites = [\"iad\", \"fra\"]\nweights = { fra = 3, iad = 1 }\n");
    assert_eq!(weighted.policy, Policy::Weighted(vec![1, 3]));
    assert_eq!(policy("policy = \"spread\"\nsite_floor = 1\nmin_sites = 2\n").policy, Policy::Spread);
    let geo = policy(
        "policy = \"geo\"\ngeo = [\n  { network = \"10.0.0.0/8\", sites = [\"iad\"] },\n  { country = \"JP\", sites = [\"iad\", \"fra\"] },\n\
         { continent = \"EU\", sites = [\"fra\"] },\n  { default = true, sites = [\"fra\"] },\n]\n",
    );
    let (fra, iad) = (SiteIx(0), SiteIx(1));
    assert_eq!(
        geo.policy,
        Policy::Geo(vec![
            GeoRule::Network("10.0.0.0/8".parse().unwrap(), vec![iad]),
            GeoRule::Country("JP".parse().unwrap(), vec![iad, fra]),
            GeoRule::Continent(*b"EU", vec![fra]),
            GeoRule::Default(vec![fra]),
        ])
    );
}

#[test]
fn rules_may_stand_in_sections_of_their_own() {
    let text = format!("{MINIMAL}policy = \"geo\"\n[[service.geo]]\ndefault = true\nsites = [\"iad\"]\n");
    assert_eq!(settings(&text).services[0].policy, Policy::Geo(vec![GeoRule::Default(vec![SiteIx(1)])]));
}

#[test]
fn clients_are_placed_by_site_country_and_coordinates() {
    let text = "[geo.networks]\n\"10.0.0.0/8\" = \"iad\"\n\"10.1.0.0/16\" = \"35.7, 139.7\"\n\"::/0\" = { lat = -1, lon = 2.5 }\n";
    let places: Vec<NetworkPlace> =
        settings(&format!("{MINIMAL}{text}")).geo.networks.into_iter().map(|(_, place)| place).collect();
    assert_eq!(
        places,
        [
            NetworkPlace::Site(SiteIx(1)),
            NetworkPlace::Coordinates(Coordinates { lat: 35.7, lon: 139.7 }),
            NetworkPlace::Coordinates(Coordinates { lat: -1.0, lon: 2.5 }),
        ]
    );
}

#[test]
fn listeners_of_the_admin_api_can_be_turned_off() {
    let settings = settings(&format!("{MINIMAL}[admin]\nlisten = \"none\"\nsocket = \"admin.sock\"\n"));
    assert_eq!(settings.admin.listen, None);
    assert_eq!(settings.admin.socket, Some(PathBuf::from("/etc/waypost/admin.sock")));
}

#[test]
fn paths_beside_a_file_without_directory_stay_as_they_are() {
    let (settings, _) = read(Path::new("waypost.toml"), &format!("{MINIMAL}[state]\npath = \"state\"\n"));
    assert_eq!(settings.unwrap().state.path, PathBuf::from("state"));
}
