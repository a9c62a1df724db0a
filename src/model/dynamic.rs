//! What of a zone does not stand in its file: records that updates changed, and the serial that was served last.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::Name;

/// Whether `serial` comes after `other` (RFC 1982 section 3.2). Of two that are 2^31 apart neither does.
#[must_use]
pub const fn is_later(serial: u32, other: u32) -> bool {
    let ahead = serial.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

/// What must be known of a zone after a restart, so that no update is lost and its serial never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneState {
    /// The apex; of zones that share a template, the path of their list.
    pub source: String,
    /// The serial that is served, before signing adds to it.
    pub serial: u32,
    /// Of the records that the serial stands for.
    pub content: ContentHash,
    /// What updates made of declared RRsets.
    pub overlay: Vec<DynamicSet>,
}

/// An RRset as updates left it, in place of the declared one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicSet {
    /// The owner.
    #[serde(with = "text")]
    pub owner: Name,
    /// The type, by its number.
    pub rtype: u16,
    /// The TTL in seconds.
    pub ttl: u32,
    /// The record data in wire format, names in it whole; none where the declared RRset was deleted.
    #[serde(with = "octets")]
    pub data: Vec<Vec<u8>>,
}

/// The start of a SHA-256 digest over the records of a zone, but for the serial.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentHash(pub [u8; 16]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let octets = HEXLOWER.decode(text.as_bytes()).map_err(|error| error.to_string())?;
        octets.try_into().map(Self).map_err(|_| "not 16 octets".to_owned())
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Names in presentation format.
mod text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::Name;

    pub(super) fn serialize<S: Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(name)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Runs of octets in hexadecimal.
mod octets {
    use data_encoding::HEXLOWER;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(data: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(data.iter().map(|octets| HEXLOWER.encode(octets)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| HEXLOWER.decode(text.as_bytes()).map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_compare_as_rfc_1982_says() {
        for (later, earlier) in [(1, 0), (0, u32::MAX), (0x8000_0000, 1), (0x7fff_ffff, 0), (5, 0xffff_fff0)] {
            assert!(is_later(later, earlier), "{later} {earlier}");
            assert!(!is_later(earlier, later), "{later} {earlier}");
        }
        assert!(!is_later(7, 7));
        assert!(!is_later(0, 0x8000_0000) && !is_later(0x8000_0000, 0));
    }

    #[test]
    fn a_state_survives_its_way_through_text() {
        let state = ZoneState {
            source: "example.org.".to_owned(),
            serial: 7,
            content: ContentHash([0xab; 16]),
            overlay: vec![DynamicSet {
                owner: "odd\\.label.\\200.Example.org".parse().unwrap(),
                rtype: 16,
                ttl: 60,
                data: vec![b"\x03abc".to_vec(), Vec::new()],
            }],
        };
        let text = serde_json::to_string(&state).unwrap();
        assert!(text.contains("\"abababab") && text.contains("03616263"), "{text}");
        assert_eq!(serde_json::from_str::<ZoneState>(&text).unwrap(), state);
        assert!(serde_json::from_str::<ContentHash>("\"abab\"").is_err());
    }
}
