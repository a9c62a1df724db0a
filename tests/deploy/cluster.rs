//! The nodes of the example with three sites.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{SITES, done, make_certificates, repository, said, text};

/// Above this line of `waypost.toml` each node speaks of itself, below it all say the same.
const COMMON: &str = "from here on the same on all nodes";

/// Puts what `/etc/waypost` has at `site` into `directory`.
fn install(site: &str, tls: &Path, directory: &Path) {
    fs::write(directory.join("waypost.toml"), text(&format!("deploy/cluster/{site}/waypost.toml"))).unwrap();
    for (from, to) in [(repository("zones"), "zones"), (tls.join(site).join("waypost"), "tls")] {
        let to = directory.join(to);
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn every_node_passes_its_check_without_a_warning() {
    let scratch = tempfile::tempdir().unwrap();
    let tls = scratch.path().join("tls");
    make_certificates(&tls, |_| Vec::new());
    for site in SITES {
        // What access.sh adds.
        let password = tls.join(site).join("waypost/etcd.pw");
        fs::write(&password, "a password\n").unwrap();
        fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
        let directory = scratch.path().join(site);
        fs::create_dir(&directory).unwrap();
        install(site, &tls, &directory);
        let file = directory.join("waypost.toml");
        let checked =
            Command::new(env!("CARGO_BIN_EXE_waypost")).arg("check").arg("--config").arg(&file).output().unwrap();
        let said = said(&checked);
        assert!(checked.status.success() && said.contains("0 errors, 0 warnings"), "{site}: {said}");
    }
}

#[test]
fn every_node_names_what_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    make_certificates(scratch.path(), |_| Vec::new());
    for site in SITES {
        let file = repository(&format!("deploy/cluster/{site}/waypost.toml"));
        let (settings, report) = waypost::config::read(&file, &fs::read_to_string(&file).unwrap());
        let settings = settings.unwrap_or_else(|| panic!("{report}"));
        assert_eq!(settings.node.name, format!("{site}-ns1"));
        assert_eq!(settings.node.site.map(|ix| settings.sites[ix.get()].name.as_str()), Some(site));
        let etcd = settings.state.etcd.unwrap();
        assert_eq!(etcd.prefix, "/waypost/prod");
        assert_eq!(etcd.endpoints[0], format!("https://etcd-{site}.example.net:2379"), "its own first");
        let mut members = etcd.endpoints;
        members.sort();
        assert_eq!(members, SITES.map(|site| format!("https://etcd-{site}.example.net:2379")));
        let identity = etcd.identity.unwrap();
        for path in [etcd.ca.unwrap(), identity.cert, identity.key] {
            let made = scratch.path().join(site).join("waypost").join(path.file_name().unwrap());
            assert!(made.is_file(), "certificates.sh does not make {}", made.display());
        }
        assert_eq!(etcd.login.unwrap().user, "waypost");
    }
}

#[test]
fn nodes_differ_only_in_what_they_say_of_themselves() {
    let mut domains = Vec::new();
    let mut common = Vec::new();
    for site in SITES {
        let text = text(&format!("deploy/cluster/{site}/waypost.toml"));
        let (own, rest) = text.split_once(COMMON).unwrap();
        domains.push(own.lines().find(|line| line.starts_with("failure_domain = ")).unwrap().to_owned());
        common.push(rest.to_owned());
    }
    assert!(common[0].len() > 500 && common.iter().all(|rest| *rest == common[0]), "{common:?}");
    domains.sort();
    domains.dedup();
    assert_eq!(domains.len(), SITES.len(), "nodes that share a domain have one vote: {domains:?}");
}

#[test]
fn certificates_are_kept_private_and_made_once() {
    let scratch = tempfile::tempdir().unwrap();
    make_certificates(scratch.path(), |_| Vec::new());
    let files = [
        "ca/ca-key.pem",
        "ca/peer-ca-key.pem",
        "operator/client-key.pem",
        "fra/etcd/server.pem",
        "fra/etcd/server-key.pem",
        "iad/etcd/peer.pem",
        "iad/etcd/peer-key.pem",
        "nrt/waypost/client.pem",
        "nrt/waypost/client-key.pem",
    ];
    let read = || files.map(|file| fs::read(scratch.path().join(file)).unwrap());
    let before = read();
    for file in files.iter().filter(|file| file.ends_with("-key.pem")) {
        let mode = fs::metadata(scratch.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    make_certificates(scratch.path(), |_| Vec::new());
    assert_eq!(read(), before);
    // A renewed certificate has another key, and the others stay.
    fs::remove_file(scratch.path().join("nrt/waypost/client.pem")).unwrap();
    make_certificates(scratch.path(), |_| Vec::new());
    let after = read();
    assert_eq!(after[..7], before[..7]);
    assert!(after[7] != before[7] && after[8] != before[8]);
    // etcd refuses clients whose certificate has a common name when they speak HTTP.
    let subject = |file: &str| {
        done(Command::new("openssl").args(["x509", "-noout", "-subject", "-in"]).arg(scratch.path().join(file)))
    };
    assert!(!subject("nrt/waypost/client.pem").contains("CN ="));
    assert!(subject("operator/client.pem").contains("CN = root"));
}

#[test]
fn scripts_say_how_they_are_used() {
    for script in ["certificates.sh", "access.sh"] {
        let output = Command::new(repository("deploy/cluster").join(script)).arg("--help").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{script}");
        assert!(said(&output).contains(&format!("{script} DIRECTORY")), "{script}: {}", said(&output));
    }
    let scratch = tempfile::tempdir().unwrap();
    let wrong = Command::new(repository("deploy/cluster/certificates.sh")).arg(scratch.path()).arg("fra").output();
    let wrong = wrong.unwrap();
    assert!(!wrong.status.success() && said(&wrong).contains("expected SITE=NAME"), "{}", said(&wrong));
}
