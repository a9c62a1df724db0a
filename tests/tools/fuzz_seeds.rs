//! Writes the corpus of the fuzz targets: `cargo run --example fuzz_seeds`.
//!
//! Every seed is made here, so that what it is for can be read, and none comes from elsewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../../src/steer/mmdb_file.rs"]
mod mmdb_file;
#[allow(dead_code)]
#[path = "../fuzz/src/entries/world.rs"]
mod world;

use std::fs;
use std::path::Path;

use mmdb_file::{Value, city, flat, mmdb};
use waypost::tsig::sign_request;

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let seeds = [
        ("message", messages()),
        ("zone", zones()),
        ("config", configs()),
        ("mmdb", databases()),
        ("tsig", signatures()),
        ("ecs", subnets()),
    ];
    for (target, seeds) in seeds {
        let folder = corpus.join(target);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, octets) in seeds {
            assert!(octets.len() <= LONGEST, "{target}/{name} is longer than the targets take");
            fs::write(folder.join(name), octets).unwrap();
        }
    }
}

/// The longest input of the targets.
const LONGEST: usize = 65_536;

/// As many copies of `part` behind `head` as fit the longest input.
fn filled(head: impl Into<Vec<u8>>, part: impl AsRef<[u8]>) -> Vec<u8> {
    let (mut octets, part) = (head.into(), part.as_ref());
    let copies = (LONGEST - octets.len()) / part.len();
    octets.extend(part.repeat(copies));
    octets
}

type Seed = (String, Vec<u8>);

fn seed(name: &str, octets: impl Into<Vec<u8>>) -> Seed {
    (name.to_owned(), octets.into())
}

const A: u16 = 1;
const NS: u16 = 2;
const SOA: u16 = 6;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const DS: u16 = 43;
const DNSKEY: u16 = 48;
const IXFR: u16 = 251;
const AXFR: u16 = 252;
const ANY: u16 = 255;

fn wire(name: &str) -> Vec<u8> {
    world::name(name).as_wire().to_vec()
}

/// A header: flags, and the counts of the four sections.
fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let mut octets = vec![0x12, 0x34];
    octets.extend(flags.to_be_bytes());
    octets.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    octets
}

fn question(name: &str, rtype: u16) -> Vec<u8> {
    [wire(name), rtype.to_be_bytes().to_vec(), vec![0, 1]].concat()
}

fn query(name: &str, rtype: u16) -> Vec<u8> {
    [header(0x0100, [1, 0, 0, 0]), question(name, rtype)].concat()
}

/// A query with an OPT record of `flags` (extended RCODE, version, DO) and these options.
fn edns(name: &str, rtype: u16, payload: u16, flags: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = [header(0x0110, [1, 0, 0, 1]), question(name, rtype)].concat();
    octets.extend([0, 0, 41]);
    octets.extend(payload.to_be_bytes());
    octets.extend(flags.to_be_bytes());
    let data: Vec<u8> = options.iter().flat_map(|(code, data)| option(*code, data)).collect();
    octets.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    octets.extend(data);
    octets
}

fn option(code: u16, data: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}

fn record(name: &str, rtype: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut octets = wire(name);
    octets.extend(rtype.to_be_bytes());
    octets.extend(class.to_be_bytes());
    octets.extend(ttl.to_be_bytes());
    octets.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    octets.extend(data);
    octets
}

fn messages() -> Vec<Seed> {
    const DO: u32 = 0x8000;
    let subnet: &[u8] = &[0, 1, 24, 0, 203, 0, 113];
    let mut seeds = vec![
        seed("query-a", query("mail.example.org", A)),
        seed("query-mx", query("example.org", MX)),
        seed("query-soa", query("example.org", SOA)),
        seed("query-any", query("example.org", ANY)),
        seed("query-cname-chain", query("to-mail.example.org", AAAA)),
        seed("query-cname-loop", query("loop-a.example.org", A)),
        seed("query-wildcard", query("x.y.wild.example.org", TXT)),
        seed("query-dname", query("host.old.example.org", A)),
        seed("query-referral", query("a.b.sub.example.org", A)),
        seed("query-nothing", query("nothing.example.org", A)),
        seed("query-no-data", query("www.example.org", MX)),
        seed("query-elsewhere", query("example.net", A)),
        seed("query-root", query(".", NS)),
        seed("query-big", query("big.example.org", TXT)),
        seed("query-long-name", query(&format!("{}example.org", "abcdefgh.".repeat(26)), A)),
        seed("edns", edns("example.org", MX, 1232, 0, &[])),
        seed("edns-dnssec-mx", edns("example.org", MX, 1232, DO, &[])),
        seed("edns-dnssec-dnskey", edns("example.org", DNSKEY, 4096, DO, &[])),
        seed("edns-dnssec-nothing", edns("nothing.example.org", A, 1232, DO, &[])),
        seed("edns-dnssec-wildcard", edns("x.wild.example.org", TXT, 1232, DO, &[])),
        seed("edns-dnssec-referral", edns("x.sub.example.org", A, 1232, DO, &[])),
        seed("edns-dnssec-signed-referral", edns("x.signed.example.org", A, 1232, DO, &[])),
        seed("edns-dnssec-ds", edns("signed.example.org", DS, 1232, DO, &[])),
        seed("edns-dnssec-nsec3", edns("nothing.sub2.nsec3.example", A, 1232, DO, &[])),
        seed("edns-dnssec-nsec3-ds", edns("sub.nsec3.example", DS, 1232, DO, &[])),
        seed("edns-dnssec-any", edns("example.org", ANY, 1232, DO, &[])),
        seed("edns-dnssec-small", edns("big.example.org", TXT, 512, DO, &[])),
        seed(
            "edns-options",
            edns("example.org", MX, 1232, DO, &[(3, b""), (8, subnet), (10, b"clientck"), (12, &[0; 20])]),
        ),
        seed("edns-cookie", edns("example.org", MX, 1232, 0, &[(10, b"clientckserver-cookie-16")])),
        seed("edns-keepalive", edns("example.org", MX, 1232, 0, &[(11, b"")])),
        seed("edns-unknown-option", edns("example.org", MX, 1232, 0, &[(65001, b"x")])),
        seed("edns-version-1", edns("example.org", MX, 1232, 0x0001_0000, &[])),
        seed("edns-bad-option", edns("example.org", MX, 1232, 0, &[(8, &[0, 1, 33, 0, 1, 2, 3, 4, 5])])),
        seed("axfr", query("example.org", AXFR)),
        seed("axfr-plain", query("plain.example", AXFR)),
        seed("response", [header(0x8180, [1, 0, 0, 0]), question("example.org", A)].concat()),
        seed("no-question", header(0x0100, [0, 0, 0, 0])),
        seed(
            "two-questions",
            [header(0x0100, [2, 0, 0, 0]), question("example.org", A), question("example.org", MX)].concat(),
        ),
        seed("pointer-to-itself", [header(0x0100, [1, 0, 0, 0]), b"\xc0\x0c\0\x01\0\x01".to_vec()].concat()),
        seed("cut-short", query("example.org", A)[..20].to_vec()),
        seed("trailing", [query("example.org", A), b"more".to_vec()].concat()),
        seed("class-chaos", [header(0x0100, [1, 0, 0, 0]), wire("version.bind"), b"\0\x10\0\x03".to_vec()].concat()),
        seed("status", [header(0x1100, [1, 0, 0, 0]), question("example.org", A)].concat()),
    ];
    let soa = record("example.org", SOA, 1, 0, &[wire("ns.example.org"), wire("h.example.org"), vec![0; 20]].concat());
    let ixfr = [header(0, [1, 0, 1, 0]), question("example.org", IXFR), soa.clone()].concat();
    seeds.push(seed("ixfr", ixfr));
    let notify = [header(0x2400, [1, 1, 0, 0]), question("example.org", SOA), soa].concat();
    seeds.push(seed("notify", notify));
    let add = record("_acme-challenge.example.org", TXT, 1, 60, b"\x01x");
    let absent = record("a.example.org", ANY, 254, 0, b"");
    let delete = record("b.example.org", A, 255, 0, b"");
    let update = [header(0x2800, [1, 1, 2, 0]), question("example.org", SOA), absent, add, delete].concat();
    seeds.push(seed("update", update.clone()));
    for (name, message) in [
        ("signed-query", query("example.org", MX)),
        ("signed-axfr", query("example.org", AXFR)),
        ("signed-update", update),
    ] {
        let mut message = message;
        // The time will be wrong, which has a reply of its own.
        let _ = sign_request(&mut message, &world::key(), 1_800_000_000);
        seeds.push(seed(name, message));
    }
    // What takes the most reading for its length.
    let options =
        [header(0x0100, [1, 0, 0, 1]), question("example.org", MX), b"\0\0\x29\x04\xd0\0\0\0\0\xff\x00".to_vec()];
    let mut options = filled(options.concat(), [0xfd, 0xe9, 0, 0]);
    options.truncate(options.len() - 512);
    let length =
        u16::try_from(options.len() - header(0, [0; 4]).len() - question("example.org", MX).len() - 11).unwrap();
    let at = header(0, [0; 4]).len() + question("example.org", MX).len() + 9;
    options[at..at + 2].copy_from_slice(&length.to_be_bytes());
    seeds.push(seed("long-options", options));
    for (name, flags, counts) in [
        ("long-update", 0x2800, [1, 0, 5000, 0]),
        ("long-notify", 0x2400, [1, 5000, 0, 0]),
        ("long-query", 0x0100, [1, 0, 0, 5000]),
        ("long-questions", 0x0100, [u16::MAX, 0, 0, 0]),
    ] {
        // Records whose owner is a pointer to the question.
        let head = [header(flags, counts), question("example.org", SOA)].concat();
        seeds.push(seed(name, filled(head, b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\0")));
    }
    seeds
}

const APEX: &str = "@ 1h SOA ns hostmaster 1 2h 15m 2w 1h\n@ 1h NS ns\nns A 192.0.2.1\n";

fn zones() -> Vec<Seed> {
    let every_type = include_str!("../zones/all_types.zone");
    let parts = [
        ("empty", ""),
        ("apex", "\n"),
        ("strings", "a TXT \"a;b (c) \\\"d\\\"\" e\\;f \\065\\ \\\\ \"\" gr\u{fc}n\n"),
        ("owners", "a\\.b A 192.0.2.1\n\\@ A 192.0.2.1\n*.c A 192.0.2.1\n\\255 A 192.0.2.1\n A 192.0.2.2\n"),
        ("parentheses", "a ( TXT \"one\" ; comment\n \"two\" )\nb ( A\n192.0.2.1 )\n"),
        ("directives", "$ORIGIN sub\n$TTL 5m\na A 192.0.2.1\n$INCLUDE hosts below\n$INCLUDE nowhere\n$ORIGIN .\n"),
        ("generate", "$GENERATE 1-5/2 h${0,3,d} 60 IN A 192.0.2.$\n$GENERATE 1-9 ${0,5,n} PTR \"x\\$$\"\n"),
        ("generic", "a TYPE65400 \\# 3 0a0b 0c\na TYPE1 \\# 4 c0000201\na TYPE65401 \\# 0\n"),
        ("mistakes", "a A 300.1.1.1\nb..c A 1\nd MX mx\ne BLAH x\nf TXT \"open\ng TXT ( x\n"),
        ("conflicts", "a CNAME b\na A 192.0.2.1\nd DNAME e\nd DNAME f\n@ SOA x y 1 1 1 1 1\n"),
        ("services", "a HTTPS 1 . alpn=\"h2,h3\" port=443 mandatory=alpn,port\nb SVCB 1 c key65333=\"x\\000\"\n"),
        (
            "denial",
            "a NSEC b A TXT\na RRSIG A 13 3 60 20300101000000 20200101000000 1 example.org. AQID\nb NSEC3PARAM 1 0 0 -\n",
        ),
        (
            "place",
            "a LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m\nb APL 1:192.0.2.0/24 !2:2001:db8::/32\n",
        ),
        ("catalog", "version TXT 2\na.zones PTR a.example.\ngroup.a.zones TXT g\ncoo.a.zones PTR c.example.\n"),
        ("names", "alpha.example ; first\nBeta.example. # second\n"),
    ];
    let mut seeds: Vec<Seed> = parts.iter().map(|(name, text)| seed(name, format!("{APEX}{text}"))).collect();
    seeds.push(seed("nothing", ""));
    seeds.push(seed("windows", format!("\u{feff}{APEX}").replace('\n', "\r\n")));
    seeds.push(seed("every-type", every_type));
    // What takes the most reading for its length.
    let labels = "a.".repeat(120);
    for (name, head, part) in [
        ("long-records", "", "a A 192.0.2.1\n".to_owned()),
        ("long-one-set", "$GENERATE 1-900 a A 10.0.$.1\n", "a A 10.1.0.1\n".to_owned()),
        ("long-names", "", format!("{labels} A 192.0.2.1\n")),
        ("long-mistakes", "", "a A x\n".to_owned()),
        ("long-lines", "", "\n".to_owned()),
        ("long-text", "a TXT ", "\"\" ".to_owned()),
        ("long-hex", "a TYPE65400 \\# 32000 ", "0a".to_owned()),
        ("long-parentheses", "a TXT x ", "(".to_owned()),
        ("long-types", "a CSYNC 0 0", " TYPE65280".to_owned()),
        ("long-parameters", "a SVCB 1 . ", "key7=x ".to_owned()),
        ("long-origins", "", "$ORIGIN a\n".to_owned()),
        ("long-token", "", "x".to_owned()),
        ("long-escapes", "a TXT ", "\\000".to_owned()),
        ("long-name-servers", "", "a NS a.b\n".to_owned()),
        ("long-conflicts", "a CNAME b\n", "a TXT x\n".to_owned()),
    ] {
        seeds.push(seed(name, filled(format!("{APEX}{head}"), part)));
    }
    // One record each, which is easier to change than all at once.
    for (ix, line) in every_type.lines().enumerate().filter(|(_, line)| !line.contains(['(', ')', '@', '$', ';'])) {
        let owner = if line.starts_with(' ') { "x" } else { "" };
        seeds.push(seed(&format!("record-{ix:02}"), format!("{APEX}{owner}{line}\n")));
    }
    seeds
}

fn configs() -> Vec<Seed> {
    let example = include_str!("../../deploy/waypost.toml");
    let sections = "[encrypted]\ncertificate = \"c\"\nkey = \"k\"\ntls = [\"0.0.0.0:853\"]\n[limits]\nconnections = 1024\nloosen = true\n\
        [rate_limit]\nresponses_per_second = \"off\"\nexempt = [\"192.0.2.0/24\"]\n[cookies]\nsecrets = \"s\"\n[dnssec]\nkeys = \"k\"\n\
        [[key]]\nname = \"xfer\"\nsecret = \"s\"\n[[zone]]\norigin = \"example.org\"\nfile = \"z\"\ntransfer = [{ from = [\"192.0.2.53\"], key = \"xfer\" }]\n\
        notify = [{ address = \"192.0.2.53\" }]\nupdate = [{ key = \"xfer\", names = [\"a.example.org\"], types = [\"TXT\"] }]\nserial = \"unixtime\"\ndnssec = { denial = \"nsec3\" }\n\
        [[zone]]\ncatalog = \"catalog.example\"\nprimaries = [{ address = \"192.0.2.1:53\", key = \"xfer\" }]\n";
    vec![
        seed("nothing", ""),
        seed("world", include_str!("../fuzz/src/entries/world.toml")),
        seed("example", example),
        seed("example-all-keys", example.replace("\n# ", "\n")),
        seed("sections", format!("{}{sections}", include_str!("../fuzz/src/entries/world.toml"))),
        seed("unknown-keys", "[nod]\nnmae = 1\n[[sit]]\n[node]\nname = 7\nlisten = \"x\"\nnam = 2\n"),
        seed("syntax", "[node\nname = \"a\nx = [1, \ny = { a = 1, a = 2 }\n[[site]]\n[site]\n"),
        seed("nested", format!("a = {}{}", "[".repeat(200), "]".repeat(200))),
        // What takes the most reading for its length.
        seed("long-keys", filled("", "aaaaaaa = 1\n")),
        seed("long-sections", filled("", "[[site]]\n")),
        seed("long-unknown-sections", filled("", "[[sitee]]\n")),
        seed("long-table", filled("[node]\n", "nam = 1\n")),
        seed("long-nesting", filled("a = ", "[")),
        seed("long-inline", filled("a = ", "{a=")),
        seed("long-dotted", filled("a", ".a")),
        seed("long-string", filled("[node]\nname = \"", "x")),
        seed("long-list", filled("[node]\nname = \"a\"\nlisten = [", "\"x\",")),
        seed("long-networks", filled("[[site]]\nname = \"a\"\nnetworks = [", "\"192.0.2.0/24\",\n")),
        seed("long-names", filled("[[service]]\nname = \"a\"\nnames = [", "\"a.b\",")),
        seed("long-zones", filled("", "[[zone]]\norigin=\"a\"\nfile=\"z\"\n")),
        seed("long-services", filled("", "[[service]]\nname=\"a\"\nnames=[\"a\"]\n")),
        seed("long-comments", filled("", "#\n")),
    ]
}

fn databases() -> Vec<Seed> {
    let cities = || {
        vec![
            ("10.0.0.0/8", city("DE", 50.1, 8.7)),
            ("192.0.2.0/24", city("US", 39.0, -77.5)),
            ("2001:db8::/32", city("JP", 35.7, 139.7)),
        ]
    };
    let only_v4 = vec![("10.0.0.0/8", flat("DE")), ("192.0.2.128/25", flat("US"))];
    let odd = vec![("10.0.0.0/8", Value::Map(vec![("country", Value::Text("DE")), ("x", Value::Short(1))]))];
    let mut seeds = vec![
        seed("nothing", ""),
        seed("magic", b"\xab\xcd\xefMaxMind.com".to_vec()),
        seed("flat", mmdb("country", 4, 24, &only_v4)),
        seed("odd", mmdb("odd", 4, 24, &odd)),
    ];
    for size in [24, 28, 32] {
        seeds.push(seed(&format!("cities-{size}"), mmdb("cities", 6, size, &cities())));
    }
    let mut circle = mmdb("cities", 6, 24, &cities());
    circle[..60].fill(0);
    seeds.push(seed("circle", circle));
    seeds
}

fn signatures() -> Vec<Seed> {
    let mut signed = query("example.org", SOA);
    let _ = sign_request(&mut signed, &world::key(), 1_800_000_000);
    let mut late = query("example.org", SOA);
    let _ = sign_request(&mut late, &world::key(), 1_700_000_000);
    let stream = |messages: &[Vec<u8>]| -> Vec<u8> {
        let framed = |message: &Vec<u8>| [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat();
        messages.iter().flat_map(framed).collect()
    };
    let plain = query("example.org", SOA);
    let with_kind = |kind: u8, octets: &[u8]| [&[kind], octets].concat();
    let mut cut = signed.clone();
    cut.truncate(signed.len() - 8);
    vec![
        seed("request-signed", with_kind(0, &signed)),
        seed("request-late", with_kind(0, &late)),
        seed("request-unsigned", with_kind(0, &plain)),
        seed("request-cut", with_kind(0, &cut)),
        seed("request-edns", with_kind(1, &edns("example.org", SOA, 1232, 0, &[]))),
        seed("request", with_kind(1, &plain)),
        seed("reply", with_kind(2, &stream(&[signed.clone(), plain.clone()]))),
        seed("stream", with_kind(3, &stream(&[plain.clone(), plain.clone(), plain]))),
        seed("nothing", ""),
    ]
}

fn subnets() -> Vec<Seed> {
    vec![
        seed("nothing", ""),
        seed("v4-24", [0, 1, 24, 0, 203, 0, 113]),
        seed("v4-0", [0, 1, 0, 0]),
        seed("v4-32", [0, 1, 32, 0, 192, 0, 2, 1]),
        seed("v4-21", [0, 1, 21, 0, 192, 0, 8]),
        seed("v6-56", [0, 2, 56, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0]),
        seed("v6-128", [&[0, 2, 128, 0][..], &[0x20; 16]].concat()),
        seed("family", [0, 3, 0, 0]),
        seed("scope", [0, 1, 24, 24, 192, 0, 2]),
        seed("host-bits", [0, 1, 21, 0, 192, 0, 9]),
        seed("too-long", [0, 1, 33, 0, 1, 2, 3, 4, 128]),
    ]
}
