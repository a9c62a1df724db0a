//! What keys of this cluster of nodes look like in etcd: `<prefix>/v1/<key>`.

use std::ops::Range;

/// The layout of the keys, in every one of them: another layout gets a number of its own and leaves these alone.
const LAYOUT: &str = "/v1/";

/// Where the keys of this cluster of nodes lie.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    root: String,
}

impl Keys {
    pub(super) fn below(prefix: &str) -> Self {
        Self { root: format!("{prefix}{LAYOUT}") }
    }

    /// `key` as etcd knows it.
    pub(super) fn absolute(&self, key: &str) -> Vec<u8> {
        format!("{}{key}", self.root).into_bytes()
    }

    /// A key of etcd's as the nodes know it; `None` if it is none of theirs.
    pub(super) fn relative(&self, key: &[u8]) -> Option<String> {
        let key = key.strip_prefix(self.root.as_bytes())?;
        String::from_utf8(key.to_vec()).ok()
    }

    /// All keys that begin with `folder`: the first of them, and the first behind them.
    pub(super) fn folder(&self, folder: &str) -> Range<Vec<u8>> {
        let start = self.absolute(folder);
        let end = behind(&start);
        start..end
    }

    /// All keys from the first that begins with `folder` up to `last`, which is among them.
    pub(super) fn span(&self, folder: &str, last: &str) -> Range<Vec<u8>> {
        let mut end = self.absolute(last);
        end.push(0);
        self.absolute(folder)..end
    }
}

/// The first key behind all that begin with `start`. Where there is none, because all its octets are the highest, etcd
/// takes a zero for the end of all keys.
fn behind(start: &[u8]) -> Vec<u8> {
    let kept = start.iter().rposition(|octet| *octet < u8::MAX);
    match kept.and_then(|at| Some((start.get(..at)?, start.get(at)?))) {
        Some((before, last)) => [before, &[last + 1]].concat(),
        None => vec![0],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_lie_below_prefix_and_layout() {
        let keys = Keys::below("/waypost/prod");
        assert_eq!(keys.absolute("orders"), b"/waypost/prod/v1/orders");
        assert_eq!(keys.folder("nodes/"), b"/waypost/prod/v1/nodes/".to_vec()..b"/waypost/prod/v1/nodes0".to_vec());
        assert_eq!(keys.folder(""), b"/waypost/prod/v1/".to_vec()..b"/waypost/prod/v10".to_vec());
        let span = keys.span("nodes/", "orders");
        let is_within = |key: &str| span.contains(&keys.absolute(key));
        assert!(is_within("nodes/fra-ns1") && is_within("nodes/zrh-ns1") && is_within("orders"));
        assert!(!is_within("endpoints/77ab") && !is_within("orders2") && !is_within("nodes"));
        assert_eq!(keys.relative(b"/waypost/prod/v1/nodes/fra-ns1").as_deref(), Some("nodes/fra-ns1"));
        assert_eq!(keys.relative(b"/waypost/prod/v2/orders"), None);
        assert_eq!(keys.relative(b"/waypost/prod/v1/\xff"), None);
    }

    #[test]
    fn the_highest_octets_are_left_out_of_an_end() {
        assert_eq!(behind(b"a\xff\xff"), b"b");
        assert_eq!(behind(b"\xff\xff"), b"\0");
    }

    proptest! {
        #[test]
        fn the_range_has_what_begins_with_its_start_and_nothing_else(
            start in proptest::collection::vec(any::<u8>(), 1..4), key in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let end = behind(&start);
            let within = key >= start && (end == [0] || key < end);
            prop_assert_eq!(within, key.starts_with(&start));
        }
    }
}
