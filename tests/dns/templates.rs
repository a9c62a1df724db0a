//! Zones of one template: one tree for all of them, and every answer as from a file of its own.

use std::path::Path;
use std::sync::Arc;

use hickory_proto::rr::RecordType;
use waypost::answer::{Question, Tables};
use waypost::model::{Generation, Name, Settings, State};
use waypost::zone::{self, Template, Zone, Zones};
use waypost::{config, plan};

use crate::support::{self, NoIncludes, client, name};

const TEMPLATE: &str = "$TTL 1h\n@ SOA ns.host.example. hostmaster 7 1h 1h 1w 1h\n@ NS ns.host.example.\n@ MX 10 mx-fra\n\
    @ MX 20 mx-iad\nmx-fra A 192.0.2.10\nmx-iad A 198.51.100.10\nmail A 192.0.2.20\nmail A 198.51.100.20\n\
    www CNAME mail\n* TXT wild\nold DNAME new\nsub NS ns.sub\nns.sub A 203.0.113.1\n_imap._tcp SRV 0 0 143 mail\n";

const ORIGINS: [&str; 9] = [
    "a.hosted.example",
    "b.hosted.example",
    "c.hosted.example",
    "deep.c.hosted.example",
    "exact.test",
    "mail-only.test",
    "other.test",
    "within.test",
    "Mixed.Hosted.Example",
];

fn settings() -> Settings {
    let names = r#"names = ["*.hosted.example", "a.hosted.example", "exact.test", "mail.mail-only.test", "*.sub.within.test", "*.within.test"]"#;
    let text = support::CONFIG
        .replace(r#"names = ["example.org", "mx-fra.example.org", "mx-iad.example.org", "mail.example.org"]"#, names);
    let (settings, report) = config::read(Path::new("waypost.toml"), &text);
    settings.unwrap_or_else(|| panic!("{report}"))
}

fn tables(zones: Zones, fra: State) -> Tables {
    let attribution = zone::attribute(zones, &settings());
    let health = support::health(&attribution.topology, |site| if site == "fra" { fra } else { State::Up });
    let generation = Generation { epoch: 1, sequence: 1 };
    let inputs = plan::Inputs { topology: &attribution.topology, health: &health, intents: &[], generation };
    let plan = plan::make(inputs);
    Tables::new(Arc::new(attribution), support::steering(), Arc::new(plan))
}

fn template() -> Template {
    let (template, report) = Template::load(&name(ORIGINS[0]), Path::new("hosted.zone"), TEMPLATE, &NoIncludes);
    template.unwrap_or_else(|| panic!("{report}"))
}

fn template_of(template: &Template, origin: &str) -> Zone {
    template.zone(name(origin)).unwrap()
}

fn own(origin: &str) -> Zone {
    let (zone, report) = zone::load(&name(origin), Path::new("hosted.zone"), TEMPLATE, &NoIncludes);
    zone.unwrap_or_else(|| panic!("{report}"))
}

#[test]
fn answers_are_those_of_a_file_of_its_own() {
    let template = template();
    let owners =
        ["", "mx-fra.", "mail.", "www.", "any.", "x.y.", "host.old.", "host.sub.", "sub.", "_tcp.", "_imap._tcp."];
    let types = [
        RecordType::A,
        RecordType::MX,
        RecordType::NS,
        RecordType::SOA,
        RecordType::TXT,
        RecordType::SRV,
        RecordType::DS,
        RecordType::ANY,
    ];
    let mut compared = 0;
    for fra in [State::Up, State::Down] {
        let one = tables(ORIGINS.iter().map(|origin| template_of(&template, origin)).collect(), fra);
        let other = tables(ORIGINS.iter().map(|origin| own(origin)).collect(), fra);
        for origin in ORIGINS {
            for question in
                owners.iter().flat_map(|owner| types.map(|rtype| (name(&format!("{owner}{origin}")), rtype)))
            {
                for address in ["192.0.2.200", "203.0.113.7"] {
                    let question = Question::new(question.0.clone(), question.1);
                    let [one, other] = [&one, &other].map(|tables| tables.decide(&question, &client(address), 0));
                    let all = |reply: &waypost::answer::Reply<'_>| {
                        let glue = reply.additional.iter().map(|glue| format!("{:?} {}", glue.part, glue.required));
                        let parts = reply.answer.iter().chain(&reply.authority).map(|part| format!("{part:?}"));
                        (reply.rcode, reply.authoritative, reply.scope, parts.chain(glue).collect::<Vec<_>>())
                    };
                    assert_eq!(all(&one), all(&other), "{question:?}");
                    assert_eq!(one.named.len(), other.named.len(), "{question:?}");
                    compared += 1;
                }
            }
        }
    }
    println!("{compared} answers compared");
}

#[test]
fn a_hundred_thousand_zones_are_one_tree() {
    let template = template();
    let origins = (0..100_000).map(|number| name(&format!("domain-{number}.hosted.example")));
    let zones: Zones = origins.map(|origin: Name| template.zone(origin).unwrap()).collect();
    let tables = tables(zones, State::Down);
    assert_eq!(tables.zones().len(), 100_000);
    // What services steer is attributed once for all of them.
    assert!(tables.attribution().steered.len() <= 6, "{}", tables.attribution().steered.len());
    assert_eq!(tables.topology().endpoints.len(), 4);
    let reply = support::ask(&tables, "domain-77777.hosted.example", RecordType::MX);
    assert_eq!(support::answers(&reply), ["domain-77777.hosted.example. MX 10 mx-iad.domain-77777.hosted.example."]);
}
