//! Databases as they should not be: cut short, damaged, of the wrong kind. None may take a node down (RELIABILITY I9).

use proptest::prelude::*;

use crate::model::{Coordinates, Location};

use super::mmdb_file::{Value, city, flat, mmdb};
use super::{Atlas, GeoError};

fn small(record_size: u16) -> Vec<u8> {
    let networks = [
        ("10.0.0.0/8", city("DE", 50.1, 8.7)),
        ("10.1.0.0/16", city("JP", 35.7, 139.7)),
        ("192.0.2.0/24", city("US", 39.0, -77.5)),
        ("2001:db8::/32", city("BR", -23.5, -46.6)),
    ];
    mmdb("GeoLite2-City", 6, record_size, &networks)
}

fn country_at(atlas: &Atlas, client: &str) -> Option<String> {
    atlas.locate(client.parse().unwrap()).0.country.map(|country| country.to_string())
}

#[test]
fn nested_records_with_coordinates_are_read_whatever_the_record_size() {
    for record_size in [24, 28, 32] {
        let atlas = Atlas::from_mmdb(&small(record_size)).unwrap();
        let (location, network) = atlas.locate("10.1.2.3".parse().unwrap());
        let tokyo = Coordinates::new(35.7, 139.7);
        assert_eq!(location, Location { country: "JP".parse().ok(), coordinates: tokyo });
        assert_eq!(network.unwrap().to_string(), "10.1.0.0/16");
        assert_eq!(country_at(&atlas, "10.255.0.1").unwrap(), "DE");
        assert_eq!(country_at(&atlas, "::ffff:192.0.2.1").unwrap(), "US");
        assert_eq!(country_at(&atlas, "2001:db8:ffff::1").unwrap(), "BR");
        assert_eq!(
            atlas.locate("198.51.100.1".parse().unwrap()),
            (Location { country: None, coordinates: None }, None)
        );
    }
}

#[test]
fn flat_records_and_text_coordinates_are_read() {
    let entry = [("country_code", Value::Text("nz")), ("latitude", Value::Text("-41.3"))];
    let entry = entry.into_iter().chain([("longitude", Value::Text("174.8"))]).collect();
    let networks = [("192.0.2.0/25", flat("FR")), ("192.0.2.128/25", Value::Map(entry))];
    let atlas = Atlas::from_mmdb(&mmdb("flat", 4, 24, &networks)).unwrap();
    assert_eq!(country_at(&atlas, "192.0.2.1").unwrap(), "FR");
    let (wellington, _) = atlas.locate("192.0.2.200".parse().unwrap());
    assert_eq!(wellington.coordinates, Coordinates::new(-41.3, 174.8));
    assert_eq!(wellington.country, "NZ".parse().ok());
}

#[test]
fn the_registered_country_stands_in_for_a_missing_one_and_nonsense_is_no_country() {
    let registered = Value::Map(vec![("registered_country", Value::Map(vec![("iso_code", Value::Text("SE"))]))]);
    let plain = Value::Map(vec![("country", Value::Text("NO"))]);
    let networks = [("10.0.0.0/8", registered), ("11.0.0.0/8", plain), ("12.0.0.0/8", flat("-"))];
    let atlas = Atlas::from_mmdb(&mmdb("odd", 4, 24, &networks)).unwrap();
    assert_eq!(country_at(&atlas, "10.0.0.1").unwrap(), "SE");
    assert_eq!(country_at(&atlas, "11.0.0.1").unwrap(), "NO");
    assert_eq!(country_at(&atlas, "12.0.0.1"), None);
}

#[test]
fn coordinates_off_the_globe_are_left_out() {
    let networks = [("10.0.0.0/8", city("DE", 91.0, 8.7)), ("11.0.0.0/8", city("DE", f64::NAN, 8.7))];
    let atlas = Atlas::from_mmdb(&mmdb("odd", 4, 24, &networks)).unwrap();
    assert_eq!(atlas.locate("10.0.0.1".parse().unwrap()).0.coordinates, None);
    assert_eq!(atlas.locate("11.0.0.1".parse().unwrap()).0.coordinates, None);
}

#[test]
fn a_database_of_something_else_is_named() {
    let record = Value::Map(vec![("autonomous_system_number", Value::Number(64_496))]);
    let error = Atlas::from_mmdb(&mmdb("GeoLite2-ASN", 6, 24, &[("10.0.0.0/8", record)])).unwrap_err();
    assert_eq!(error, GeoError::NoPlaces { kind: "GeoLite2-ASN".to_owned() });
    assert!(error.to_string().contains("GeoLite2-ASN"));
}

#[test]
fn other_files_are_not_databases() {
    for bytes in [&b""[..], b"\xab\xcd\xefMaxMind.com", b"$ORIGIN example.org.", &[0; 4096]] {
        assert!(matches!(Atlas::from_mmdb(bytes), Err(GeoError::NotMmdb { .. })));
    }
}

#[test]
fn a_tree_that_runs_in_a_circle_ends() {
    // Nodes of a hundred and more levels that lead back to the root on both sides: 2^128 ways down.
    let mut bytes = small(24);
    let nodes = 6 * 90;
    bytes[..nodes].fill(0);
    assert!(matches!(Atlas::from_mmdb(&bytes), Err(GeoError::Corrupt { .. })));
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = small(28);
    for length in 0..bytes.len() {
        assert!(Atlas::from_mmdb(&bytes[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn every_single_bit_flip_is_an_error_or_an_atlas() {
    let bytes = small(24);
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(atlas) = Atlas::from_mmdb(&damaged) {
            let _ = atlas.locate("10.1.2.3".parse().unwrap());
        }
    }
}

#[test]
fn the_packed_form_keeps_every_country() {
    let atlas = Atlas::from_mmdb(&small(24)).unwrap();
    let unpacked = Atlas::unpack(&atlas.pack().unwrap()).unwrap();
    for client in ["10.0.0.0", "10.1.255.255", "192.0.2.255", "2001:db8::", "2001:db9::", "0.0.0.0", "::", "ffff::"] {
        assert_eq!(country_at(&unpacked, client), country_at(&atlas, client), "{client}");
    }
    assert_eq!(unpacked.locate("10.1.2.3".parse().unwrap()).1, atlas.locate("10.1.2.3".parse().unwrap()).1);
}

#[test]
fn the_packed_form_cut_short_is_an_error() {
    let packed = Atlas::from_mmdb(&small(24)).unwrap().pack().unwrap();
    for length in 0..packed.len() {
        assert!(matches!(Atlas::unpack(&packed[..length]), Err(GeoError::Packed { .. })), "cut at {length}");
    }
}

proptest! {
    #[test]
    fn damage_in_many_places_is_an_error_or_an_atlas(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let mut bytes = small(32);
        for (place, octet) in damage {
            let place = place.index(bytes.len());
            bytes[place] = octet;
        }
        let _ = Atlas::from_mmdb(&bytes);
    }

    #[test]
    fn any_bytes_behind_the_magic_unpack_to_an_error_or_an_atlas(mut plain in prop::collection::vec(any::<u8>(), 0..200), known: bool) {
        if known {
            plain.splice(0..0, *b"WPGEO1");
        }
        let mut gzipped = Vec::new();
        let mut encoder = flate2::read::GzEncoder::new(plain.as_slice(), flate2::Compression::fast());
        std::io::Read::read_to_end(&mut encoder, &mut gzipped).unwrap();
        let _ = Atlas::unpack(&gzipped);
    }
}
