//! Who of the nodes tells a target of what every node sees: the first by name of those that are heard of and reach it.
//!
//! Where none reaches it, the first by name tries. Two that do not hear of each other both tell: twice is better than never.

use super::heard::Heard;
use super::peers::ClusterView;
use super::picture::Picture;
use crate::health::bounds::BALLOT_FRESHNESS;
use crate::model::Mono;

/// See the module.
pub struct Tellers<'p> {
    own: &'p str,
    /// The others that may tell, with the targets that they do not reach.
    others: Vec<(&'p str, &'p [String])>,
}

impl<'p> Tellers<'p> {
    /// The nodes that may tell at `now`, as the node of `picture` knows them.
    pub fn of(picture: &'p Picture, now: Mono) -> Self {
        Self::among(&picture.settings.node.name, picture.cluster.as_deref(), now)
    }

    fn among(own: &'p str, cluster: Option<&'p ClusterView>, now: Mono) -> Self {
        let others = cluster.into_iter().flat_map(|view| &view.others);
        let others = others.filter_map(|(name, heard)| Some((name.as_str(), failing(heard, now)?)));
        Self { own, others: others.collect() }
    }

    /// Whether this node, which reaches `target` or is `failing` to, is the one that tells it.
    pub fn has_own(&self, target: &str, failing: bool) -> bool {
        let own = (failing, self.own);
        self.others.iter().all(|(name, unreached)| own < (unreached.iter().any(|name| name == target), name))
    }
}

/// The targets that a node does not reach; `None` where the node is not there.
fn failing(heard: &Heard, now: Mono) -> Option<&[String]> {
    match &heard.last {
        Some((report, _, at)) => (now.since(*at) <= BALLOT_FRESHNESS).then_some(report.failing_targets.as_slice()),
        // This node has just started, and has not heard yet who has told all of it already.
        None => (now.since(Mono::START) <= BALLOT_FRESHNESS).then_some(&[]),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::heard::tests::report;
    use super::*;
    use crate::model::NodeReport;

    /// `iad-ns1` with another node, which said what when.
    fn view(other: &str, said: Option<(&[&str], Mono)>) -> ClusterView {
        let mut heard = Heard::unheard();
        if let Some((failing, at)) = said {
            let failing_targets = failing.iter().map(|name| (*name).to_owned()).collect();
            heard.hear(Arc::new(NodeReport { failing_targets, ..report(other) }), Arc::default(), at);
        }
        let others = [(other.to_owned(), heard)].into();
        ClusterView { own: Arc::new(report("iad-ns1")), others, since: None, went_back: None }
    }

    fn tells(view: &ClusterView, now: Mono, target: &str, failing: bool) -> bool {
        Tellers::among("iad-ns1", Some(view), now).has_own(target, failing)
    }

    #[test]
    fn the_first_that_reaches_the_target_tells_it() {
        let now = Mono::START.after(Duration::from_secs(100));
        let well = view("fra-ns1", Some((&[], now)));
        assert!(!tells(&well, now, "chat", false));
        let failing = view("fra-ns1", Some((&["chat"], now)));
        assert!(tells(&failing, now, "chat", false), "the first does not reach it");
        assert!(!tells(&failing, now, "mail", false), "another target it does");
        assert!(!tells(&failing, now, "chat", true), "none reaches it: the first tries");
        let after = view("nrt-ns1", Some((&[], now)));
        assert!(tells(&after, now, "chat", false));
        assert!(!tells(&after, now, "chat", true), "the next reaches it");
    }

    #[test]
    fn a_node_that_is_gone_tells_nothing_and_one_not_heard_yet_may_have_told() {
        let soon = Mono::START.after(Duration::from_secs(3));
        assert!(!tells(&view("fra-ns1", None), soon, "chat", false));
        let later = Mono::START.after(BALLOT_FRESHNESS + Duration::from_secs(1));
        assert!(tells(&view("fra-ns1", None), later, "chat", false));
        assert!(tells(&view("fra-ns1", Some((&[], Mono::START))), later, "chat", false));
        assert!(tells(&view("nrt-ns1", None), soon, "chat", false), "it is not before this one by name");
        assert!(Tellers::among("iad-ns1", None, soon).has_own("chat", true));
    }
}
