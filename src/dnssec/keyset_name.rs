//! Names of keysets: what their files are called.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use super::bounds::KEYSET_NAME_OCTETS;
use crate::model::Name;

/// The name of a keyset: that of a zone in the form of file names, or one that the operator chose.
///
/// A zone's is its name in lower case without the final dot, with octets other than letters, digits, `_`, `-` and the
/// dots between labels as `%XX`; that of the root is `@`. It never leads out of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeysetName(String);

/// Why a text names no keyset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no name of a keyset: it takes a-z, 0-9, '_', '-' and single dots inside, at most {KEYSET_NAME_OCTETS} octets")]
pub struct BadKeysetName;

impl KeysetName {
    /// What files of keysets end in.
    pub const ENDING: &str = ".keys";
    const ROOT: &str = "@";

    /// The keyset of the zone `origin` alone.
    #[must_use]
    pub fn of_zone(origin: &Name) -> Self {
        if origin.is_root() {
            return Self(Self::ROOT.to_owned());
        }
        let mut name = String::new();
        for label in origin.labels() {
            if !name.is_empty() {
                name.push('.');
            }
            for octet in label.iter().map(u8::to_ascii_lowercase) {
                if is_plain(octet) {
                    name.push(char::from(octet));
                } else {
                    // Writing to a String cannot fail.
                    let _written = write!(name, "%{octet:02X}");
                }
            }
        }
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its file in the key directory.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}{}", self.0, Self::ENDING)
    }

    /// The keyset whose file is called `file`.
    #[must_use]
    pub fn of_file(file: &str) -> Option<Self> {
        file.strip_suffix(Self::ENDING)?.parse().ok()
    }
}

impl FromStr for KeysetName {
    type Err = BadKeysetName;

    fn from_str(text: &str) -> Result<Self, BadKeysetName> {
        let is_good = |part: &str| {
            let mut octets = part.bytes();
            while let Some(octet) = octets.next() {
                let is_hex =
                    |octet: Option<u8>| octet.is_some_and(|o| o.is_ascii_digit() || (b'A'..=b'F').contains(&o));
                let good = is_plain(octet) || (octet == b'%' && is_hex(octets.next()) && is_hex(octets.next()));
                if !good {
                    return false;
                }
            }
            !part.is_empty()
        };
        let fits = text.len() <= KEYSET_NAME_OCTETS;
        if fits && (text == Self::ROOT || text.split('.').all(is_good)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadKeysetName)
        }
    }
}

const fn is_plain(octet: u8) -> bool {
    octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_' || octet == b'-'
}

impl fmt::Display for KeysetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zones_become_file_names() {
        for (zone, file) in [
            ("Example.ORG.", "example.org.keys"),
            ("_tcp.a-b.example", "_tcp.a-b.example.keys"),
            (".", "@.keys"),
            (r"a\.b.example", "a%2Eb.example.keys"),
            (r"a/\000.example", "a%2F%00.example.keys"),
            ("@", "%40.keys"),
        ] {
            let name = KeysetName::of_zone(&zone.parse().unwrap());
            assert_eq!(name.file_name(), file);
            assert_eq!(KeysetName::of_file(file), Some(name));
        }
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in ["", ".", "..", "../x", "a/b", ".hidden", "a..b", "a.", "A", "ö", "a b", "%2", "%2e", "@@", "a@"] {
            assert_eq!(name.parse::<KeysetName>(), Err(BadKeysetName), "{name}");
        }
        assert!("x".repeat(KEYSET_NAME_OCTETS + 1).parse::<KeysetName>().is_err());
        assert_eq!(KeysetName::of_file("hosted.keys.1.tmp"), None);
        assert_eq!("hosted-2".parse::<KeysetName>().unwrap().as_str(), "hosted-2");
    }

    proptest! {
        #[test]
        fn different_zones_have_different_files(a in proptest::collection::vec(any::<u8>(), 1..4), b in proptest::collection::vec(any::<u8>(), 1..4)) {
            let zone = |label: &[u8]| Name::root().child(label).unwrap();
            let (a, b) = (zone(&a), zone(&b));
            prop_assert_eq!(KeysetName::of_zone(&a) == KeysetName::of_zone(&b), a == b);
            prop_assert!(KeysetName::of_zone(&a).as_str().parse::<KeysetName>().is_ok());
        }
    }
}
