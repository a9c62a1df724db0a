//! What is counted by itself of all that may be asked and answered.

/// RCODEs that are counted by themselves, with their names (IANA); the last stands for all others.
pub(super) const RCODES: [(u16, &str); 14] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
    (u16::MAX, "other"),
];

/// Question types that are counted by themselves; the last stands for all others, so that nobody can make metrics
/// grow by asking.
pub(super) const QTYPES: [(u16, &str); 13] = [
    (1, "A"),
    (28, "AAAA"),
    (15, "MX"),
    (16, "TXT"),
    (2, "NS"),
    (6, "SOA"),
    (5, "CNAME"),
    (12, "PTR"),
    (33, "SRV"),
    (43, "DS"),
    (52, "TLSA"),
    (255, "ANY"),
    (0, "other"),
];

/// The class of `value`: its position among those that are told apart.
pub(super) fn class(classes: &Classes, value: u16) -> usize {
    classes.get(usize::from(value)).or(classes.last()).copied().unwrap_or_default().into()
}

/// By value, where it stands among those that are told apart; the last stands for all others.
pub(super) type Classes = [u8; 257];
pub(super) static RCODE_CLASSES: Classes = classes(&RCODES);
pub(super) static QTYPE_CLASSES: Classes = classes(&QTYPES);

#[allow(clippy::indexing_slicing, reason = "const: whatever were wrong would not compile")]
const fn classes(known: &[(u16, &str)]) -> Classes {
    let others = known.len() - 1;
    let mut classes = [others as u8; 257];
    let mut class = 0;
    while class < others {
        classes[known[class].0 as usize] = class as u8;
        class += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_in_its_class() {
        for (known, classes) in [(&RCODES[..], &RCODE_CLASSES), (&QTYPES[..], &QTYPE_CLASSES)] {
            for value in 0..=u16::MAX {
                let others = known.len() - 1;
                let expected = known[..others].iter().position(|(code, _)| *code == value).unwrap_or(others);
                assert_eq!(class(classes, value), expected, "{value}");
            }
        }
    }
}
