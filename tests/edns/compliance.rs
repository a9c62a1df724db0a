//! A table of queries as ISC's EDNS compliance tester sends them, and beyond it. Broken here, and resolvers take us for
//! a server that cannot be talked to with EDNS.
//!
//! Every row goes to Waypost, NSD and Knot as the same octets. A property in which Waypost is like neither fails; one
//! in which it is unlike one of them has to be in the table with the reason, and may not be there without need.

use std::fmt::Write;

use crate::servers::{self, Running};
use crate::wire::{Query, Reply, name, option, tcp, udp};

/// Who answers otherwise than Waypost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nsd,
    Knot,
    /// A property that neither of the two has in the version at hand.
    Both,
}

use Who::{Both, Knot, Nsd};

struct Row {
    title: &'static str,
    query: Vec<u8>,
    stream: bool,
    /// Property, who has it otherwise, and why that is well.
    differs: Differs,
}

fn row(title: &'static str, query: &Query) -> Row {
    Row { title, query: query.build(), stream: false, differs: &[] }
}

impl Row {
    fn over_tcp(mut self) -> Self {
        self.stream = true;
        self
    }

    fn but(mut self, differs: Differs) -> Self {
        self.differs = differs;
        self
    }

    fn ask(&self, server: &Running) -> Option<Reply> {
        if self.stream { tcp(server.address, &self.query) } else { udp(server.address, &self.query) }
    }
}

type Differs = &'static [(&'static str, Who, &'static str)];

const ECS_AT_NSD: (&str, Who, &str) = ("opt", Nsd, "it does not know client subnets");
const ECS_JUDGED: (&str, Who, &str) = ("rcode", Nsd, "it does not know client subnets");
/// RFC 7871 section 6.
const ECS_STRICT: Differs = &[ECS_JUDGED, ("rcode", Knot, "RFC 7871 section 6 wants FORMERR; it reads generously")];
const COOKIE_WANTED: (&str, Who, &str) =
    ("rcode", Knot, "its module answers nobody without a cookie; Waypost asks for one only where it would limit");
const COOKIE_MALFORMED: Differs = &[("opt", Nsd, "its FORMERR never has an OPT; RFC 6891 section 6.1.1 wants one")];
/// RFC 7828: neither of the two knows the option in the versions at hand.
const KEEPALIVE: Differs = &[("opt", Both, "they do not tell how long a connection may rest (RFC 7828)")];
const ANY_FULL: Differs =
    &[("records", Both, "over TCP the source is proven: everything is told (RFC 8482 section 4.4)")];

const SOA: u16 = 6;
const TXT: u16 = 16;
const ANY: u16 = 255;
const DO: u16 = 0x8000;

fn table() -> Vec<Row> {
    let soa = || Query::new("example.org", SOA);
    let large = || Query::new("large.example.org", TXT);
    let client_cookie = option(10, &[1, 2, 3, 4, 5, 6, 7, 8]);
    vec![
        // What ISC's tester sends.
        row("plain", &soa()),
        row("edns", &soa().edns(&[])),
        row("edns1", &soa().opt(1232, 1, 0, &[])),
        row("ednsopt: an unknown option", &soa().edns(&option(100, &[]))),
        row("ednsopt with data", &soa().edns(&option(65_001, b"whatever"))),
        row("edns1opt", &soa().opt(1232, 1, 0, &option(100, &[]))),
        row("ednsflags: unknown flags", &soa().opt(1232, 0, 0x0080, &[])),
        row("edns1flags", &soa().opt(1232, 1, 0x0080, &[])),
        row("do", &soa().opt(1232, 0, DO, &[])),
        row("all flags", &soa().opt(1232, 0, 0xffff, &[])),
        row("edns@512", &large().opt(512, 0, 0, &[])),
        row("edns@512 over TCP", &large().opt(512, 0, 0, &[])).over_tcp(),
        row(
            "optlist",
            &soa().edns(
                &[option(3, &[]), option(8, &[0, 1, 24, 0, 192, 0, 2]), option(9, &[]), client_cookie.clone()].concat(),
            ),
        )
        .but(&[ECS_AT_NSD, COOKIE_WANTED]),
        row("ednstcp", &soa().edns(&[])).over_tcp(),
        row("edns1tcp", &soa().opt(1232, 1, 0, &[])).over_tcp(),
        row("version 255", &soa().opt(1232, 255, 0, &[])),
        // Sizes.
        row("large without EDNS", &large()),
        row("large with 1232", &large().edns(&[])),
        row("large with 4096", &large().opt(4096, 0, 0, &[])),
        row("size 0", &large().opt(0, 0, 0, &[])),
        row("size 1", &large().opt(1, 0, 0, &[])).but(&[(
            "rcode",
            Knot,
            "less than 512 is 512 (RFC 6891 section 6.2.3)",
        )]),
        row("size 511", &large().opt(511, 0, 0, &[])),
        row("size 65535", &large().opt(65_535, 0, 0, &[])),
        row("large over TCP", &large()).over_tcp(),
        // Shapes of the OPT.
        row("two OPTs", &soa().edns(&[]).edns(&[])),
        row("OPT below the root", &soa().opt_of(&name("opt.example"), 1232, 0, 0, &[])).but(&[(
            "rcode",
            Knot,
            "an OPT is owned by the root (RFC 6891 section 6.1.2)",
        )]),
        row("an option longer than the OPT", &soa().edns(&[0, 100, 0, 4, 1])),
        row("an option without a length", &soa().edns(&[0, 100])),
        row("octets behind the message", &soa().edns(&[]).trailing(&[0])).but(&[(
            "rcode",
            Nsd,
            "it does not look behind the last record",
        )]),
        row("more records announced than there are", &soa().octet(11, 2).edns(&[])),
        // Kinds of answers.
        row("a name that is not there", &Query::new("nowhere.example.org", 1).edns(&[])),
        row("no data", &Query::new("www.example.org", 28).edns(&[])),
        row("a referral", &Query::new("www.sub.example.org", 1).edns(&[])),
        row("a wildcard", &Query::new("any.wild.example.org", TXT).edns(&[])),
        row("an alias", &Query::new("alias.example.org", 1).edns(&[])),
        row("an alias to elsewhere", &Query::new("outside.example.org", 1).edns(&[])),
        row("a DNAME", &Query::new("host.old.example.org", 1).edns(&[])),
        row("a zone of others", &Query::new("www.example.net", 1).edns(&[])),
        row("ANY", &Query::new("example.org", ANY).edns(&[])).but(&[
            ("aa", Nsd, "it sends everyone to TCP"),
            ("tc", Nsd, "it sends everyone to TCP"),
            ("records", Both, "NSD sends everyone to TCP; Knot adds addresses, which nobody asked for"),
            ("questions", Nsd, "it leaves the question out"),
        ]),
        row("ANY over TCP", &Query::new("example.org", ANY).edns(&[])).over_tcp().but(ANY_FULL),
        // Bits of the header.
        row("RD", &soa().octet(2, 1)),
        row("CD", &soa().octet(3, 0x10)),
        row("AD", &soa().octet(3, 0x20)),
        row("Z", &soa().octet(3, 0x40)),
        row("RA", &soa().octet(3, 0x80)),
        row("TC", &soa().octet(2, 2)),
        row("AA", &soa().octet(2, 4)),
        row("a response", &soa().octet(2, 0x80)),
        row("no question", &Query::without_question()),
        row("no question, EDNS", &Query::without_question().edns(&[])).but(&[(
            "rcode",
            Nsd,
            "without a cookie there is nothing to ask for (RFC 7873 section 5.4)",
        )]),
        row("class CH", &Query::classed("example.org", TXT, 3)),
        row("class ANY", &Query::classed("example.org", SOA, 255)).but(&[(
            "rcode",
            Both,
            "one class is served, and nobody asks for all of them",
        )]),
        // Options.
        row("NSID", &soa().edns(&option(3, &[]))),
        row("NSID with data", &soa().edns(&option(3, b"x"))),
        row("ECS", &soa().edns(&option(8, &[0, 1, 24, 0, 192, 0, 2]))).but(&[ECS_AT_NSD]),
        row("ECS without an address", &soa().edns(&option(8, &[0, 1, 0, 0]))).but(&[ECS_AT_NSD]),
        row("ECS of IPv6", &soa().edns(&option(8, &[0, 2, 32, 0, 0x20, 1, 0xd, 0xb8]))).but(&[ECS_AT_NSD]),
        row("ECS too short", &soa().edns(&option(8, &[0, 1, 24, 0, 192, 0]))).but(&[ECS_JUDGED]),
        row("ECS too long", &soa().edns(&option(8, &[0, 1, 24, 0, 192, 0, 2, 0]))).but(ECS_STRICT),
        row("ECS with bits behind the prefix", &soa().edns(&option(8, &[0, 1, 23, 0, 192, 0, 3]))).but(ECS_STRICT),
        row("ECS with a scope", &soa().edns(&option(8, &[0, 1, 24, 24, 192, 0, 2]))).but(ECS_STRICT),
        row("ECS of an unknown family", &soa().edns(&option(8, &[0, 3, 24, 0, 192, 0, 2]))).but(&[ECS_JUDGED]),
        row("ECS of no family", &soa().edns(&option(8, &[0, 0, 0, 0]))).but(&[ECS_JUDGED]),
        row("padding over UDP", &soa().edns(&option(12, &[0; 32]))),
        row("padding over TCP", &soa().edns(&option(12, &[0; 32]))).over_tcp(),
        row("keepalive over UDP", &soa().edns(&option(11, &[]))),
        row("keepalive over UDP with data", &soa().edns(&option(11, &[0, 1]))),
        row("keepalive over TCP", &soa().edns(&option(11, &[]))).over_tcp().but(KEEPALIVE),
        row("keepalive over TCP with data", &soa().edns(&option(11, &[0, 1]))).over_tcp().but(KEEPALIVE),
        // Cookies.
        row("a client's cookie", &soa().edns(&client_cookie)).but(&[COOKIE_WANTED]),
        row("a client's cookie over TCP", &soa().edns(&client_cookie)).over_tcp(),
        row("a cookie of nobody", &soa().edns(&option(10, &[7; 24]))).but(&[COOKIE_WANTED]),
        row("a cookie of 40 octets", &soa().edns(&option(10, &[7; 40]))).but(&[COOKIE_WANTED]),
        row("a cookie of 7 octets", &soa().edns(&option(10, &[7; 7]))).but(COOKIE_MALFORMED),
        row("a cookie of 9 octets", &soa().edns(&option(10, &[7; 9]))).but(COOKIE_MALFORMED),
        row("a cookie of 15 octets", &soa().edns(&option(10, &[7; 15]))).but(COOKIE_MALFORMED),
        row("a cookie of 41 octets", &soa().edns(&option(10, &[7; 41]))).but(COOKIE_MALFORMED),
        row("no cookie in the option", &soa().edns(&option(10, &[]))).but(COOKIE_MALFORMED),
        row("a cookie and no question", &Query::without_question().edns(&client_cookie)).but(&[(
            "rcode",
            Knot,
            "RFC 7873 section 5.4 wants an answer",
        )]),
        row("a cookie and version 1", &soa().opt(1232, 1, 0, &client_cookie)),
    ]
}

/// The properties that are compared, by name.
fn properties(reply: &Option<Reply>) -> Vec<(&'static str, String)> {
    let Some(reply) = reply else { return vec![("rcode", "no reply".to_owned())] };
    let opt = reply.edns.as_ref().map(|(version, flags, options)| {
        // Extended errors are for people; each server has its own.
        let options: Vec<u16> = options.iter().copied().filter(|code| *code != 15).collect();
        format!("version {version}, flags {flags:#06x}, options {options:?}")
    });
    let [questions, sections @ ..] = reply.counts;
    vec![
        ("rcode", reply.rcode.to_string()),
        ("opt", opt.unwrap_or_else(|| "none".to_owned())),
        ("aa", reply.authoritative.to_string()),
        ("tc", reply.truncated.to_string()),
        ("flags", format!("{:#06x}", reply.flags)),
        ("records", format!("{sections:?}")),
        // Of a message that could not be read the question need not come back.
        ("questions", if reply.rcode == 1 { "any".to_owned() } else { questions.to_string() }),
        ("cookie", reply.cookie.as_ref().map_or("none".to_owned(), |cookie| format!("{} octets", cookie.len()))),
    ]
}

#[test]
fn edns_is_answered_as_nsd_and_knot_answer() {
    let Some([nsd, knot]) = servers::peers("edns_is_answered_as_nsd_and_knot_answer") else { return };
    let waypost = servers::unlimited();
    let (mut wrong, mut alike) = (String::new(), 0);
    let rows = table();
    for row in &rows {
        let ours = properties(&row.ask(&waypost));
        let theirs = [(Nsd, &nsd), (Knot, &knot)].map(|(who, peer)| (who, properties(&row.ask(peer))));
        for (who, theirs) in &theirs {
            let named = |name: &str| {
                row.differs.iter().find(|(property, whose, _)| *property == name && (whose == who || *whose == Both))
            };
            for (property, value) in &ours {
                let other = theirs.iter().find(|(known, _)| known == property).map_or("no reply", |(_, value)| value);
                if (other != value) != named(property).is_some() {
                    let _ = writeln!(
                        wrong,
                        "{}: {property} is {value}, {who:?} has {other}, {}",
                        row.title,
                        named(property)
                            .map_or("not explained".to_owned(), |(.., reason)| format!("explained: {reason}"))
                    );
                }
                // With another RCODE all the rest is another.
                if *property == "rcode" && other != value {
                    break;
                }
            }
        }
        alike += usize::from(row.differs.is_empty());
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    println!("{} queries: {alike} answered as both NSD and Knot answer", rows.len());
    for row in rows.iter().filter(|row| !row.differs.is_empty()) {
        for (property, who, reason) in row.differs {
            println!("{}: {property} unlike {who:?}: {reason}", row.title);
        }
    }
}
