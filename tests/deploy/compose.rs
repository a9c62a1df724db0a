//! The compose file: three members, three nodes, each with its own files.

use super::yaml::Yaml;
use super::{SITES, repository, text};

const FILE: &str = "deploy/cluster/compose.yaml";

fn file() -> Yaml {
    Yaml::read(&text(FILE))
}

/// Where `volumes` of a service come from and go to.
fn mounts(service: &Yaml) -> Vec<(String, String)> {
    let volumes = service.at(&["volumes"]).texts().into_iter().map(|volume| {
        let (from, to) = volume.split_once(':').unwrap();
        (from.to_owned(), to.trim_end_matches(":ro").to_owned())
    });
    volumes.collect()
}

#[test]
fn every_site_has_a_member_and_a_node() {
    let file = file();
    let mut expected = vec!["access".to_owned(), "certificates".to_owned()];
    expected.extend(SITES.iter().flat_map(|site| [format!("etcd-{site}"), format!("waypost-{site}")]));
    expected.sort();
    assert_eq!(file.at(&["services"]).keys(), expected);
    let mut ports = Vec::new();
    for site in SITES {
        let member = file.at(&["services", &format!("etcd-{site}")]);
        let aliases = member.at(&["networks", "store", "aliases"]);
        assert_eq!(aliases.texts(), [format!("etcd-{site}.example.net")], "the name in its certificate");
        assert_eq!(member.at(&["depends_on", "certificates", "condition"]).text(), "service_completed_successfully");
        let node = file.at(&["services", &format!("waypost-{site}")]);
        assert_eq!(node.at(&["networks"]).texts(), ["store", "fra", "iad", "nrt"], "it probes every site");
        ports.extend(node.at(&["ports"]).texts().into_iter().map(str::to_owned));
    }
    let count = ports.len();
    ports.sort();
    ports.dedup();
    assert_eq!((ports.len(), count), (6, 6), "UDP and TCP of each, none twice: {ports:?}");
}

#[test]
fn everything_mounted_is_there_or_made() {
    let file = file();
    let made = tempfile::tempdir().unwrap();
    super::make_certificates(made.path(), |_| Vec::new());
    let volumes = file.at(&["volumes"]).keys();
    for (name, service) in file.at(&["services"]).map() {
        for (from, to) in mounts(service) {
            let there = match (from.strip_prefix("./tls"), from.strip_prefix("./"), from.strip_prefix("../../")) {
                (Some(inside), ..) => made.path().join(inside.trim_start_matches('/')).exists(),
                (_, Some(inside), _) => repository("deploy/cluster").join(inside).exists(),
                (_, _, Some(inside)) => repository(inside).exists(),
                _ => volumes.contains(&from.as_str()),
            };
            assert!(there, "{name}: {from} for {to}");
        }
        if let Some(networks) = service.map().get("networks") {
            let names = match networks {
                Yaml::List(_) => networks.texts(),
                _ => networks.keys(),
            };
            let known = file.at(&["networks"]).keys();
            assert!(names.iter().all(|network| known.contains(network)), "{name}: {names:?}");
        }
        let docker = text("deploy/cluster/Dockerfile");
        let target = service.at(&["build", "target"]).text();
        assert!(docker.contains(&format!(" AS {target}\n")), "{name}: {target}");
        assert_eq!(service.at(&["build", "dockerfile"]).text(), "deploy/cluster/Dockerfile");
    }
}

#[test]
fn networks_of_sites_are_those_that_the_nodes_know() {
    let (file, path) = (file(), "deploy/cluster/fra/waypost.toml");
    let (settings, report) = waypost::config::read(&repository(path), &text(path));
    for site in settings.unwrap_or_else(|| panic!("{report}")).sites {
        let subnet = file.at(&["networks", &site.name, "ipam", "config"]).list()[0].at(&["subnet"]).text();
        assert!(site.networks.iter().any(|network| network.to_string() == subnet), "{}: {subnet}", site.name);
    }
}

#[test]
fn members_and_nodes_find_their_files_where_they_look() {
    let file = file();
    for site in SITES {
        let etcd = Yaml::read(&text(&format!("deploy/cluster/{site}/etcd.yml")));
        let member = mounts(file.at(&["services", &format!("etcd-{site}")]));
        for section in ["client-transport-security", "peer-transport-security"] {
            for key in ["cert-file", "key-file", "trusted-ca-file"] {
                let path = etcd.at(&[section, key]).text();
                let (directory, name) = path.rsplit_once('/').unwrap();
                let mount = member.iter().find(|(_, to)| to == directory).unwrap_or_else(|| panic!("{path}"));
                assert_eq!(mount.0, format!("./tls/{site}/etcd"), "{name}");
            }
        }
        let data = etcd.at(&["data-dir"]).text();
        assert!(member.iter().any(|(_, to)| data.starts_with(&format!("{to}/"))), "{data} is kept nowhere");
        let node = mounts(file.at(&["services", &format!("waypost-{site}")]));
        let expected = [
            (format!("./{site}/waypost.toml"), "/etc/waypost/waypost.toml"),
            ("../../zones".to_owned(), "/etc/waypost/zones"),
            (format!("./tls/{site}/waypost"), "/etc/waypost/tls"),
            (format!("waypost-{site}"), "/var/lib/waypost"),
        ];
        assert_eq!(node, expected.map(|(from, to)| (from, to.to_owned())));
    }
}
