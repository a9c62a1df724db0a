//! The mirror of files between nodes. Broken, a node signs with keys that the others dropped, or an old key comes back.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::mirror::*;

fn text(number: u32) -> Digest {
    Digest::of(&number.to_string())
}

fn version(number: u64, content: Content) -> Version {
    Version { number, content }
}

/// A version that holds the text that is named after it.
fn v(number: u32) -> Version {
    version(u64::from(number), Content::Text(text(number)))
}

fn gone(number: u64) -> Version {
    version(number, Content::Gone)
}

#[test]
fn a_first_file_is_published_and_a_first_record_taken_over() {
    let first = version(1, Content::Text(text(9)));
    assert_eq!(step(Local::Text(text(9)), Need::Spare, None, Found::Nothing), Step::Publish(first));
    assert_eq!(step(Local::Missing, Need::Needed, None, Found::Nothing), Step::Rest);
    assert_eq!(step(Local::Missing, Need::Spare, None, Found::Open(v(4))), Step::TakeOver(v(4), Replaced::Dropped));
    assert_eq!(step(Local::Text(text(4)), Need::Spare, None, Found::Open(v(4))), Step::Remember(v(4)));
    assert_eq!(step(Local::Text(text(4)), Need::Spare, Some(v(4)), Found::Open(v(4))), Step::Rest);
}

#[test]
fn files_that_were_never_the_same_wait_for_an_operator() {
    let met = step(Local::Text(text(9)), Need::Needed, None, Found::Open(v(4)));
    assert_eq!(met, Step::Wait(Obstacle::Strangers));
}

#[test]
fn a_change_here_is_published_and_one_elsewhere_taken_over() {
    let next = version(5, Content::Text(text(9)));
    assert_eq!(step(Local::Text(text(9)), Need::Spare, Some(v(4)), Found::Open(v(4))), Step::Publish(next));
    let elsewhere = step(Local::Text(text(4)), Need::Spare, Some(v(4)), Found::Open(v(5)));
    assert_eq!(elsewhere, Step::TakeOver(v(5), Replaced::Dropped));
    let both = step(Local::Text(text(9)), Need::Spare, Some(v(4)), Found::Open(v(5)));
    assert_eq!(both, Step::TakeOver(v(5), Replaced::Aside), "what nobody else has is kept");
}

#[test]
fn a_file_is_deleted_everywhere_unless_it_is_needed() {
    assert_eq!(step(Local::Missing, Need::Spare, Some(v(4)), Found::Open(v(4))), Step::Publish(gone(5)));
    let lost = step(Local::Missing, Need::Needed, Some(v(4)), Found::Open(v(4)));
    assert_eq!(lost, Step::TakeOver(v(4), Replaced::Dropped), "a disk lost it");
    let unchanged = step(Local::Text(text(4)), Need::Spare, Some(v(4)), Found::Open(gone(5)));
    assert_eq!(unchanged, Step::Remove(gone(5), Replaced::Dropped));
    let changed = step(Local::Text(text(9)), Need::Spare, Some(v(4)), Found::Open(gone(5)));
    assert_eq!(changed, Step::Remove(gone(5), Replaced::Aside));
    let needed = step(Local::Text(text(4)), Need::Needed, Some(v(4)), Found::Open(gone(5)));
    assert_eq!(needed, Step::Publish(version(6, Content::Text(text(4)))));
    assert_eq!(step(Local::Missing, Need::Spare, Some(gone(5)), Found::Open(gone(5))), Step::Rest);
    let again = step(Local::Text(text(9)), Need::Spare, Some(gone(5)), Found::Open(gone(5)));
    assert_eq!(again, Step::Publish(version(6, Content::Text(text(9)))));
}

#[test]
fn an_older_record_never_replaces_what_is_known() {
    for found in [Found::Nothing, Found::Open(v(3)), Found::Open(gone(3)), Found::Closed(Some(4))] {
        let here = step(Local::Text(text(4)), Need::Spare, Some(v(4)), found);
        assert_eq!(here, Step::Publish(version(5, Content::Text(text(4)))), "{found:?}");
        assert_eq!(step(Local::Missing, Need::Spare, Some(gone(4)), found), Step::Publish(gone(5)), "{found:?}");
        let lost = step(Local::Missing, Need::Needed, Some(v(4)), found);
        assert_eq!(lost, Step::Wait(Obstacle::Lost), "{found:?}");
    }
    // The store was restored, and other nodes made another history of it.
    let other = version(4, Content::Text(text(9)));
    assert_eq!(
        step(Local::Text(text(4)), Need::Spare, Some(v(4)), Found::Open(other)),
        Step::TakeOver(other, Replaced::Dropped)
    );
}

#[test]
fn what_cannot_be_opened_is_overwritten_only_by_who_knows_it_to_be_old() {
    let closed = Step::Wait(Obstacle::Closed);
    let here = Local::Text(text(4));
    assert_eq!(step(here, Need::Spare, Some(v(4)), Found::Closed(Some(5))), closed);
    assert_eq!(step(here, Need::Spare, Some(v(4)), Found::Closed(None)), closed);
    assert_eq!(step(here, Need::Spare, None, Found::Closed(Some(0))), closed);
    assert_eq!(step(Local::Missing, Need::Needed, None, Found::Closed(Some(1))), closed);
}

#[test]
fn a_file_that_cannot_be_used_is_neither_published_nor_taken_for_deleted() {
    let unfit = Step::Wait(Obstacle::Unfit);
    assert_eq!(step(Local::Unfit, Need::Spare, Some(v(4)), Found::Open(v(4))), unfit);
    assert_eq!(step(Local::Unfit, Need::Spare, None, Found::Nothing), unfit);
    assert_eq!(step(Local::Unfit, Need::Needed, Some(v(4)), Found::Open(gone(5))), unfit);
    assert_eq!(step(Local::Unfit, Need::Needed, Some(v(4)), Found::Open(v(5))), Step::TakeOver(v(5), Replaced::Aside));
}

#[test]
fn digests_are_kept_as_text() {
    let kept = serde_json::to_string(&v(1)).unwrap();
    assert_eq!(serde_json::from_str::<Version>(&kept).unwrap(), v(1));
    assert_eq!(serde_json::to_string(&gone(2)).unwrap(), r#"{"number":2,"content":"gone"}"#);
    assert!(serde_json::from_str::<Digest>("\"00\"").is_err());
    assert!(format!("{:?}", text(1)).len() < 20);
}

/// A node with one file, as operators and the mirror leave it.
#[derive(Clone, Debug)]
struct Node {
    file: Option<Digest>,
    need: Need,
    known: Option<Version>,
    aside: BTreeSet<Digest>,
    /// The record that its next pass believes to be in the store, where it looked already.
    looked: Option<Option<Version>>,
}

/// Several nodes and a store that writes only over what was seen.
#[derive(Debug)]
struct Cluster {
    nodes: Vec<Node>,
    record: Option<Version>,
    /// Every version that was ever accepted.
    history: Vec<Version>,
    writes: usize,
}

impl Cluster {
    fn new(needs: &[Need]) -> Self {
        let node = |need: &Need| {
            let shared = version(1, Content::Text(text(0)));
            Node { file: Some(text(0)), need: *need, known: Some(shared), aside: BTreeSet::new(), looked: None }
        };
        let first = version(1, Content::Text(text(0)));
        Self { nodes: needs.iter().map(node).collect(), record: Some(first), history: vec![first], writes: 0 }
    }

    fn look(&mut self, at: usize) {
        self.nodes[at].looked = Some(self.record);
    }

    /// The node acts on what it saw last, which may be old news by now.
    fn act(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let seen = node.looked.take().unwrap_or(self.record);
        let local = node.file.map_or(Local::Missing, Local::Text);
        match step(local, node.need, node.known, seen.map_or(Found::Nothing, Found::Open)) {
            Step::Rest | Step::Wait(_) => {}
            Step::Remember(version) => node.known = Some(version),
            Step::Publish(version) => {
                if self.record == seen {
                    assert!(node.known.is_none_or(|known| version.number > known.number));
                    self.record = Some(version);
                    self.history.push(version);
                    self.writes += 1;
                    node.known = Some(version);
                }
            }
            Step::TakeOver(version, replaced) | Step::Remove(version, replaced) => {
                assert!(
                    node.known.is_none_or(|known| version.number >= known.number),
                    "an older one replaces a newer one"
                );
                if replaced == Replaced::Aside {
                    node.aside.extend(node.file);
                }
                node.file = match version.content {
                    Content::Text(digest) => Some(digest),
                    Content::Gone => None,
                };
                node.known = Some(version);
            }
        }
    }

    /// Lets all nodes act in turn until nobody has anything to do; returns how many rounds that took.
    fn settle(&mut self) -> usize {
        for round in 1..20 {
            let before = format!("{self:?}");
            (0..self.nodes.len()).for_each(|at| self.act(at));
            if format!("{self:?}") == before {
                return round;
            }
        }
        panic!("never at rest: {self:?}");
    }

    #[track_caller]
    fn assert_agreed(&self) {
        let record = self.record.unwrap();
        for node in &self.nodes {
            assert_eq!(node.known, Some(record), "{self:?}");
            assert_eq!(node.file.map_or(Content::Gone, Content::Text), record.content, "{self:?}");
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Edit(usize),
    Delete(usize),
    Look(usize),
    Pass(usize),
    /// The store is as it was so many versions ago.
    Restore(usize),
}

fn acts(restores: bool) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0..3_usize).prop_map(Act::Edit),
        1 => (0..3_usize).prop_map(Act::Delete),
        4 => (0..3_usize).prop_map(Act::Look),
        6 => (0..3_usize).prop_map(Act::Pass),
        u32::from(restores) => (0..3_usize).prop_map(Act::Restore),
    ];
    prop::collection::vec(act, 0..40)
}

fn needs() -> impl Strategy<Value = Vec<Need>> {
    prop::collection::vec(prop_oneof![Just(Need::Needed), Just(Need::Spare)], 3)
}

/// Runs `acts`; returns the cluster and every text that an operator wrote and did not write over before it was seen.
fn run(needs: &[Need], acts: &[Act]) -> (Cluster, BTreeSet<Digest>) {
    let mut cluster = Cluster::new(needs);
    let mut written = BTreeSet::new();
    for (at, act) in (1..).zip(acts) {
        match act {
            Act::Edit(node) | Act::Delete(node) => {
                let node = &mut cluster.nodes[*node];
                // An operator who writes over an edit of a moment ago wants the new one only.
                if let Some(file) = node.file
                    && node.known.is_none_or(|known| known.content != Content::Text(file))
                {
                    written.remove(&file);
                }
                node.file = matches!(act, Act::Edit(_)).then(|| text(at));
                written.extend(node.file);
            }
            Act::Look(node) => cluster.look(*node),
            Act::Pass(node) => cluster.act(*node),
            Act::Restore(back) => {
                let place = cluster.history.len().saturating_sub(*back + 1);
                cluster.record = Some(cluster.history[place]);
            }
        }
    }
    (cluster, written)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn all_nodes_come_to_the_same_and_rest(needs in needs(), acts in acts(false)) {
        let (mut cluster, written) = run(&needs, &acts);
        let rounds = cluster.settle();
        prop_assert!(rounds <= 6, "{} rounds", rounds);
        cluster.assert_agreed();
        let numbers: Vec<u64> = cluster.history.iter().map(|version| version.number).collect();
        prop_assert!(numbers.is_sorted_by(|one, other| one < other), "versions only rise: {:?}", numbers);
        prop_assert_eq!(cluster.record, cluster.history.last().copied(), "the newest stands");
        // At rest nobody writes.
        let writes = cluster.writes;
        cluster.settle();
        prop_assert_eq!(cluster.writes, writes);
        for text in written {
            let published = cluster.history.iter().any(|version| version.content == Content::Text(text));
            let kept = cluster.nodes.iter().any(|node| node.aside.contains(&text));
            prop_assert!(published || kept, "a text was lost: {:?}", text);
        }
    }

    #[test]
    fn a_file_is_gone_only_where_everybody_who_needs_it_lost_it(acts in acts(false)) {
        let acts: Vec<Act> = acts.into_iter().filter(|act| !matches!(act, Act::Delete(0))).collect();
        let (mut cluster, _) = run(&[Need::Needed, Need::Spare, Need::Spare], &acts);
        prop_assert!(cluster.nodes[0].file.is_some());
        cluster.settle();
        prop_assert!(cluster.nodes.iter().all(|node| node.file.is_some()));
    }

    #[test]
    fn nodes_meet_again_after_the_store_went_back(needs in needs(), acts in acts(true)) {
        let (mut cluster, _) = run(&needs, &acts);
        cluster.settle();
        let waiting = |node: &Node| {
            let local = node.file.map_or(Local::Missing, Local::Text);
            let found = cluster.record.map_or(Found::Nothing, Found::Open);
            matches!(step(local, node.need, node.known, found), Step::Wait(_))
        };
        if !cluster.nodes.iter().any(waiting) {
            cluster.assert_agreed();
        }
    }
}
