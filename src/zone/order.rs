//! The canonical order of names (RFC 4034 section 6.1) as a sort key.

use crate::model::Name;

/// Octets that compare as the names do: labels from the right in lower case, the end of one before every octet.
pub(super) fn canonical(name: &Name) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.as_wire().len() + 8);
    for label in name.labels().rev() {
        for octet in label {
            match octet.to_ascii_lowercase() {
                0 => key.extend([0, 1]),
                octet => key.push(octet),
            }
        }
        key.extend([0, 0]);
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = Name> {
        let octet = prop::sample::select(vec![0, 1, b'A', b'a', b'b', b'*', 255]);
        prop::collection::vec(prop::collection::vec(octet, 1..4), 0..4)
            .prop_map(|labels| labels.iter().fold(Name::root(), |name, label| name.child(label).unwrap()))
    }

    proptest! {
        #[test]
        fn keys_compare_as_names_do(a in name(), b in name()) {
            prop_assert_eq!(canonical(&a).cmp(&canonical(&b)), a.cmp(&b));
        }
    }
}
