//! Wrong key, secret, algorithm, clock or address: refused as the RFCs say.

use crate::primary::{Primary, SECRET, key_argument, local_rule, policy, xfer, zone};
use crate::programs::{ask, has, output};
use crate::support::ZONE;
use waypost::model::ZonePolicy;

fn primary() -> Primary {
    Primary::start(vec![zone("example.org", ZONE, &policy())])
}

/// What dig says to a refusal of a query for the zone, with `more` before the question.
fn refusal(primary: &Primary, more: &[&str]) -> String {
    // dig says little of a transfer that failed; kdig shows RCODE, TSIG error and extended error.
    ask("kdig", primary, &[&["+tcp", "+edns", "+nocrypto"][..], more, &["example.org", "AXFR"]].concat())
}

#[test]
fn who_does_not_sign_or_comes_from_elsewhere_is_refused() {
    if !has(&["kdig", "dig"]) {
        return;
    }
    let primary = primary();
    let stranger = key_argument("hmac-sha256", "stranger", SECRET);
    for more in [&[][..], &["-y", &stranger], &["-y", &xfer(), "-b", "127.0.0.2"]] {
        let said = refusal(&primary, more);
        assert!(said.contains("REFUSED") && !said.contains("mx-fra"), "{more:?}: {said}");
    }
    assert_eq!(primary.transfers("refused"), 3);
    // The reason is told in words (RFC 8914), and the reply is signed where the request is.
    let said = ask("dig", &primary, &["+tcp", "+noedns", "-y", &stranger, "example.org", "AXFR"]);
    assert!(said.contains("Transfer failed"), "{said}");
}

#[test]
fn a_wrong_secret_key_name_or_algorithm_gets_notauth_with_the_tsig_error() {
    if !has(&["dig"]) {
        return;
    }
    let primary = primary();
    let wrong = [
        (key_argument("hmac-sha256", "xfer", b"another secret"), "BADSIG"),
        (key_argument("hmac-sha256", "nobody", SECRET), "BADKEY"),
        (key_argument("hmac-sha512", "xfer", SECRET), "BADKEY"),
        (key_argument("hmac-sha1", "xfer", SECRET), "BADKEY"),
        (key_argument("hmac-md5", "xfer", SECRET), "BADKEY"),
        // A truncated MAC of a length that the standard allows.
        (key_argument("hmac-sha256-128", "xfer", SECRET), "BADTRUNC"),
    ];
    for (key, error) in wrong {
        for transport in ["+tcp", "+notcp"] {
            let said = ask("dig", &primary, &[transport, "-y", &key, "example.org", "SOA"]);
            assert!(said.contains("status: NOTAUTH") && said.contains(error), "{key} {transport}: {said}");
            assert!(said.contains("ANSWER: 0"), "{said}");
        }
        let said = ask("dig", &primary, &["-y", &key, "example.org", "AXFR"]);
        assert!(said.contains("Transfer failed"), "{said}");
    }
    assert_eq!(primary.transfers("complete"), 0);
}

#[test]
fn a_wrong_clock_gets_badtime_with_the_time_of_the_server() {
    // The wrapper `faketime` makes a semaphore named after its process, and fails where an old one is left.
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    if !has(&["kdig", "faketime"]) {
        return;
    }
    let primary = primary();
    for (shift, accepted) in [("-200s", true), ("-1h", false), ("+1h", false)] {
        let [server, flag, port] = primary.at();
        let key = xfer();
        let (time, preload) = (format!("FAKETIME={shift}"), format!("LD_PRELOAD={library}"));
        let arguments = [&time, &preload, "kdig", &server, &flag, &port, "+tcp", "-y", &key, "example.org", "SOA"];
        let said = output("env", &arguments);
        if accepted {
            assert!(said.contains("NOERROR") && said.contains("ANSWER: 1"), "{shift}: {said}");
        } else {
            assert!(said.contains("status: BADTIME") && said.contains("ANSWER: 0"), "{shift}: {said}");
            // A MAC of 32 octets, and six octets of our time.
            let tsig = said.lines().find(|line| line.contains("ANY\tTSIG")).expect(&said);
            let fields: Vec<_> = tsig.split_whitespace().collect();
            let [_, _, _, _, _, told, _, "32", _, _, "BADTIME", "6", ours] = fields[..] else { panic!("{tsig}") };
            let apart = told.parse::<u64>().unwrap().abs_diff(ours.parse().unwrap());
            assert!(apart.abs_diff(3600) < 60, "the time of the client, and ours: {tsig}");
        }
    }
}

#[test]
fn transfers_beyond_the_bound_are_told_to_come_again() {
    if !has(&["kdig"]) {
        return;
    }
    let open = ZonePolicy { transfer: vec![local_rule(None)], ..ZonePolicy::default() };
    let primary = Primary::with(vec![zone("example.org", ZONE, &open)], |setup| setup.limits.transfers = 0);
    let said = refusal(&primary, &[]);
    assert!(said.contains("SERVFAIL"), "{said}");
    assert_eq!(primary.transfers("busy"), 1);
}

#[test]
fn a_zone_that_is_not_ours_is_not_transferred() {
    if !has(&["kdig"]) {
        return;
    }
    let primary = primary();
    for origin in ["example.net", "www.example.org"] {
        let said = ask("kdig", &primary, &["-y", &xfer(), origin, "AXFR"]);
        assert!(said.contains("NOTAUTH") && !said.contains("BADKEY"), "{said}");
    }
}

/// As before any of this: no transfer in a datagram.
#[test]
fn axfr_over_udp_is_refused() {
    if !has(&["kdig"]) {
        return;
    }
    let primary = primary();
    let said = ask("kdig", &primary, &["+notcp", "-y", &xfer(), "example.org", "TYPE252"]);
    assert!(said.contains("REFUSED") || said.contains("NOTIMPL"), "{said}");
}
