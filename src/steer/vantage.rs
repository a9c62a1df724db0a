//! Who sees which sites in which order, each rule of DESIGN section 8 stated by a test.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use crate::model::{Coordinates, GeoRule, GeoSettings, NetworkPlace, Policy, Service, ServiceIx, SiteIx, Topology};
use crate::plan::fixture::{service, site, site_in};

use super::locale::{Geography, Locale};
use super::mmdb_file::{Value, city, mmdb};
use super::policy::Steered;
use super::{Atlas, Located, MAX_VIEWS, Steering, ViewIx};

const MX: ServiceIx = ServiceIx(0);
const FRA: SiteIx = SiteIx(0);
const IAD: SiteIx = SiteIx(1);
const NRT: SiteIx = SiteIx(2);

static EMBEDDED: LazyLock<Atlas> = LazyLock::new(Atlas::embedded);

/// One network in Germany, Japan, the United States and Brazil each, and IPv6 in Japan.
static SMALL: LazyLock<Atlas> = LazyLock::new(|| {
    let networks = [
        ("10.0.0.0/8", city("DE", 52.5, 13.4)),
        ("11.0.0.0/8", city("JP", 35.7, 139.7)),
        ("12.0.0.0/8", city("US", 40.7, -74.0)),
        ("13.0.0.0/8", city("BR", -23.5, -46.6)),
        ("2001:db8::/32", city("JP", 35.7, 139.7)),
    ];
    Atlas::from_mmdb(&mmdb("test", 6, 24, &networks)).unwrap()
});

fn topology(policy: Policy) -> Topology {
    Topology {
        sites: vec![
            site_in("fra", "DE", Some((50.1, 8.7))),
            site_in("iad", "US", Some((39.0, -77.5))),
            site_in("nrt", "JP", None),
            site("lab"),
        ],
        services: vec![Service { policy, ..service("mx", vec![FRA, IAD, NRT, SiteIx(3)]) }],
        ..Topology::default()
    }
}

fn networks(networks: &[(&str, NetworkPlace)]) -> GeoSettings {
    let networks = networks.iter().map(|(network, place)| (network.parse().unwrap(), *place)).collect();
    GeoSettings { networks, ..GeoSettings::default() }
}

fn nearest() -> Steering {
    Steering::build(&topology(Policy::Nearest), &GeoSettings::default(), &SMALL)
}

/// The site order that `client` sees, by first letters.
fn order(steering: &Steering, client: &str) -> String {
    let (view, _) = steering.view(MX, client.parse().unwrap());
    steering.order(MX, view).iter().map(|site| ["f", "i", "n", "l"][site.get()]).collect()
}

#[test]
fn nearest_goes_by_distance_and_sites_without_a_place_come_last() {
    let steering = nearest();
    assert_eq!(order(&steering, "10.0.0.1"), "finl");
    assert_eq!(order(&steering, "11.0.0.1"), "nfil");
    assert_eq!(order(&steering, "12.0.0.1"), "ifnl");
    assert_eq!(order(&steering, "2001:db8::1"), "nfil");
    assert_eq!(order(&steering, "::ffff:11.0.0.1"), "nfil");
}

#[test]
fn clients_without_a_place_see_file_order() {
    let steering = nearest();
    assert_eq!(steering.view(MX, "192.0.2.1".parse().unwrap()).0, ViewIx::UNLOCATED);
    assert_eq!(order(&steering, "192.0.2.1"), "finl");
    let empty = Steering::build(&topology(Policy::Nearest), &GeoSettings::default(), &Atlas::default());
    assert_eq!(empty.view(MX, "11.0.0.1".parse().unwrap()), (ViewIx::UNLOCATED, 0));
}

#[test]
fn the_operators_networks_come_before_the_database_and_the_longest_prefix_wins() {
    let here = |lat, lon| NetworkPlace::Coordinates(Coordinates { lat, lon });
    let geo = networks(&[
        ("11.0.0.0/16", NetworkPlace::Country("US".parse().unwrap())),
        ("11.0.1.0/24", NetworkPlace::Site(SiteIx(3))),
        ("11.0.2.0/24", NetworkPlace::Site(FRA)),
        ("192.0.2.0/24", here(35.0, 139.0)),
        ("2001:db8:1::/48", NetworkPlace::Site(IAD)),
    ]);
    let steering = Steering::build(&topology(Policy::Nearest), &geo, &SMALL);
    assert_eq!(order(&steering, "11.0.0.1"), "ifnl");
    assert_eq!(order(&steering, "11.0.1.1"), "lfin", "first the site, then file order: the site has no place");
    assert_eq!(order(&steering, "11.0.2.1"), "finl");
    assert_eq!(order(&steering, "11.1.0.1"), "nfil");
    assert_eq!(order(&steering, "192.0.2.1"), "nfil");
    assert_eq!(order(&steering, "2001:db8:1::1"), "ifnl");
    assert_eq!(order(&steering, "2001:db8:2::1"), "nfil");
}

#[test]
fn geo_rules_go_by_first_match_and_the_other_sites_follow_in_file_order() {
    let rules = vec![
        GeoRule::Network("10.1.0.0/16".parse().unwrap(), vec![NRT]),
        GeoRule::Country("DE".parse().unwrap(), vec![IAD, FRA]),
        GeoRule::Network("10.0.0.0/8".parse().unwrap(), vec![FRA]),
        GeoRule::Continent(*b"SA", vec![NRT, IAD]),
        GeoRule::Default(vec![IAD]),
    ];
    let geo = networks(&[("10.2.0.0/16", NetworkPlace::Country("AR".parse().unwrap()))]);
    let steering = Steering::build(&topology(Policy::Geo(rules)), &geo, &SMALL);
    assert_eq!(order(&steering, "10.1.0.1"), "nfil", "an earlier network rule");
    assert_eq!(order(&steering, "10.0.0.1"), "ifnl", "the country rule comes before the network rule");
    assert_eq!(order(&steering, "10.2.0.1"), "finl", "not in Germany by the operator's word");
    assert_eq!(order(&steering, "13.0.0.1"), "nifl");
    assert_eq!(order(&steering, "192.0.2.1"), "ifnl");
    assert_eq!(steering.view(MX, "192.0.2.1".parse().unwrap()).0, ViewIx::UNLOCATED);
}

#[test]
fn without_a_matching_rule_geo_is_nearest() {
    let rules = vec![GeoRule::Continent(*b"AS", vec![FRA])];
    let steering = Steering::build(&topology(Policy::Geo(rules)), &GeoSettings::default(), &SMALL);
    assert_eq!(order(&steering, "11.0.0.1"), "finl");
    assert_eq!(order(&steering, "12.0.0.1"), "ifnl");
}

#[test]
fn policies_that_do_not_look_at_the_client_have_one_view_for_all() {
    for policy in [Policy::Failover, Policy::Spread, Policy::Weighted(vec![1, 1, 1, 1])] {
        let steering = Steering::build(&topology(policy), &GeoSettings::default(), &SMALL);
        assert_eq!(steering.views(MX).count(), 1);
        assert_eq!(steering.view(MX, "11.0.0.1".parse().unwrap()), (ViewIx::UNLOCATED, 0));
        assert_eq!(order(&steering, "11.0.0.1"), "finl");
    }
}

#[test]
fn the_scope_is_the_widest_block_with_the_same_view() {
    let steering = nearest();
    let scope = |client: &str| steering.view(MX, client.parse().unwrap()).1;
    assert_eq!(scope("11.200.0.1"), 8);
    assert_eq!(scope("::ffff:11.200.0.1"), 96 + 8);
    // Germany sees what unlocated clients see; Japan and the United States cut it.
    assert_eq!(scope("10.0.0.1"), 8);
    assert_eq!(scope("200.0.0.1"), 1);
    assert_eq!(scope("2001:db8::1"), 32);
    assert_eq!(scope("4000::1"), 2);
    assert_eq!(scope("::1"), 81, "not over the IPv4-mapped addresses");
}

#[test]
fn more_orders_than_views_are_merged_by_coarser_coordinates() {
    let sites: Vec<SiteIx> = (0..40).map(SiteIx).collect();
    let placed = |ix: &SiteIx| {
        let place = (f64::from(ix.0).mul_add(3.5, -60.0), (f64::from(ix.0) * 97.0) % 360.0 - 180.0);
        site_in(&format!("s{}", ix.0), "DE", Some(place))
    };
    let world = Topology {
        sites: sites.iter().map(placed).collect(),
        services: vec![service("mx", sites.clone())],
        ..Topology::default()
    };
    let cities: Vec<(String, Value)> = (0..3000_u32)
        .map(|ix| {
            let at = (f64::from(ix * 37 % 1500).mul_add(0.1, -75.0), f64::from(ix * 7919 % 3500).mul_add(0.1, -175.0));
            (format!("10.{}.{}.0/24", ix / 256, ix % 256), city("DE", at.0, at.1))
        })
        .collect();
    let cities: Vec<(&str, Value)> = cities.iter().map(|(network, value)| (network.as_str(), value.clone())).collect();
    let atlas = Atlas::from_mmdb(&mmdb("cities", 4, 24, &cities)).unwrap();
    let geography = Geography::new(&world, &GeoSettings::default(), &atlas);
    let steered = Steered { policy: Policy::Nearest, sites };
    let exact = atlas.locales().iter().map(|place| steered.order(&geography, Locale::of(*place, 0.0), None));
    let exact: HashSet<_> = exact.collect();
    assert!(exact.len() > MAX_VIEWS, "{} orders", exact.len());

    let steering = Steering::build(&world, &GeoSettings::default(), &atlas);
    let views = steering.views(MX).count();
    assert!((100..MAX_VIEWS).contains(&views), "{views} views");
    assert!(steering.views(MX).all(|(_, order)| order.len() == 40));
}

#[test]
fn the_embedded_database_locates_well_known_addresses() {
    let steering = Steering::build(&topology(Policy::Nearest), &GeoSettings::default(), &EMBEDDED);
    assert!(EMBEDDED.len() > 500_000);
    // Networks of national universities and network operators, which do not move.
    for (client, country, first) in [
        ("130.69.0.1", "JP", "n"),
        ("129.69.0.1", "DE", "f"),
        ("18.7.0.1", "US", "i"),
        ("2001:200::1", "JP", "n"),
        ("2001:638::1", "DE", "f"),
    ] {
        let sighting = steering.sighting(MX, client.parse().unwrap());
        assert_eq!(sighting.country.unwrap().as_str(), country, "{client}");
        assert_eq!((sighting.located, &order(&steering, client)[..1]), (Located::Country, first), "{client}");
    }
    let unknown = steering.sighting(MX, "127.0.0.1".parse().unwrap());
    assert_eq!((unknown.located, unknown.network), (Located::Unknown, None));
}

#[test]
fn every_country_of_the_embedded_database_has_a_centroid() {
    let without = EMBEDDED.locales().iter().filter_map(|location| location.country);
    let without: Vec<_> = without.filter(|country| super::centroid(*country).is_none()).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn a_sighting_tells_how_and_why() {
    let geo = networks(&[("192.0.2.0/24", NetworkPlace::Site(NRT))]);
    let rules = vec![GeoRule::Country("JP".parse().unwrap(), vec![IAD])];
    let steering = Steering::build(&topology(Policy::Geo(rules)), &geo, &SMALL);
    let seen = steering.sighting(MX, "::ffff:192.0.2.7".parse().unwrap());
    assert_eq!(seen.client, "192.0.2.7".parse::<IpAddr>().unwrap());
    assert_eq!(seen.located, Located::Override);
    assert_eq!(seen.network, "192.0.2.0/24".parse().ok());
    assert_eq!(seen.at_site.as_deref(), Some("nrt"));
    assert_eq!(seen.continent.as_deref(), Some("AS"));
    assert_eq!(seen.rule, "geo: country JP");
    let names: Vec<&str> = seen.order.iter().map(|site| site.site.as_str()).collect();
    assert_eq!(names, ["iad", "fra", "nrt", "lab"]);
    assert_eq!((seen.order[2].km, seen.order[3].km), (Some(0), None));
    let json = serde_json::to_string(&seen).unwrap();
    assert_eq!(serde_json::from_str::<super::Sighting>(&json).unwrap(), seen);

    let seen = steering.sighting(MX, "12.0.0.1".parse().unwrap());
    assert_eq!((seen.located, seen.rule.as_str()), (Located::Coordinates, "geo: no rule matches, nearest"));
    assert_eq!(seen.network, "12.0.0.0/8".parse().ok());
    assert_eq!(seen.order[0], super::SiteDistance { site: "iad".to_owned(), km: Some(354) });
}

#[test]
fn services_and_views_from_elsewhere_see_nothing() {
    let steering = nearest();
    assert_eq!(steering.view(ServiceIx(9), "11.0.0.1".parse().unwrap()), (ViewIx::UNLOCATED, 0));
    assert!(steering.order(MX, ViewIx(999)).is_empty());
    assert_eq!(steering.views(ServiceIx(9)).count(), 0);
}

/// Any networks of the operator and of rules, over the small atlas.
fn any_steering() -> impl Strategy<Value = Steering> {
    let network = prop_oneof![
        (8_u32..15, any::<u32>(), 0_u8..=32).prop_map(|(first, rest, length)| {
            let address = Ipv4Addr::from_bits((first << 24) | (rest & 0x00ff_ffff));
            IpNet::V4(Ipv4Net::new(address, length).unwrap())
        }),
        (any::<u16>(), any::<u64>(), 0_u8..=128).prop_map(|(upper, lower, length)| {
            let address = Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | (u128::from(upper) << 80) | u128::from(lower));
            IpNet::V6(Ipv6Net::new(address, length).unwrap())
        }),
    ];
    let networks = prop::collection::vec((network.clone(), 0_u8..3), 0..8);
    let rules = prop::collection::vec((network, 0_u8..3), 0..4);
    (networks, rules).prop_map(|(networks, rules)| {
        let networks =
            networks.into_iter().map(|(network, site)| (network, NetworkPlace::Site(SiteIx(site)))).collect();
        let rules: Vec<GeoRule> =
            rules.into_iter().map(|(network, site)| GeoRule::Network(network, vec![SiteIx(site)])).collect();
        let policy = if rules.is_empty() { Policy::Nearest } else { Policy::Geo(rules) };
        Steering::build(&topology(policy), &GeoSettings { networks, ..GeoSettings::default() }, &SMALL)
    })
}

proptest! {
    #[test]
    fn every_address_in_the_scope_sees_the_same(
        steering in any_steering(),
        bits in (8_u32..15, any::<u32>()),
        upper: u16, lower: u64, probes in prop::collection::vec(any::<u128>(), 32),
    ) {
        let v4 = Ipv4Addr::from_bits((bits.0 << 24) | (bits.1 & 0x00ff_ffff));
        let (view, scope) = steering.view(MX, v4.into());
        let block = Ipv4Net::new(v4, scope).unwrap();
        let inside = probes.iter().map(|probe| (*probe as u32 & block.hostmask().to_bits()) | block.network().to_bits());
        for address in inside.chain([block.network().to_bits(), block.broadcast().to_bits()]) {
            prop_assert_eq!(steering.view(MX, Ipv4Addr::from_bits(address).into()), (view, scope));
            let mapped = Ipv4Addr::from_bits(address).to_ipv6_mapped();
            prop_assert_eq!(steering.view(MX, mapped.into()), (view, scope + 96));
        }

        let v6 = Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | (u128::from(upper) << 80) | u128::from(lower));
        for client in [v6, Ipv6Addr::from_bits(probes[0])] {
            let (view, scope) = steering.view(MX, client.into());
            let block = Ipv6Net::new(client, scope).unwrap();
            let inside = probes.iter().map(|probe| (probe & block.hostmask().to_bits()) | block.network().to_bits());
            for address in inside.chain([block.network().to_bits(), block.broadcast().to_bits()]) {
                prop_assert_eq!(steering.view(MX, Ipv6Addr::from_bits(address).into()), (view, scope));
            }
        }
    }

    #[test]
    fn every_view_orders_every_site_once(steering in any_steering()) {
        for (_, order) in steering.views(MX) {
            let mut sites = order.to_vec();
            sites.sort_unstable();
            prop_assert_eq!(sites, vec![FRA, IAD, NRT, SiteIx(3)]);
        }
    }
}
