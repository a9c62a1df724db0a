//! `[encrypted]` and `[limits]`.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::model::{CertificateFiles, Limits};

const BASE: &str =
    "[node]\nname = \"ns1\"\nlisten = [\"192.0.2.1:53\"]\n[[zone]]\norigin = \"a.example\"\nfile = \"z\"\n";

fn with(section: &str) -> String {
    format!("{BASE}{section}")
}

#[test]
fn encrypted_listeners() {
    let read = settings(&with(
        "[encrypted]\ncertificate = \"tls/chain.pem\"\nkey = \"/k.pem\"\ntls = [\"192.0.2.1:853\"]\nquic = [\"192.0.2.1:853\"]\nhttps = [\"[::1]:443\"]\n",
    ));
    let files = CertificateFiles { chain: PathBuf::from("/etc/waypost/tls/chain.pem"), key: PathBuf::from("/k.pem") };
    assert_eq!(read.encrypted.certificate, Some(files));
    assert_eq!(read.encrypted.tls, ["192.0.2.1:853".parse().unwrap()]);
    assert_eq!(read.encrypted.quic, ["192.0.2.1:853".parse().unwrap()]);
    assert_eq!(read.encrypted.https, ["[::1]:443".parse().unwrap()]);
    assert_eq!(settings(BASE).encrypted, crate::model::EncryptedSettings::default());
}

#[test]
fn limits_are_tightened_at_will_and_loosened_knowingly() {
    let tight =
        settings(&with("[limits]\nconnections = 100\nconnections_per_client = 5\nidle = \"2s\"\ntransfers = 1\n"));
    let expected = Limits {
        connections: 100,
        connections_per_client: 5,
        idle: Duration::from_secs(2),
        transfers: 1,
        ..Limits::default()
    };
    assert_eq!(tight.limits, expected);
    let loose = settings(&with("[limits]\nloosen = true\nconnections = 20000\nidle = \"1m\"\nhandshakes = 500\n"));
    assert_eq!((loose.limits.connections, loose.limits.idle), (20_000, Duration::from_secs(60)));
}

#[rustfmt::skip]
const REFUSED: &[(&str, &[&str])] = &[
    ("[limits]\nconnections = 2000\n", &["2000 as connections", "looser than the default 1024", "memory", "loosen = true"]),
    ("[limits]\nidle = \"11s\"\n", &["11s as idle", "10s", "loosen = true"]),
    ("[limits]\nloosen = false\nqueries_per_connection = 17\n", &["17 as queries_per_connection"]),
    ("[limits]\nhandshakes = 65\n", &["handshakes"]),
    ("[limits]\ntransfers = 11\n", &["transfers"]),
    ("[limits]\nconnections = 0\n", &["from 1 to"]),
    ("[limits]\nconnections = 10\n", &["below connections_per_client", "at least connections_per_client = 64"]),
    ("[limits]\nidle = 10\n", &["idle"]),
    ("[limits]\nconections = 10\n", &["did you mean \"connections\""]),
    ("[limits]\nloosen = \"yes\"\n", &["true or false"]),
    ("[encrypted]\ntls = [\"192.0.2.1:853\"]\n", &["[encrypted] without certificate", "certificate = "]),
    ("[encrypted]\ncertificate = \"c\"\ntls = [\"192.0.2.1:853\"]\n", &["without key"]),
    ("[encrypted]\nkey = \"k\"\ntls = [\"192.0.2.1:853\"]\n", &["without certificate"]),
    ("[encrypted]\ncertificate = \"c\"\nkey = \"k\"\ntls = [\"192.0.2.1:53\"]\n", &["192.0.2.1:53 a second time", "another port"]),
    ("[encrypted]\ncertificate = \"c\"\nkey = \"k\"\nhttps = [\"127.0.0.1:8053\"]\n", &["a second time"]),
    ("[encrypted]\ncertificate = \"c\"\nkey = \"k\"\ntls = [\"[::1]:853\"]\nhttps = [\"[::1]:853\"]\n", &["a second time"]),
    ("[encrypted]\ncertificate = \"c\"\nkey = \"k\"\ntls = [\"::1\"]\n", &["an address with a port", "[::1]:853"]),
    ("[encrypted]\ncertificate = \"c\"\nkey = \"k\"\nhttps = [\":443\"]\n", &["0.0.0.0:443"]),
    ("[encrypted]\ncertificate = \"c\"\nkey = \"k\"\ntls = []\n", &["an empty array"]),
    ("[encrypted]\ncert = \"c\"\nkey = \"k\"\ntls = [\"192.0.2.1:853\"]\ncertificate = \"c\"\n", &["unknown key \"cert\""]),
];

#[test]
fn every_mistake_has_one_clear_error() {
    for (section, words) in REFUSED {
        let (settings, report) = read_text(&with(section));
        assert!(settings.is_none(), "{section}");
        let errors: Vec<_> = report.errors().collect();
        let [error] = errors.as_slice() else { panic!("{section}\n{report}") };
        let text = error.to_string();
        assert!(error.line > 0 && !error.remedy.is_empty(), "{text}");
        for word in *words {
            assert!(text.contains(word), "{section}\n{text}\nlacks {word}");
        }
    }
}
