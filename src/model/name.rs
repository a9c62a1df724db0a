//! Domain names in uncompressed wire format (RFC 1035 section 3.1), case kept, compared without case (RFC 4343).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use hickory_proto::rr;

/// An absolute domain name.
///
/// Kept in wire format because that is what questions carry and what tables are keyed by:
/// [`Name::key`] gives the lower-cased octets, every suffix of which is the key of an ancestor.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why a text or a run of octets is not a domain name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A label is longer than 63 octets.
    #[error("a label is longer than 63 octets")]
    LongLabel,
    /// The name is longer than 255 octets.
    #[error("the name is longer than 255 octets")]
    LongName,
    /// Two dots in a row, or a dot at the start.
    #[error("a label is empty")]
    EmptyLabel,
    /// A backslash without three digits up to 255 or a character behind it.
    #[error("a backslash is not followed by a character or three digits up to 255")]
    BadEscape,
    /// The octets end before the root label, or carry a compression pointer.
    #[error("the octets are not an uncompressed name")]
    BadWire,
    /// Nothing.
    #[error("the name is empty")]
    Empty,
}

impl Name {
    /// The longest name in octets, the root label included (RFC 1035 section 2.3.4).
    pub const MAX_OCTETS: usize = 255;

    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// A name from exactly its uncompressed wire format.
    ///
    /// # Errors
    /// If `octets` is not one whole uncompressed name.
    pub fn from_wire(octets: &[u8]) -> Result<Self, NameError> {
        if octets.len() > Self::MAX_OCTETS {
            return Err(NameError::LongName);
        }
        let mut rest = octets;
        loop {
            match rest.split_first() {
                Some((0, [])) => return Ok(Self(octets.into())),
                Some((&length, after)) if (1..=63).contains(&length) => {
                    rest = after.get(usize::from(length)..).ok_or(NameError::BadWire)?;
                }
                _ => return Err(NameError::BadWire),
            }
        }
    }

    /// The wire format.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The wire format with ASCII letters in lower case: what tables are keyed by.
    #[must_use]
    pub fn key(&self) -> Box<[u8]> {
        // Length octets are below 64, so none of them is an upper-case letter.
        self.0.iter().map(u8::to_ascii_lowercase).collect()
    }

    /// The same name in lower case.
    #[must_use]
    pub fn to_lower(&self) -> Self {
        Self(self.key())
    }

    /// The labels from left to right, the root label left out.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &[u8]> + Clone {
        self.suffixes().map(|suffix| {
            suffix.split_first().and_then(|(length, rest)| rest.get(..usize::from(*length))).unwrap_or_default()
        })
    }

    /// The name itself, its parent and so on, in wire format, the root left out.
    fn suffixes(&self) -> std::vec::IntoIter<&[u8]> {
        let mut suffixes = Vec::with_capacity(8);
        let mut rest: &[u8] = &self.0;
        while let Some((&length, after)) = rest.split_first()
            && length != 0
        {
            suffixes.push(rest);
            rest = after.get(usize::from(length)..).unwrap_or_default();
        }
        suffixes.into_iter()
    }

    /// How many labels the name has, the root label left out.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.suffixes().len()
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether the first label is `*` (RFC 4592).
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The name without its first label; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (&length, after) = self.0.split_first()?;
        if length == 0 {
            return None;
        }
        after.get(usize::from(length)..).map(|rest| Self(rest.into()))
    }

    /// Whether the name equals `ancestor` or lies below it.
    #[must_use]
    pub fn is_at_or_below(&self, ancestor: &Self) -> bool {
        ancestor.is_root() || self.suffixes().any(|suffix| suffix.eq_ignore_ascii_case(&ancestor.0))
    }

    /// `label` in front of this name.
    ///
    /// # Errors
    /// If the label or the result is too long, or the label empty.
    pub fn child(&self, label: &[u8]) -> Result<Self, NameError> {
        let length = match u8::try_from(label.len()) {
            Ok(0) => return Err(NameError::EmptyLabel),
            Ok(length) if length < 64 => length,
            _ => return Err(NameError::LongLabel),
        };
        if 1 + label.len() + self.0.len() > Self::MAX_OCTETS {
            return Err(NameError::LongName);
        }
        Ok(Self([&[length], label, &self.0].concat().into()))
    }

    /// This name with the suffix `from` replaced by `to` (the substitution of RFC 6672 section 2.2).
    ///
    /// # Errors
    /// If the result is too long, or the name is not below `from`.
    pub fn with_suffix(&self, from: &Self, to: &Self) -> Result<Self, NameError> {
        let keep = self.0.len().checked_sub(from.0.len()).ok_or(NameError::BadWire)?;
        let (prefix, suffix) = self.0.split_at_checked(keep).ok_or(NameError::BadWire)?;
        if !suffix.eq_ignore_ascii_case(&from.0) {
            return Err(NameError::BadWire);
        }
        if prefix.len() + to.0.len() > Self::MAX_OCTETS {
            return Err(NameError::LongName);
        }
        Self::from_wire(&[prefix, &to.0].concat())
    }

    /// The same name as the message library has it.
    #[must_use]
    pub fn to_rr(&self) -> rr::Name {
        // The bounds are the same on both sides, so the fallback is never taken.
        let mut name = rr::Name::from_labels(self.labels()).unwrap_or_else(|_| rr::Name::root());
        name.set_fqdn(true);
        name
    }

    /// The name of the message library as ours.
    #[must_use]
    pub fn from_rr(name: &rr::Name) -> Self {
        let mut wire = Vec::with_capacity(name.len() + 1);
        for label in name.iter() {
            // Labels of a parsed name are at most 63 octets.
            wire.push(u8::try_from(label.len()).unwrap_or(0));
            wire.extend_from_slice(label);
        }
        wire.push(0);
        Self(wire.into())
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads presentation format, absolute with or without the final dot.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text == "." {
            return Ok(Self::root());
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        let mut label = Vec::with_capacity(64);
        let mut octets = text.bytes();
        loop {
            let octet = octets.next();
            match octet {
                Some(b'.') | None => {
                    if label.is_empty() {
                        // The one empty label allowed is the root's, at the end of a text with a final dot.
                        if octet.is_none() && !wire.is_empty() {
                            break;
                        }
                        return Err(NameError::EmptyLabel);
                    }
                    let length = u8::try_from(label.len()).ok().filter(|length| *length < 64);
                    wire.push(length.ok_or(NameError::LongLabel)?);
                    wire.append(&mut label);
                    if octet.is_none() {
                        break;
                    }
                }
                Some(b'\\') => {
                    let first = octets.next().ok_or(NameError::BadEscape)?;
                    if first.is_ascii_digit() {
                        let mut value = u16::from(first - b'0');
                        for _ in 0..2 {
                            let digit = octets.next().filter(u8::is_ascii_digit).ok_or(NameError::BadEscape)?;
                            value = value * 10 + u16::from(digit - b'0');
                        }
                        label.push(u8::try_from(value).map_err(|_| NameError::BadEscape)?);
                    } else {
                        label.push(first);
                    }
                }
                Some(other) => label.push(other),
            }
        }
        wire.push(0);
        if wire.len() > Self::MAX_OCTETS {
            return Err(NameError::LongName);
        }
        Ok(Self(wire.into()))
    }
}

impl fmt::Display for Name {
    /// Presentation format with the final dot; octets outside printable ASCII as `\DDD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => write!(f, "\\{}", char::from(octet))?,
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in &self.0 {
            octet.to_ascii_lowercase().hash(state);
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    /// The canonical order of RFC 4034 section 6.1.
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = |label: &[u8]| label.to_ascii_lowercase();
        self.labels().rev().map(lower).cmp(other.labels().rev().map(lower))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn names_compare_without_case() {
        assert_eq!(name("MX.Example.org"), name("mx.example.ORG."));
        assert_ne!(name("mx.example.org"), name("example.org"));
    }

    #[test]
    fn escapes_are_read_and_written() {
        let dotted = name("a\\.b.example");
        assert_eq!(dotted.label_count(), 2);
        assert_eq!(dotted.to_string(), "a\\.b.example.");
        assert_eq!(name("\\255.").to_string(), "\\255.");
        for (text, why) in [
            ("", NameError::Empty),
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("\\256", NameError::BadEscape),
            ("a\\", NameError::BadEscape),
            (&"a".repeat(64), NameError::LongLabel),
            (&"a.".repeat(128), NameError::LongName),
        ] {
            assert_eq!(text.parse::<Name>(), Err(why), "{text}");
        }
    }

    #[test]
    fn ancestors() {
        let host = name("a.b.Example");
        assert!(host.is_at_or_below(&name("b.example")));
        assert!(host.is_at_or_below(&host));
        assert!(host.is_at_or_below(&Name::root()));
        assert!(!host.is_at_or_below(&name("xb.example")));
        assert!(!name("example").is_at_or_below(&host));
        assert_eq!(host.parent(), Some(name("b.example")));
        assert_eq!(Name::root().parent(), None);
    }

    #[test]
    fn dname_substitution() {
        let (from, to) = (name("old.example"), name("new.test"));
        assert_eq!(name("www.old.example").with_suffix(&from, &to), Ok(name("www.new.test")));
        assert_eq!(name("www.older.example").with_suffix(&from, &to), Err(NameError::BadWire));
        let long = Name::from_str(&"abc.".repeat(60)).unwrap();
        let under = long.with_suffix(&Name::root(), &from);
        assert_eq!(under.unwrap().with_suffix(&from, &name("a.longer.name.test")), Err(NameError::LongName));
    }

    #[test]
    fn canonical_order_is_that_of_rfc_4034() {
        let sorted = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            "\\001.z.example",
            "*.z.example",
            "\\200.z.example",
        ];
        let mut names: Vec<Name> = sorted.iter().rev().map(|text| name(text)).collect();
        names.sort();
        assert_eq!(names, sorted.iter().map(|text| name(text)).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn wire_and_text_round_trip(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..10)) {
            let built = labels.iter().rev().try_fold(Name::root(), |name, label| name.child(label));
            prop_assume!(built.is_ok());
            let built = built.unwrap();
            prop_assert_eq!(&Name::from_wire(built.as_wire()).unwrap(), &built);
            prop_assert_eq!(&built.to_string().parse::<Name>().unwrap(), &built);
            prop_assert_eq!(&Name::from_rr(&built.to_rr()), &built);
            prop_assert_eq!(built.labels().map(<[u8]>::to_vec).collect::<Vec<_>>(), labels);
        }

        #[test]
        fn any_octets_are_a_name_or_an_error(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(name) = Name::from_wire(&octets) {
                prop_assert_eq!(name.as_wire(), &octets[..]);
            }
        }
    }
}
