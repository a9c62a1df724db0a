//! `[[zone]]` and `[[key]]`: what they say, and every way to say it wrong.

use std::path::PathBuf;

use hickory_proto::rr::RecordType;

use super::*;
use crate::model::{
    Denial, KeySource, Peer, SerialPolicy, TransferRule, TsigAlgorithm, UpdateRule, ZoneContent, ZoneOrigins,
    ZonePolicy, ZoneSigning,
};

const BASE: &str = "[node]\nname = \"ns1\"\n[[key]]\nname = \"xfer\"\nsecret = \"xfer.secret\"\n\
    [[key]]\nname = \"Acme.example\"\nalgorithm = \"hmac-sha512\"\nsecret = \"/k/acme\"\n[[zone]]\n";

fn with(zone: &str) -> String {
    format!("{BASE}{zone}")
}

fn name(text: &str) -> crate::model::Name {
    text.parse().unwrap()
}

#[test]
fn a_primary_with_everything() {
    let settings = settings(&with(
        "origin = \"example.org\"\nfile = \"z\"\nserial = \"unixtime\"\ndnssec = true\n\
         transfer = [{ from = [\"192.0.2.53\", \"2001:db8::/48\"], key = \"XFER\" }]\n\
         notify = [{ address = \"192.0.2.53\", key = \"xfer\" }, { address = \"[2001:db8::1]:5353\" }]\n\
         update = [{ key = \"acme.example.\", names = [\"_acme-challenge.mx.example.org\"], types = [\"txt\"] }]\n",
    ));
    let key =
        |key: &str, algorithm, secret: &str| KeySource { name: name(key), algorithm, secret: PathBuf::from(secret) };
    assert_eq!(
        settings.keys,
        [
            key("xfer", TsigAlgorithm::HmacSha256, "/etc/waypost/xfer.secret"),
            key("acme.example", TsigAlgorithm::HmacSha512, "/k/acme")
        ]
    );
    let [zone] = settings.zones.as_slice() else { panic!("{:?}", settings.zones) };
    assert_eq!(zone.origins, ZoneOrigins::One(name("example.org")));
    let expected = ZonePolicy {
        transfer: vec![TransferRule {
            from: vec!["192.0.2.53/32".parse().unwrap(), "2001:db8::/48".parse().unwrap()],
            key: Some(name("xfer")),
        }],
        notify: vec![
            Peer { address: "192.0.2.53:53".parse().unwrap(), key: Some(name("xfer")) },
            Peer { address: "[2001:db8::1]:5353".parse().unwrap(), key: None },
        ],
        update: vec![UpdateRule {
            key: name("acme.example"),
            names: vec![name("_acme-challenge.mx.example.org")],
            types: vec![RecordType::TXT],
        }],
        serial: SerialPolicy::UnixTime,
        dnssec: Some(ZoneSigning { keyset: None, denial: Denial::Nsec }),
    };
    assert_eq!(zone.policy, expected);
}

#[test]
fn a_secondary_a_catalog_and_a_signed_template() {
    let settings = settings(&with(
        "origin = \"example.net\"\nprimaries = [{ address = \"192.0.2.1\", key = \"xfer\" }, { address = \"192.0.2.2:54\" }]\n\
         [[zone]]\ncatalog = \"catalog.example\"\nprimaries = [{ address = \"2001:db8::1\", key = \"none\" }]\n\
         [[zone]]\norigins = \"list\"\nfile = \"t\"\ndnssec = { keyset = \"hosted\", denial = \"nsec3\" }\n\
         [[zone]]\norigin = \"plain.example\"\nfile = \"p\"\ndnssec = false\n",
    ));
    let [secondary, catalog, hosted, plain] = settings.zones.as_slice() else { panic!("{:?}", settings.zones) };
    let peer = |address: &str, key: Option<&str>| Peer { address: address.parse().unwrap(), key: key.map(name) };
    let primaries = vec![peer("192.0.2.1:53", Some("xfer")), peer("192.0.2.2:54", None)];
    assert_eq!(secondary.content, ZoneContent::Primaries(primaries));
    assert_eq!(secondary.policy, ZonePolicy::default());
    assert_eq!(catalog.origins, ZoneOrigins::Catalog(name("catalog.example")));
    assert_eq!(catalog.content, ZoneContent::Primaries(vec![peer("[2001:db8::1]:53", None)]));
    let signing = ZoneSigning { keyset: Some("hosted".to_owned()), denial: Denial::Nsec3 };
    assert_eq!(hosted.policy.dnssec, Some(signing));
    assert_eq!(plain.policy.dnssec, None);
}

#[test]
fn unsigned_transfers_are_allowed_knowingly() {
    let (settings, report) =
        read_text(&with("origin = \"a.example\"\nfile = \"z\"\ntransfer = [{ from = [\"::1\"], key = \"none\" }]\n"));
    assert_eq!(settings.unwrap().zones[0].policy.transfer[0].key, None);
    let [warning] = report.warnings().collect::<Vec<_>>()[..] else { panic!("{report}") };
    assert!(warning.expected.contains("whoever can send from these addresses"), "{report}");
}

/// What stands below `[[zone]]`, and words of the one diagnostic.
#[rustfmt::skip]
const REFUSED: &[(&str, &[&str])] = &[
    ("origin = \"a.example\"\n", &["[[zone]] without file", "primaries, the servers"]),
    ("file = \"z\"\n", &["[[zone]] without origin", "catalog for those"]),
    ("origin = \"a.example\"\norigins = \"l\"\nfile = \"z\"\n", &["both origin and origins", "delete one"]),
    ("origin = \"a.example\"\ncatalog = \"c\"\nfile = \"z\"\n", &["both origin and catalog"]),
    ("catalog = \"c.example\"\nfile = \"z\"\n", &["file beside catalog", "primaries ="]),
    ("origins = \"l\"\nprimaries = [{ address = \"::1\" }]\n", &["primaries beside origins", "catalog zone"]),
    ("origin = \"a.example\"\nfile = \"z\"\nprimaries = [{ address = \"::1\" }]\n", &["both file and primaries"]),
    ("origin = \"a.example\"\nprimaries = []\n", &["an empty array", "{ address"]),
    ("origin = \"a.example\"\nprimaries = [\"192.0.2.1\"]\n", &["a table { address", "\"192.0.2.1\""]),
    ("origin = \"a.example\"\nprimaries = [{ key = \"xfer\" }]\n", &["without address", "add address ="]),
    ("origin = \"a.example\"\nprimaries = [{ address = \"ns1.example\" }]\n", &["an IP address", "names are not looked up"]),
    ("origin = \"a.example\"\nprimaries = [{ address = \"192.0.2.1:0\" }]\n", &["an IP address"]),
    ("origin = \"a.example\"\nprimaries = [{ address = \"::1\" }, { address = \"[::1]:53\" }]\n", &["a second time", "each server once"]),
    ("origin = \"a.example\"\nprimaries = [{ adress = \"::1\", address = \"::1\" }]\n", &["unknown key \"adress\"", "did you mean \"address\""]),
    ("origin = \"a.example\"\nfile = \"z\"\nnotify = [{ address = \"::1\", key = \"xfre\" }]\n", &["unknown key \"xfre\"", "did you mean \"xfer\""]),
    ("origin = \"a.example\"\nfile = \"z\"\nnotify = [{ address = \"::1\", key = \"other\" }]\n", &["unknown key \"other\"", "xfer, Acme.example", "[[key]]"]),
    ("origin = \"a.example\"\nfile = \"z\"\ntransfer = [{ from = [\"::1\"] }]\n", &["without key", "add key ="]),
    ("origin = \"a.example\"\nfile = \"z\"\ntransfer = [{ key = \"xfer\" }]\n", &["without from", "add from ="]),
    ("origin = \"a.example\"\nfile = \"z\"\ntransfer = [{ from = [], key = \"xfer\" }]\n", &["an empty array"]),
    ("origin = \"a.example\"\nfile = \"z\"\ntransfer = [{ from = [\"192.0.2.1/24\"], key = \"xfer\" }]\n", &["no bits behind the prefix", "192.0.2.0/24"]),
    ("origin = \"a.example\"\nfile = \"z\"\ntransfer = \"any\"\n", &["an array"]),
    ("origin = \"a.example\"\nfile = \"z\"\nupdate = [{ key = \"xfer\", names = [\"b.example\"], types = [\"TXT\"] }]\n", &["a name in the zone a.example.", "_acme-challenge.a.example"]),
    ("origin = \"a.example\"\nfile = \"z\"\nupdate = [{ key = \"xfer\", names = [\"a.example\"], types = [\"SOA\"] }]\n", &["types of data", "change it in the zone file"]),
    ("origin = \"a.example\"\nfile = \"z\"\nupdate = [{ key = \"xfer\", names = [\"a.example\"], types = [\"ANY\"] }]\n", &["types of data", "leave ANY out"]),
    ("origin = \"a.example\"\nfile = \"z\"\nupdate = [{ key = \"xfer\", names = [\"a.example\"], types = [\"RRSIG\"] }]\n", &["types of data"]),
    ("origin = \"a.example\"\nfile = \"z\"\nupdate = [{ key = \"xfer\", names = [\"a.example\"], types = [\"TEXT\"] }]\n", &["types of data", "as zone files do"]),
    ("origin = \"a.example\"\nfile = \"z\"\nupdate = [{ key = \"none\", names = [\"a.example\"], types = [\"TXT\"] }]\n", &["unknown key \"none\""]),
    ("origin = \"a.example\"\nfile = \"z\"\nupdate = [{ names = [\"a.example\"], types = [\"TXT\"] }]\n", &["without key"]),
    ("origins = \"l\"\nfile = \"z\"\nupdate = [{ key = \"xfer\", names = [\"a.example\"], types = [\"TXT\"] }]\n", &["update beside origins", "of its own"]),
    ("origin = \"a.example\"\nprimaries = [{ address = \"::1\" }]\nupdate = [{ key = \"xfer\", names = [\"a.example\"], types = [\"TXT\"] }]\n", &["update beside primaries"]),
    ("origin = \"a.example\"\nprimaries = [{ address = \"::1\" }]\nserial = \"unixtime\"\n", &["unixtime", "keeps the serial of its primary"]),
    ("origin = \"a.example\"\nfile = \"z\"\nserial = \"unixtme\"\n", &["did you mean \"unixtime\""]),
    ("origin = \"a.example\"\nprimaries = [{ address = \"::1\" }]\ndnssec = true\n", &["dnssec beside primaries", "served as it comes"]),
    ("origins = \"l\"\nfile = \"z\"\ndnssec = true\n", &["dnssec without keyset", "waypost key generate"]),
    ("origin = \"a.example\"\nfile = \"z\"\ndnssec = \"yes\"\n", &["true, false or a table"]),
    ("origin = \"a.example\"\nfile = \"z\"\ndnssec = 1\n", &["true or false"]),
    ("origin = \"a.example\"\nfile = \"z\"\ndnssec = { denial = \"nsec5\" }\n", &["did you mean \"nsec\""]),
    ("origin = \"a.example\"\nfile = \"z\"\ndnssec = { keyset = \"../x\" }\n", &["letters, digits", "\"hosted\""]),
    ("origin = \"a.example\"\nfile = \"z\"\n[[key]]\nname = \"XFER.\"\nsecret = \"s\"\n", &["a second key called \"XFER\"", "line 4"]),
    ("origin = \"a.example\"\nfile = \"z\"\n[[key]]\nname = \"none\"\nsecret = \"s\"\n", &["stands for no key"]),
    ("origin = \"a.example\"\nfile = \"z\"\n[[key]]\nname = \"k\"\n", &["[[key]] \"k\" without secret", "base64"]),
    ("origin = \"a.example\"\nfile = \"z\"\n[[key]]\nname = \"k\"\nsecret = \"s\"\nalgorithm = \"hmac-md5\"\n", &["hmac-sha256, hmac-sha384, hmac-sha512"]),
];

#[test]
fn every_wrong_zone_has_one_clear_error() {
    for (zone, words) in REFUSED {
        let (settings, report) = read_text(&with(zone));
        assert!(settings.is_none(), "{zone}");
        let errors: Vec<_> = report.errors().collect();
        let [error] = errors.as_slice() else { panic!("{zone}\n{report}") };
        let text = error.to_string();
        assert!(error.line > 0 && !error.remedy.is_empty(), "{text}");
        for word in *words {
            assert!(text.contains(word), "{zone}\n{text}\nlacks {word}");
        }
    }
}
