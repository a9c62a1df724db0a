//! The sample mail operator: three sites whose addresses are reserved for documentation (RFC 5737, RFC 3849).

use std::net::Ipv4Addr;

/// The sample zone, as any name server would load it.
pub const ZONE: &str = include_str!("../../../zones/example.org.zone");
/// The sample configuration; `@NAME@` stands for what is only known at start.
pub const CONFIGURATION: &str = include_str!("demo.toml");

/// One sample site.
pub struct SampleSite {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Where it stands.
    pub city: &'static str,
    /// Its MX host.
    pub host: &'static str,
    /// The loopback address its SMTP server runs on.
    pub loopback: Ipv4Addr,
}

/// The sample sites, in file order.
pub const SITES: [SampleSite; 3] = [
    SampleSite { name: "fra", city: "Frankfurt", host: "mx-fra.example.org", loopback: Ipv4Addr::new(127, 0, 0, 11) },
    SampleSite { name: "iad", city: "Washington", host: "mx-iad.example.org", loopback: Ipv4Addr::new(127, 0, 0, 12) },
    SampleSite { name: "nrt", city: "Tokyo", host: "mx-nrt.example.org", loopback: Ipv4Addr::new(127, 0, 0, 13) },
];

/// A network in Germany, for `dig +subnet`.
pub const GERMAN_CLIENT: &str = "80.128.0.0/24";
/// A network in Japan, for `dig +subnet`.
pub const JAPANESE_CLIENT: &str = "133.5.0.0/24";
/// A client in it, for `explain --client`.
pub const JAPANESE_ADDRESS: &str = "133.5.0.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_an_mx_host_is_probed_at_its_sites_loopback_address() {
        let mut seen = 0;
        for line in ZONE.lines() {
            let words: Vec<_> = line.split(';').next().unwrap().split_whitespace().collect();
            let Some(site) = SITES.iter().find(|site| words.first() == site.host.split('.').next().as_ref()) else {
                continue;
            };
            if words.contains(&"A") || words.contains(&"AAAA") {
                let probe = format!("\"{}\" = \"@{}@\"", words.last().unwrap(), site.name.to_uppercase());
                assert!(CONFIGURATION.contains(&probe), "demo.toml lacks {probe}");
                seen += 1;
            }
        }
        assert!(seen >= 3, "the sample zone has {seen} addresses of MX hosts");
    }
}
