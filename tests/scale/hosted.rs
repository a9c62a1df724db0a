//! A template, zones of their own, and the service that steers both.

/// Domains of the template.
pub const DOMAINS: usize = 20_000;
/// Zones with files of their own.
pub const OWN: usize = 2_000;

pub const SITES_AND_SERVICES: &str = r#"
[[site]]
name = "fra"
location = { country = "DE" }
networks = ["192.0.2.0/26"]

[[site]]
name = "iad"
location = { country = "US" }
networks = ["198.51.100.0/26"]

[[service]]
name = "mail"
names = ["*.hosted.example", "*.own.example"]
types = ["MX", "A"]
"#;

pub fn domain(number: usize) -> String {
    format!("d{number}.hosted.example")
}

pub fn own(number: usize) -> String {
    format!("o{number}.own.example")
}

/// The template, or with something more the file of one zone.
pub fn zone(serial: u32, more: &str) -> String {
    format!(
        "$TTL 1h\n@ SOA ns.host.example. hostmaster.host.example. {serial} 1h 15m 1w 1h\n@ NS ns.host.example.\n\
         @ MX 10 mx-fra\n@ MX 20 mx-iad\n@ A 192.0.2.20\n@ TXT \"v=spf1 mx -all\"\n\
         mx-fra A 192.0.2.10\nmx-iad A 198.51.100.10\n{more}"
    )
}

/// What only the file of this zone has.
pub fn more(number: usize) -> String {
    format!("number TXT {number}\n")
}
