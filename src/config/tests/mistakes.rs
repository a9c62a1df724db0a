//! One mistake each: exactly one diagnostic, at the right place, with the words that help.

use super::*;

/// Line `edit` of the example becomes `text`; the one diagnostic is at `at` (line, column) and holds these words.
struct Mistake {
    edit: usize,
    text: &'static str,
    at: (usize, usize),
    found: &'static str,
    expected: &'static str,
    remedy: &'static str,
}

#[rustfmt::skip]
const fn mistake(
    edit: usize, text: &'static str, at: (usize, usize), found: &'static str, expected: &'static str, remedy: &'static str,
) -> Mistake {
    Mistake { edit, text, at, found, expected, remedy }
}

#[rustfmt::skip]
const ERRORS: &[Mistake] = &[
    // Syntax.
    mistake(2, "name = fra-ns1", (2, 8), "fra-ns1 without quotes", "a text in quotes", "quotes: \"fra-ns1\""),
    mistake(7, "listen = 127.0.0.1:8053", (7, 10), "127.0.0.1:8053", "a text in quotes", "quotes: \"127.0.0.1:8053\""),
    mistake(39, "ttl = 30s", (39, 7), "30s", "a text in quotes", "quotes: \"30s\""),
    mistake(39, "ttl = 1m30s # short", (39, 7), "1m30s", "a text in quotes", "quotes: \"1m30s\""),
    mistake(22, "networks = [192.0.2.0/26]", (22, 13), "192.0.2.0/26", "a text in quotes", "quotes: \"192.0.2.0/26\""),
    mistake(22, "networks = [2001:db8:f::/48]", (22, 13), "2001:db8:f::/48", "a text in quotes", "quotes: \"2001:db8:f::/48\""),
    mistake(34, "types = [MX]", (34, 10), "MX", "a text in quotes", "quotes: \"MX\""),
    mistake(49, "recipient = probe@example.org", (49, 13), "probe@example.org", "a text in quotes", "quotes: \"probe@example.org\""),
    mistake(54, "file = zones/example.org.zone", (54, 8), "zones/example.org.zone", "a text in quotes", "quotes: \"zones/example.org.zone\""),
    mistake(54, "file = /etc/example.org.zone", (54, 8), "/etc/example.org.zone", "a text in quotes", "quotes: \"/etc/example.org.zone\""),
    mistake(41, "min_sites = 1,", (41, 14), "unexpected", "newline", "# before a comment"),
    mistake(41, "min_sites := 1", (41, 11), "key with no value", "`=`", "key = value"),
    mistake(41, "min sites = 1", (41, 5), "key with no value", "`=`", "key = value"),
    mistake(31, "[service]]", (31, 10), "unexpected", "newline", "[[section]]"),
    mistake(28, "networks = [\"198.51.100.0/26\"; \"10.0.0.0/8\"]", (28, 30), "missing comma", "`,`", "put a comma between them"),
    mistake(3, "site \"fra\"", (3, 6), "key with no value", "`=`", "key = value"),
    mistake(4, "listen = [\"0.0.0.0:53\"", (6, 1), "an array that is not closed", "`]`", "close the array above with ]"),
    mistake(6, "[admin", (6, 7), "unclosed table", "`]`", "close the header with ]"),
    mistake(8, "listen = \"127.0.0.1:8054\"", (8, 1), "duplicate key \"listen\"", "once", "delete one"),
    mistake(10, "[node]", (10, 2), "duplicate key \"node\"", "each [section] once", "delete one"),
    mistake(39, "ttl =", (39, 6), "no value", "value", "after the ="),
    mistake(39, "ttl = \"30s", (39, 11), "invalid basic string", "`\"`", "close the text"),
    // Unknown keys and sections.
    mistake(10, "[dnssec]\nkey = \"keys\"\n[state]", (11, 1), "unknown key \"key\" in [dnssec]", "keys", "did you mean \"keys\"?"),
    mistake(10, "[dnssec]\nkeys = 1\n[state]", (11, 8), "the integer 1 as keys of [dnssec]", "a text in quotes", "quotes: \"1\""),
    mistake(2, "name = \"a\"\nnmae = \"b\"", (3, 1), "unknown key \"nmae\" in [node]", "name, site, failure_domain, listen", "did you mean \"name\"?"),
    mistake(6, "[amdin]", (6, 2), "unknown key \"amdin\" in the file", "admin", "did you mean \"admin\"?"),
    mistake(23, "capacty = 1200", (23, 1), "unknown key \"capacty\" in [[site]] \"fra\"", "capacity", "did you mean \"capacity\"?"),
    mistake(41, "frobnicate = 1", (41, 1), "unknown key \"frobnicate\"", "one of name", "delete it"),
    mistake(46, "intervall = \"1s\"", (46, 1), "unknown key \"intervall\" in [monitor.smtp]", "interval", "did you mean \"interval\"?"),
    mistake(46, "path = \"/\"", (46, 1), "path in [monitor.smtp], which a monitor of kind smtp does not have", "helo", "delete it"),
    // Shapes.
    mistake(2, "name = 7", (2, 8), "the integer 7 as name of [node]", "a text in quotes", "quotes: \"7\""),
    mistake(4, "listen = \"0.0.0.0:53\"", (4, 10), "\"0.0.0.0:53\" as listen of [node]", "an array", "[\"0.0.0.0:53\"]"),
    mistake(6, "[[admin]]", (6, 1), "several sections as admin", "one section [admin]", "write [admin] once"),
    mistake(21, "location = \"DE\"", (21, 12), "\"DE\" as location", "a table", "location = { country"),
    mistake(23, "capacity = \"1200\"", (23, 12), "\"1200\" as capacity", "whole number", "write 1200 without quotes"),
    mistake(23, "capacity = 0", (23, 12), "the integer 0", "from 1 on", "write a whole number"),
    mistake(41, "min_sites = 1.5", (41, 13), "the number 1.5", "whole number", "write a whole number"),
    mistake(50, "verify = \"yes\"", (50, 10), "\"yes\" as verify", "true or false", "without quotes"),
    // Missing.
    mistake(2, "", (1, 1), "[node] without name", "unique", "add name = \"fra-ns1\""),
    mistake(22, "", (19, 1), "[[site]] \"fra\" without networks", "prefixes", "add networks = ["),
    mistake(33, "", (31, 1), "[[service]] \"mx\" without names", "owner names", "add names = ["),
    mistake(44, "", (43, 1), "[monitor.smtp] without kind", "tcp, smtp, submission, lmtp, imap", "add kind = \"smtp\""),
    mistake(54, "", (52, 1), "[[zone]] without file", "RFC 1035", "add file ="),
    mistake(53, "", (52, 1), "[[zone]] without origin", "origins", "add origin ="),
    // Names.
    mistake(24, "[[site]]\nname = \"FRA 2\"\nnetworks = [\"203.0.113.0/28\"]", (25, 8), "\"FRA 2\" as name of a site", "lower-case", "write \"fra-2\""),
    mistake(32, "name = \"\"", (32, 8), "\"\" as name of a service", "1 to 63", "give the service a name"),
    mistake(43, "[monitor.smtp]\nkind = \"smtp\"\n[monitor.SMTP]", (45, 10), "\"SMTP\" as name of a monitor", "lower-case", "write \"smtp\""),
    mistake(2, "name = \"fra ns1\"", (2, 8), "\"fra ns1\" as name of [node]", "1 to 63", "fra-ns1"),
    mistake(24, "[[site]]\nname = \"fra\"\nnetworks = [\"203.0.113.0/28\"]", (25, 8), "a second site called \"fra\"; the first is in line 20", "once", "rename"),
    // References.
    mistake(3, "site = \"fro\"", (3, 8), "unknown site \"fro\" as site of [node]", "fra, iad", "did you mean \"fra\"?"),
    mistake(36, "sites = [\"fra\", \"tokyo\"]", (36, 17), "unknown site \"tokyo\"", "fra, iad", "declare it in a [[site]]"),
    mistake(36, "sites = [\"fra\", \"iad\", \"fra\"]", (36, 24), "\"fra\" a second time", "each once", "delete one"),
    mistake(36, "sites = []", (36, 9), "an empty array as sites", "at least one declared site", "write sites = [\"fra\"]"),
    mistake(40, "monitors = [\"stmp\"]", (40, 13), "unknown monitor \"stmp\"", "smtp", "did you mean \"smtp\"?"),
    mistake(40, "monitors = [\"smtp\", \"web\"]", (40, 21), "unknown monitor \"web\"", "smtp", "declare it as [monitor.web]"),
    mistake(17, "networks = { \"10.20.0.0/16\" = \"fro\" }", (17, 31), "\"fro\" as 10.20.0.0/16", "country", "did you mean \"fra\"?"),
    // Addresses and networks.
    mistake(4, "listen = [\"0.0.0.0\"]", (4, 11), "\"0.0.0.0\"", "with a port", "write \"0.0.0.0:53\""),
    mistake(4, "listen = [\":53\"]", (4, 11), "\":53\"", "with a port", "\"[::]:53\""),
    mistake(4, "listen = [\"::1\"]", (4, 11), "\"::1\"", "with a port", "\"[::1]:53\""),
    mistake(4, "listen = [\"[::]:53\", \"[::]:53\"]", (4, 22), "[::]:53 a second time", "each address once", "delete one"),
    mistake(7, "listen = \"0.0.0.0:8053\"", (7, 10), "\"0.0.0.0:8053\" as listen of [admin]", "loopback", "127.0.0.1:8053"),
    mistake(4, "listen = [\"127.0.0.1:8053\"]", (7, 10), "127.0.0.1:8053 as listen of [admin] and as listen of [node]", "of its own", "another port"),
    mistake(22, "networks = [\"192.0.2.1/26\"]", (22, 13), "\"192.0.2.1/26\"", "no bits behind the prefix", "write \"192.0.2.0/26\""),
    mistake(22, "networks = [\"192.0.2.1\"]", (22, 13), "\"192.0.2.1\"", "prefix length", "write \"192.0.2.1/32\""),
    mistake(22, "networks = [\"192.0.2.0/33\"]", (22, 13), "\"192.0.2.0/33\"", "prefix notation", "192.0.2.0/24"),
    mistake(28, "networks = [\"192.0.2.32/27\"]", (28, 13), "shares addresses with 192.0.2.0/26 in line 22 of site \"fra\"", "no other site", "one site"),
    mistake(17, "networks = { \"10.20.0.1/16\" = \"fra\" }", (17, 14), "\"10.20.0.1/16\" as a network of [geo]", "no bits", "10.20.0.0/16"),
    mistake(50, "addresses = { \"192.0.2.10\" = \"127.0.0.11:0\" }", (50, 30), "127.0.0.11:0", "address to probe", "10.0.0.10:2525"),
    mistake(50, "addresses = { \"mx1\" = \"127.0.0.11\" }", (50, 15), "\"mx1\" in addresses", "address that is answered", "192.0.2.10"),
    // Places.
    mistake(21, "location = { country = \"UK\" }", (21, 24), "\"UK\" as country", "ISO 3166-1", "write \"GB\""),
    mistake(21, "location = { country = \"de\" }", (21, 24), "\"de\" as country", "ISO 3166-1", "write \"DE\""),
    mistake(21, "location = { lat = 91.0, lon = 8.7 }", (21, 20), "the number 91.0 as lat", "-90 to 90", "without quotes"),
    mistake(21, "location = { lat = 50 }", (21, 12), "without lon", "both", "add lon"),
    mistake(17, "networks = { \"10.20.0.0/16\" = \"99, 8\" }", (17, 31), "\"99, 8\"", "latitude -90 to 90", "50.1, 8.7"),
    // State.
    mistake(11, "store = \"etcd\"", (10, 1), "[state] without etcd", "how its members are reached", "add etcd = {"),
    mistake(11, "store = \"embeded\"", (11, 9), "\"embeded\"", "one of embedded, etcd", "did you mean \"embedded\"?"),
    mistake(11, "store = \"etdc\"\netcd = { }", (11, 9), "\"etdc\" as store of [state]", "one of embedded, etcd", "did you mean \"etcd\"?"),
    mistake(13, "etcd = { prefix = \"/waypost\" }", (13, 1), "etcd in [state] with store = \"embedded\"", "store = \"etcd\"", "or delete etcd"),
    mistake(11, "etcd = { prefix = \"/waypost\" }", (11, 1), "etcd in [state] without store = \"etcd\"", "store = \"etcd\"", "write store = \"etcd\""),
    mistake(12, "path = \"\"", (12, 8), "\"\" as path", "a path", "write the path"),
    // Services.
    mistake(33, "names = [\"mx.*.example\"]", (33, 10), "\"mx.*.example\"", "first label only", "*.suffix"),
    mistake(33, "names = [\"https://example.org/\"]", (33, 10), "https://", "without scheme", "example.org"),
    mistake(33, "names = [\"bücher.example\"]", (33, 10), "\"bücher.example\"", "xn--", "example.org"),
    mistake(33, "names = [\"a..example\"]", (33, 10), "\"a..example\"", "a label is empty", "example.org"),
    mistake(33, "names = []", (33, 9), "an empty array as names", "owner names", "names = ["),
    mistake(34, "types = [\"MX\", \"CNAME\"]", (34, 16), "\"CNAME\" as types", "MX, A, AAAA or SRV", "leave CNAME out"),
    mistake(34, "types = [\"MXX\"]", (34, 10), "\"MXX\"", "MX, A, AAAA or SRV", "as zone files do"),
    mistake(35, "policy = \"neareast\"", (35, 10), "\"neareast\" as policy", "nearest, geo, failover, weighted, spread", "did you mean \"nearest\"?"),
    mistake(35, "policy = \"weighted\"", (31, 1), "[[service]] \"mx\" without weights", "weighted", "add weights = { fra = 1, iad = 1 }"),
    mistake(35, "policy = \"weighted\"\nweights = { fra = 3, nrt = 1, iad = 1 }", (36, 22), "unknown site \"nrt\" as weights", "fra, iad", "declare"),
    mistake(35, "policy = \"weighted\"\nweights = { fra = 3 }", (36, 11), "without a weight for site \"iad\"", "each site", "add iad = 1"),
    mistake(35, "policy = \"weighted\"\nweights = { fra = 0, iad = 0 }", (36, 11), "only zeros", "above 0", "give a weight"),
    mistake(35, "policy = \"weighted\"\nweights = { fra = -1, iad = 1 }", (36, 19), "the integer -1 as fra", "0 to 1000000", "whole number"),
    mistake(35, "policy = \"geo\"", (31, 1), "[[service]] \"mx\" without geo", "geo", "sites = [\"fra\", \"iad\"]"),
    mistake(35, "policy = \"geo\"\ngeo = [{ continent = \"XX\", sites = [\"fra\"] }]", (36, 22), "\"XX\" as continent", "AF, AN, AS, EU, NA, OC, SA", "AF"),
    mistake(35, "policy = \"geo\"\ngeo = [{ sites = [\"fra\"] }]", (36, 8), "without clients", "network, country, continent, default", "default = true"),
    mistake(35, "policy = \"geo\"\ngeo = [{ country = \"DE\", continent = \"EU\", sites = [\"fra\"] }]", (36, 8), "country and continent together", "one of", "a rule of each"),
    mistake(35, "policy = \"geo\"\ngeo = [{ default = false, sites = [\"fra\"] }]", (36, 20), "false as default", "true", "default = true"),
    mistake(35, "policy = \"geo\"\nsites = [\"fra\"]\ngeo = [{ default = true, sites = [\"iad\"] }]", (37, 35), "site \"iad\" as sites", "a site of the service", "add it to sites"),
    mistake(38, "mx = \"ranked\"", (38, 6), "\"ranked\" as mx", "rank, keep", "did you mean \"rank\"?"),
    mistake(39, "ttl = 30", (39, 7), "the integer 30 as ttl of [[service]] \"mx\"", "with unit", "write ttl = \"30s\""),
    mistake(39, "ttl = \"30\"", (39, 7), "\"30\" as ttl", "with unit", "write ttl = \"30s\""),
    mistake(39, "ttl = \"5min\"", (39, 7), "\"5min\" as ttl", "with unit", "write ttl = \"5m\""),
    mistake(39, "ttl = \"1500ms\"", (39, 7), "\"1500ms\" as ttl", "whole seconds", "write ttl = \"1s\""),
    mistake(39, "ttl = \"2d\"", (39, 7), "\"2d\" as ttl", "1s to 1d", "write ttl = \"1d\""),
    mistake(41, "min_sites = 3", (41, 13), "the integer 3 as min_sites", "at most 2", "write min_sites = 1"),
    mistake(41, "demand = 0", (41, 10), "the integer 0 as demand of [[service]] \"mx\"", "from 1 on", "write a whole number"),
    mistake(41, "demand = \"900\"", (41, 10), "\"900\" as demand", "whole number", "write 900 without quotes"),
    mistake(41, "demand = { total = 900 }", (41, 10), "a table as demand", "whole number", "write a whole number"),
    mistake(41, "spill = 1", (41, 9), "the integer 1 as spill", "true or false", "without quotes"),
    mistake(35, "policy = \"spread\"\nspill = true", (36, 9), "true as spill", "nearest, geo or failover", "delete spill"),
    mistake(41, "site_floor = 50", (41, 14), "the integer 50 as site_floor", "0 to 1", "a number from 0 to 1"),
    // Monitors.
    mistake(44, "kind = \"smpt\"", (44, 8), "\"smpt\" as kind", "tcp, smtp, submission, lmtp, imap", "did you mean \"smtp\"?"),
    mistake(45, "port = 70000", (45, 8), "the integer 70000 as port", "1 to 65535", "whole number"),
    mistake(46, "interval = \"10ms\"", (46, 12), "\"10ms\" as interval", "100ms to 1h", "write interval = \"100ms\""),
    mistake(47, "timeout = \"2m\"", (47, 11), "\"2m\" as timeout", "50ms to 1m", "write timeout = \"1m\""),
    mistake(48, "tls = \"ssl\"", (48, 7), "\"ssl\" as tls", "starttls, implicit, none", "write tls = \"starttls\""),
    mistake(49, "recipient = \"<probe@example.org>\"", (49, 13), "\"<probe@example.org>\"", "a mailbox", "probe@example.org"),
    mistake(49, "recipient = \"a@b.example\\r\\nDATA\"", (49, 13), "a@b.example\\r\\nDATA", "a mailbox", "probe@example.org"),
    mistake(50, "helo = \"my host\"", (50, 8), "\"my host\" as helo", "a host name", "without scheme"),
    mistake(50, "expiry_warning = 14", (50, 18), "the integer 14", "with unit", "write expiry_warning = \"14d\""),
    mistake(50, "rise = 0", (50, 8), "the integer 0 as rise", "1 to 100", "whole number"),
    mistake(50, "burst_gap = \"2s\"", (50, 13), "\"2s\" as burst_gap", "at most the interval, 1s", "200ms"),
    mistake(50, "detector = \"counts\"", (50, 12), "\"counts\" as detector", "evidence, count", "did you mean \"count\"?"),
    mistake(50, "[monitor.tcp]\nkind = \"tcp\"", (50, 1), "[monitor.tcp] without port", "no default", "add port"),
    mistake(50, "[monitor.web]\nkind = \"http\"\nbody = \"(ok\"", (52, 8), "\"(ok\" as body", "unclosed group", "backslash"),
    mistake(50, "[monitor.web]\nkind = \"http\"\nstatus = [200, 42]", (52, 16), "the integer 42 as status", "100 to 599", "whole number"),
    mistake(50, "[monitor.web]\nkind = \"http\"\npath = \"http://a.example/ok\"", (52, 8), "\"http://a.example/ok\"", "starts with /", "write \"/ok\""),
    mistake(50, "[monitor.web]\nkind = \"http\"\ntls = \"implicit\"", (52, 1), "tls in [monitor.web], which a monitor of kind http", "status", "kind = \"https\""),
    mistake(50, "[[monitor]]\nkind = \"tcp\"", (50, 3), "duplicate key \"monitor\"", "once", "delete one"),
    // Zones.
    mistake(57, "origin = \"example.org.\"", (57, 10), "a second [[zone]] for example.org.; the first is in line 53", "each zone once", "delete one"),
    mistake(57, "origin = \"a.example\"\norigins = \"list\"", (58, 1), "both origin and origins", "one zone", "delete one of the two"),
    mistake(57, "origin = \"*.example\"", (57, 10), "\"*.example\" as origin", "name of a zone", "without the asterisk"),
];

#[rustfmt::skip]
const WARNINGS: &[Mistake] = &[
    mistake(21, "", (19, 1), "[[site]] \"fra\" without location", "by distance", "add location"),
    mistake(22, "networks = [\"192.0.2.0/24\", \"192.0.2.0/26\"]", (22, 29), "shares addresses with 192.0.2.0/24 in line 22", "once", "narrower"),
    mistake(36, "sites = [\"fra\"]", (25, 1), "[[site]] \"iad\", which no service uses", "sites", "delete it"),
    mistake(51, "[monitor.web]\nkind = \"http\"", (51, 1), "[monitor.web], which no service uses", "monitors", "delete it"),
    mistake(37, "weights = { fra = 3, iad = 1 }", (37, 1), "weights of [[service]] \"mx\" without effect", "weighted", "policy = \"weighted\""),
    mistake(48, "tls = \"none\"\nca = \"ca.pem\"", (49, 1), "ca of [monitor.smtp] without effect", "without tls = \"none\"", "delete ca"),
    mistake(48, "verify = false\nca = \"ca.pem\"", (49, 1), "ca of [monitor.smtp] without effect", "verify = false", "delete ca"),
    mistake(50, "addresses = { \"203.0.113.9\" = \"127.0.0.1\" }", (50, 15), "203.0.113.9 in addresses of [monitor.smtp], which is at no site", "site", "correct"),
    mistake(51, "[[service]]\nname = \"mx2\"\nnames = [\"MX.example.org\"]\ntypes = [\"A\"]\nmonitors = [\"smtp\"]", (53, 9), "A of MX.example.org. in [[service]] \"mx2\", which service \"mx\" has", "the first has it", "narrow"),
    mistake(51, "[[service]]\nname = \"imap\"\nnames = [\"imap.example.org\"]", (51, 1), "[[service]] \"imap\" without monitors", "counts as up", "monitors = []"),
    mistake(41, "demand = 9\n[[service]]\nname = \"imap\"\nnames = [\"imap.example.org\"]\nmonitors = []", (42, 1), "[[service]] \"imap\" without demand, which service \"mx\" has", "in its unit", "add demand"),
    mistake(35, "policy = \"geo\"\ngeo = [{ default = true, sites = [\"fra\"] }, { country = \"DE\", sites = [\"fra\"] }]", (36, 45), "a rule in geo of [[service]] \"mx\" that an earlier one hides", "first match decides", "before the wider"),
];

/// Everything that is wrong with `mistake` and with how it was reported, as far as it is not as promised.
fn verdict(mistake: &Mistake, severity: Severity) -> Option<String> {
    let text = example_with(mistake.edit, mistake.text);
    let (settings, report) = read_text(&text);
    let found: Vec<&Diagnostic> = report.iter().filter(|found| found.severity == severity).collect();
    let good = match found.as_slice() {
        [one] => {
            (one.line, one.column) == mistake.at
                && one.what.contains(mistake.found)
                && one.expected.contains(mistake.expected)
                && one.remedy.contains(mistake.remedy)
                && !one.expected.is_empty()
                && settings.is_some() == (severity == Severity::Warning)
                && report.iter().count() == 1
                && !report.render(Color::Never).is_empty()
        }
        _ => false,
    };
    (!good).then(|| format!("line {} = {:?}, at {:?}:\n{report}\n", mistake.edit, mistake.text, mistake.at))
}

fn check(mistakes: &[Mistake], severity: Severity) {
    let wrong: Vec<String> = mistakes.iter().filter_map(|mistake| verdict(mistake, severity)).collect();
    assert!(wrong.is_empty(), "{} of {} reported otherwise:\n\n{}", wrong.len(), mistakes.len(), wrong.join("\n"));
}

#[test]
fn every_error_is_found_where_it_is_with_its_remedy() {
    check(ERRORS, Severity::Error);
}

#[test]
fn every_doubtful_setting_is_a_warning_and_the_file_is_used() {
    check(WARNINGS, Severity::Warning);
}

#[test]
fn a_flood_of_mistakes_is_counted() {
    let text = (0..1000).map(|ix| format!("a{ix} = 1\n")).collect::<String>();
    let (settings, report) = crate::config::read(Path::new("waypost.toml"), &text);
    assert!(settings.is_none());
    assert_eq!(report.errors().count(), 101);
    let last = report.errors().last().unwrap();
    assert!(last.what.ends_with("more errors than are shown here"), "{last}");
}
