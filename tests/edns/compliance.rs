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
    differs: &'static [(&'static str, Who, &'static str)],
}

fn row(title: &'static str, query: &Query) -> Row {
    Row { title, query: query.build(), stream: false, differs: &[] }
}

impl Row {
    fn over_tcp(mut self) -> Self {
        self.stream = true;
        self
    }

    fn but(mut self, differs: &'static [(&'static str, Who, &'static str)]) -> Self {
        self.differs = differs;
        self
    }

    fn ask(&self, server: &Running) -> Option<Reply> {
        if self.stream { tcp(server.address, &self.query) } else { udp(server.address, &self.query) }
    }
}

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
        ),
        row("ednstcp", &soa().edns(&[])).over_tcp(),
        row("edns1tcp", &soa().opt(1232, 1, 0, &[])).over_tcp(),
        row("version 255", &soa().opt(1232, 255, 0, &[])),
        // Sizes.
        row("large without EDNS", &large()),
        row("large with 1232", &large().edns(&[])),
        row("large with 4096", &large().opt(4096, 0, 0, &[])),
        row("size 0", &large().opt(0, 0, 0, &[])),
        row("size 1", &large().opt(1, 0, 0, &[])),
        row("size 511", &large().opt(511, 0, 0, &[])),
        row("size 65535", &large().opt(65_535, 0, 0, &[])),
        row("large over TCP", &large()).over_tcp(),
        // Shapes of the OPT.
        row("two OPTs", &soa().edns(&[]).edns(&[])),
        row("OPT below the root", &soa().opt_of(&name("opt.example"), 1232, 0, 0, &[])),
        row("an option longer than the OPT", &soa().edns(&[0, 100, 0, 4, 1])),
        row("an option without a length", &soa().edns(&[0, 100])),
        row("octets behind the message", &soa().edns(&[]).trailing(&[0])),
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
        row("ANY", &Query::new("example.org", ANY).edns(&[])),
        row("ANY over TCP", &Query::new("example.org", ANY).edns(&[])).over_tcp(),
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
        row("no question, EDNS", &Query::without_question().edns(&[])),
        row("class CH", &Query::classed("example.org", TXT, 3)),
        row("class ANY", &Query::classed("example.org", SOA, 255)),
        // Options.
        row("NSID", &soa().edns(&option(3, &[]))),
        row("NSID with data", &soa().edns(&option(3, b"x"))),
        row("ECS", &soa().edns(&option(8, &[0, 1, 24, 0, 192, 0, 2]))),
        row("ECS without an address", &soa().edns(&option(8, &[0, 1, 0, 0]))),
        row("ECS of IPv6", &soa().edns(&option(8, &[0, 2, 32, 0, 0x20, 1, 0xd, 0xb8]))),
        row("ECS too short", &soa().edns(&option(8, &[0, 1, 24, 0, 192, 0]))),
        row("ECS too long", &soa().edns(&option(8, &[0, 1, 24, 0, 192, 0, 2, 0]))),
        row("ECS with bits behind the prefix", &soa().edns(&option(8, &[0, 1, 23, 0, 192, 0, 3]))),
        row("ECS with a scope", &soa().edns(&option(8, &[0, 1, 24, 24, 192, 0, 2]))),
        row("ECS of an unknown family", &soa().edns(&option(8, &[0, 3, 24, 0, 192, 0, 2]))),
        row("ECS of no family", &soa().edns(&option(8, &[0, 0, 0, 0]))),
        row("padding over UDP", &soa().edns(&option(12, &[0; 32]))),
        row("padding over TCP", &soa().edns(&option(12, &[0; 32]))).over_tcp(),
        row("keepalive over UDP", &soa().edns(&option(11, &[]))),
        row("keepalive over UDP with data", &soa().edns(&option(11, &[0, 1]))),
        row("keepalive over TCP", &soa().edns(&option(11, &[]))).over_tcp(),
        row("keepalive over TCP with data", &soa().edns(&option(11, &[0, 1]))).over_tcp(),
        // Cookies.
        row("a client's cookie", &soa().edns(&client_cookie)),
        row("a client's cookie over TCP", &soa().edns(&client_cookie)).over_tcp(),
        row("a cookie of nobody", &soa().edns(&option(10, &[7; 24]))),
        row("a cookie of 40 octets", &soa().edns(&option(10, &[7; 40]))),
        row("a cookie of 7 octets", &soa().edns(&option(10, &[7; 7]))),
        row("a cookie of 9 octets", &soa().edns(&option(10, &[7; 9]))),
        row("a cookie of 15 octets", &soa().edns(&option(10, &[7; 15]))),
        row("a cookie of 41 octets", &soa().edns(&option(10, &[7; 41]))),
        row("no cookie in the option", &soa().edns(&option(10, &[]))),
        row("a cookie and no question", &Query::without_question().edns(&client_cookie)),
        row("a cookie and version 1", &soa().opt(1232, 1, 0, &client_cookie)),
    ]
}

/// The properties that are compared, by name.
fn properties(reply: &Option<Reply>) -> Vec<(&'static str, String)> {
    let Some(reply) = reply else { return vec![("reply", "none".to_owned())] };
    let edns = reply.edns.as_ref();
    vec![
        ("reply", "one".to_owned()),
        ("rcode", reply.rcode.to_string()),
        ("aa", reply.authoritative.to_string()),
        ("tc", reply.truncated.to_string()),
        ("flags", format!("{:#06x}", reply.flags)),
        ("answers", reply.answers.len().to_string()),
        ("counts", format!("{:?}", reply.counts)),
        ("version", edns.map_or("no OPT".to_owned(), |edns| edns.0.to_string())),
        ("edns flags", edns.map_or("no OPT".to_owned(), |edns| format!("{:#06x}", edns.1))),
        // Extended errors are for people; each server has its own.
        ("options", edns.map_or("no OPT".to_owned(), |edns| format!("{:?}", without_errors(&edns.2)))),
        ("cookie", reply.cookie.as_ref().map_or("none".to_owned(), |cookie| format!("{} octets", cookie.len()))),
    ]
}

fn without_errors(codes: &[u16]) -> Vec<u16> {
    codes.iter().copied().filter(|code| *code != 15).collect()
}

#[test]
fn edns_is_answered_as_nsd_and_knot_answer() {
    let Some([nsd, knot]) = servers::peers("edns_is_answered_as_nsd_and_knot_answer") else { return };
    let waypost = servers::unlimited();
    let (mut wrong, mut listed) = (String::new(), 0);
    let rows = table();
    for row in &rows {
        let ours = properties(&row.ask(&waypost));
        let [of_nsd, of_knot] = [&nsd, &knot].map(|peer| properties(&row.ask(peer)));
        for (property, value) in &ours {
            let of = |theirs: &[(&str, String)]| {
                theirs
                    .iter()
                    .find(|(known, _)| known == property)
                    .map_or("no reply".to_owned(), |(_, value)| value.clone())
            };
            let (nsd, knot) = (of(&of_nsd), of(&of_knot));
            let unlike = match (nsd == *value, knot == *value) {
                (true, true) => None,
                (false, true) => Some(Nsd),
                (true, false) => Some(Knot),
                (false, false) => Some(Both),
            };
            let explained = row.differs.iter().find(|(known, ..)| known == property).map(|(_, who, _)| *who);
            listed += usize::from(explained.is_some());
            if unlike != explained {
                let _ = writeln!(
                    wrong,
                    "{}: {property} is {value}; NSD {nsd}, Knot {knot}; unlike {unlike:?}, explained {explained:?}",
                    row.title
                );
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    println!("{} queries, {listed} explained differences with one of NSD and Knot or both", rows.len());
}
