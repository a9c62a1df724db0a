//! The TTLs that the life of a keyset is reckoned from: those of the zones that it signs.

use std::time::Duration;

use hickory_proto::rr::RecordType;

use super::keys::keyset_name;
use super::loading::{FromDisk, read_text};
use super::zone_files::zone_file;
use crate::dnssec::KeysetName;
use crate::model::{Name, Settings, ZoneOrigins, ZoneSource};
use crate::zone::{self, Zone};

/// The longest TTLs of some zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ttls {
    /// Of their SOA records, which is that of their DNSKEY RRsets.
    pub soa: Duration,
    /// Of any of their records.
    pub longest: Duration,
}

/// The longest TTLs of the zones of `settings` that `name` signs, as their files say, and zones that could not be read.
///
/// Of the zones that share a file one stands for all.
#[must_use]
pub fn longest(settings: &Settings, name: &KeysetName) -> (Option<Ttls>, Vec<String>) {
    let mut found: Option<Ttls> = None;
    let mut unread = Vec::new();
    for source in &settings.zones {
        let origin = match one_origin(source) {
            Ok(Some(origin)) => origin,
            Ok(None) => continue,
            Err(problem) => {
                // Only a named keyset can sign the zones of a list.
                if source.policy.dnssec.as_ref().and_then(|signing| signing.keyset.as_deref()) == Some(name.as_str()) {
                    unread.push(problem);
                }
                continue;
            }
        };
        if keyset_name(&origin, &source.policy) != Some(Ok(name.clone())) {
            continue;
        }
        let file = zone_file(settings, source, &origin);
        let loaded = read_text(&file).map(|text| zone::load(&origin, &file, &text, &FromDisk));
        match loaded {
            Ok((Some(zone), _)) => {
                let ttls = of_zone(&zone);
                let known = found.get_or_insert_default();
                known.soa = known.soa.max(ttls.soa);
                known.longest = known.longest.max(ttls.longest);
            }
            Ok((None, _)) => unread.push(format!("{} has errors", file.display())),
            Err(problem) => unread.push(format!("{}: {problem}", file.display())),
        }
    }
    (found, unread)
}

fn one_origin(source: &ZoneSource) -> Result<Option<Name>, String> {
    match &source.origins {
        ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin) => Ok(Some(origin.clone())),
        ZoneOrigins::Listed(list) => {
            let text = read_text(list).map_err(|problem| format!("{}: {problem}", list.display()))?;
            Ok(zone::origins(list, &text).0.into_iter().next())
        }
    }
}

fn of_zone(zone: &Zone) -> Ttls {
    let seconds = |ttl: u32| Duration::from_secs(u64::from(ttl));
    let sets = || zone.nodes().flat_map(|node| node.rrsets());
    let soa = sets().find(|set| set.rtype == RecordType::SOA).map_or(0, |set| set.ttl);
    Ttls { soa: seconds(soa), longest: seconds(sets().map(|set| set.ttl).max().unwrap_or_default()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::model::{Denial, ZoneSigning};

    #[test]
    fn the_longest_ttl_of_all_zones_of_a_keyset_counts() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let zone = |soa: u32, a: u32| {
            format!("@ {soa} IN SOA ns hostmaster 1 3600 600 86400 300\n@ 60 IN NS ns\nns {a} IN A 192.0.2.1\n")
        };
        write("a.zone", &zone(300, 172_800));
        write("b.zone", &zone(7_200, 60));
        write("list.txt", "c.example\nd.example\n");
        let text = "[node]\nname = \"n\"\n[[zone]]\norigin = \"a.example\"\nfile = \"a.zone\"\n\
                    [[zone]]\norigins = \"list.txt\"\nfile = \"b.zone\"\n[[zone]]\norigin = \"e.example\"\nfile = \"none\"\n";
        let path = directory.path().join("waypost.toml");
        let mut settings = crate::config::read(Path::new(&path), text).0.unwrap();
        let seconds = Duration::from_secs;
        let hosted: KeysetName = "hosted".parse().unwrap();
        let sign = |settings: &mut Settings, ix: usize, keyset: Option<&str>| {
            let keyset = keyset.map(ToOwned::to_owned);
            settings.zones[ix].policy.dnssec = Some(ZoneSigning { keyset, denial: Denial::Nsec });
        };
        assert_eq!(longest(&settings, &hosted), (None, vec![]));
        sign(&mut settings, 0, Some("hosted"));
        sign(&mut settings, 1, Some("hosted"));
        sign(&mut settings, 2, None);
        assert_eq!(
            longest(&settings, &hosted),
            (Some(Ttls { soa: seconds(7_200), longest: seconds(172_800) }), vec![])
        );
        let (found, unread) = longest(&settings, &"e.example".parse().unwrap());
        assert!(found.is_none() && unread.len() == 1, "{unread:?}");
        fs::remove_file(directory.path().join("list.txt")).unwrap();
        let (found, unread) = longest(&settings, &hosted);
        assert_eq!(found.unwrap().soa, seconds(300));
        assert!(unread[0].contains("list.txt"), "{unread:?}");
    }
}
