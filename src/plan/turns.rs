//! Whose turn it is among nodes that know of each other: reckoned alike by all, so that what one must do is done once.

use sha2::{Digest, Sha256};

/// The one of `nodes` that comes first for `key`; another key, another order, so that work spreads. `None` without nodes.
pub fn whose_turn<'a>(nodes: impl Iterator<Item = &'a str>, key: &str) -> Option<&'a str> {
    let rank = |node: &str| Sha256::new().chain_update(key).chain_update([0]).chain_update(node).finalize();
    nodes.max_by_key(|node| rank(node))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_the_loss_of_the_one_whose_turn_it_is_changes_it(
            mut names in prop::collection::btree_set("[a-z]{1,8}", 2..6),
            key in "[a-z0-9/]{0,12}",
        ) {
            let first = whose_turn(names.iter().map(String::as_str), &key).unwrap().to_owned();
            let reversed = whose_turn(names.iter().rev().map(String::as_str), &key).unwrap();
            prop_assert_eq!(reversed, &first);
            let other = names.iter().find(|name| **name != first).unwrap().clone();
            names.remove(&other);
            prop_assert_eq!(whose_turn(names.iter().map(String::as_str), &key).unwrap(), &first);
            names.remove(&first);
            prop_assert_ne!(whose_turn(names.iter().map(String::as_str), &key), Some(first.as_str()));
        }
    }
}
