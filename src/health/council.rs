//! The council: the votes of all nodes as this node has heard them, and what it agrees on (DESIGN section 6).
//!
//! One council stands for one topology; positions are those of its endpoints. It keeps what it agreed on when it cannot
//! tell the world's trouble from its own: cut off from everyone, it stays with what was agreed last (RELIABILITY I4), and
//! a failure of most sites at once is looked at for a moment longer before it is believed (I6).

use std::collections::BTreeMap;
use std::time::Duration;

use super::bounds::{BALLOT_FRESHNESS, MASS_CONFIRM};
use super::consensus::{consensus, severity};
use super::doubt::Doubts;
use super::groups::{Groups, bit};
use super::report::Ballot;
use crate::model::{Mono, Plan, SiteIx, State, Topology, Vote};

/// Who a node is among those that vote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voter {
    /// Its name, which no other node has.
    pub name: String,
    /// The site it stands in; its votes on that site are local.
    pub standing_in: Option<SiteIx>,
    /// What it would fail with, or be misled with: of all nodes that name the same, one vote counts.
    pub failure_domain: Option<String>,
}

/// Whether the store that all nodes share answers this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It does, or the node has it to itself.
    Kept,
    /// It has not for a while.
    Lost,
}

/// How well this node knows what the others see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seclusion {
    /// It hears others, or there are none.
    None,
    /// It hears nobody and reaches the store no more; its own verdicts decide.
    Alone,
    /// And most other sites fail before its eyes: it is the one that is cut off. What was agreed stands.
    CutOff,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Council {
    groups: Groups,
    this: Voter,
    agreed: Vec<State>,
    /// The other nodes, with the last ballot of each and when it came.
    others: BTreeMap<String, Option<(Ballot, Mono)>>,
    seclusion: Seclusion,
    /// When the store answered again after the node was cut off; what others say is waited for from then on.
    returning: Option<Mono>,
    /// Since when a node that is cut off sees most other sites again, though the store does not answer.
    relieved: Option<Mono>,
    doubts: Doubts,
}

impl Council {
    /// A council over the endpoints of `topology` at the node that is `this` voter, which starts from what was `agreed`
    /// before.
    #[must_use]
    pub fn new(topology: &Topology, this: Voter, mut agreed: Vec<State>) -> Self {
        agreed.resize(topology.endpoints.len(), State::Unknown);
        Self {
            groups: Groups::of(topology),
            this,
            agreed,
            others: BTreeMap::new(),
            seclusion: Seclusion::None,
            returning: None,
            relieved: None,
            doubts: Doubts::default(),
        }
    }

    /// What is agreed, parallel to the endpoints.
    #[must_use]
    pub fn agreed(&self) -> &[State] {
        &self.agreed
    }

    /// How well this node knows what the others see.
    #[must_use]
    pub const fn seclusion(&self) -> Seclusion {
        self.seclusion
    }

    /// Whether [`Self::agree`] must be asked again, though nobody votes otherwise.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.doubts.any() || self.returning.or(self.relieved).is_some()
    }

    /// When it must be asked again at the latest.
    #[must_use]
    pub fn looks_again_at(&self) -> Option<Mono> {
        let returning = self.returning.map(|since| since.after(BALLOT_FRESHNESS).after(Duration::from_millis(1)));
        let relieved = self.relieved.map(|since| since.after(MASS_CONFIRM));
        self.doubts.end_at().into_iter().chain(returning).chain(relieved).min()
    }

    /// Tells which sites `plan` keeps out of service by order: of those that are left, a smaller number is most.
    pub fn heed(&mut self, topology: &Topology, plan: &Plan) {
        self.doubts.heed(topology, plan);
    }

    /// There is another node called `node`, heard or not: a node that starts cut off must know that it is not alone in
    /// the world.
    pub fn expect(&mut self, node: &str) {
        if node != self.this.name {
            self.others.entry(node.to_owned()).or_default();
        }
    }

    /// The node called `node` is there no more.
    pub fn forget(&mut self, node: &str) {
        self.others.remove(node);
    }

    /// Goes on in the place of `other`, which sat over other endpoints: a node that is cut off stays so.
    pub fn succeed(&mut self, other: &Self) {
        (self.seclusion, self.returning, self.relieved) = (other.seclusion, other.returning, other.relieved);
    }

    /// The other nodes.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.others.keys().map(String::as_str)
    }

    /// Takes the ballot of another node in, unless a newer one of it is known; what this node said itself, in this start or
    /// an earlier one, is nobody's ballot. Gives the endpoints that the other suspects and did not before: they are to be
    /// probed at once.
    pub fn hear(&mut self, node: &str, ballot: Ballot, now: Mono) -> Vec<u32> {
        let known = self.others.get(node).and_then(Option::as_ref);
        if known.is_some_and(|(known, _)| known.sequence > ballot.sequence)
            || ballot.verdicts.len() != self.groups.endpoints()
            || node == self.this.name
        {
            return Vec::new();
        }
        // Read once more it is no sign of life.
        let heard = known.filter(|(known, _)| known.sequence == ballot.sequence).map_or(now, |(_, at)| *at);
        let is_news = |endpoint: &u32| known.is_none_or(|(known, _)| !known.suspects.contains(endpoint));
        let hints = ballot.suspects.iter().copied().filter(is_news).collect();
        self.others.insert(node.to_owned(), Some((ballot, heard)));
        hints
    }

    /// The sequence of the ballot of `node` that still counts at `now`.
    #[must_use]
    pub fn hears(&self, node: &str, now: Mono) -> Option<(u64, u64)> {
        let (ballot, at) = self.others.get(node)?.as_ref()?;
        (now.since(*at) <= BALLOT_FRESHNESS).then_some(ballot.sequence)
    }

    /// Agrees anew at `now`, with this node's own verdicts. Gives whether anything changed.
    pub fn agree(&mut self, verdicts: &[State], contact: Contact, now: Mono) -> bool {
        let before = self.seclusion;
        self.seclusion = self.judge_seclusion(verdicts, contact, now);
        if self.seclusion == Seclusion::CutOff {
            self.doubts.clear();
            return before != self.seclusion;
        }
        let mut wanted = self.tally(verdicts, now);
        self.doubts.hold_back(&self.groups, &self.agreed, &mut wanted, now);
        let changed = wanted != self.agreed || before != self.seclusion;
        self.agreed = wanted;
        changed
    }

    /// What the fresh ballots add up to.
    fn tally(&self, verdicts: &[State], now: Mono) -> Vec<State> {
        let fresh: Vec<(&str, &Ballot)> = self.fresh(now).collect();
        let Voter { name, standing_in, failure_domain } = &self.this;
        let mut votes = Vec::with_capacity(fresh.len() + 1);
        let each = self.groups.places().zip(&self.agreed).enumerate();
        each.map(|(position, ((_, site), agreed))| {
            let said = |states: &[State]| states.get(position).copied().unwrap_or(State::Unknown);
            votes.clear();
            votes.extend(fresh.iter().map(|(node, ballot)| Vote {
                node,
                standing_in: ballot.standing_in,
                failure_domain: ballot.failure_domain.as_deref(),
                state: said(&ballot.verdicts),
                received: now,
            }));
            votes.push(Vote {
                node: name,
                standing_in: *standing_in,
                failure_domain: failure_domain.as_deref(),
                state: said(verdicts),
                received: now,
            });
            // Even votes change nothing; nodes that came to them from different sides stay with the better one.
            let previous = fresh.iter().map(|(_, ballot)| said(&ballot.agreed)).chain([*agreed]);
            let previous = previous.filter(|state| *state != State::Unknown).min_by_key(|state| severity(*state));
            consensus(previous.unwrap_or(*agreed), &votes, site, now, BALLOT_FRESHNESS)
        })
        .collect()
    }

    /// The other nodes whose ballots count.
    fn fresh(&self, now: Mono) -> impl Iterator<Item = (&str, &Ballot)> {
        let heard = self.others.iter().filter_map(|(node, heard)| Some((node.as_str(), heard.as_ref()?)));
        heard.filter(move |(_, (_, at))| now.since(*at) <= BALLOT_FRESHNESS).map(|(node, (ballot, _))| (node, ballot))
    }

    /// Who lost the store and sees most other sites fail is itself the likely fault: what it heard from others before is
    /// old. Its own eyes stay the worst witnesses for a while, for sites come back before them one after another. Back in touch
    /// with the store, a node waits until it has heard the others, or until they have had time to speak; without the store,
    /// until it has seen most sites for as long as their failure would have been doubted.
    fn judge_seclusion(&mut self, verdicts: &[State], contact: Contact, now: Mono) -> Seclusion {
        let hears_others = self.fresh(now).next().is_some();
        let most_fail = self.sees_most_others_fail(verdicts);
        match (contact, self.seclusion) {
            _ if self.others.is_empty() => {}
            (Contact::Lost, _) if most_fail => {
                (self.returning, self.relieved) = (None, None);
                return Seclusion::CutOff;
            }
            (Contact::Lost, Seclusion::CutOff) if !self.is_relieved(now) => return Seclusion::CutOff,
            (Contact::Lost, _) if !hears_others => {
                (self.returning, self.relieved) = (None, None);
                return Seclusion::Alone;
            }
            (Contact::Kept, Seclusion::CutOff) if !self.has_returned(now) => return Seclusion::CutOff,
            _ => {}
        }
        (self.returning, self.relieved) = (None, None);
        Seclusion::None
    }

    /// Whether, without the store, most other sites have been seen for long enough.
    fn is_relieved(&mut self, now: Mono) -> bool {
        self.returning = None;
        now.since(*self.relieved.get_or_insert(now)) >= MASS_CONFIRM
    }

    /// Whether, since the store answers again, all other nodes have spoken or had the time to. Who has seen nothing since its
    /// own start has not spoken: next to it this node's word would be the only one.
    fn has_returned(&mut self, now: Mono) -> bool {
        self.relieved = None;
        let since = *self.returning.get_or_insert(now);
        let says_nothing = |ballot: &Ballot| !ballot.verdicts.iter().any(|verdict| *verdict != State::Unknown);
        let spoke = |heard: &Option<(Ballot, Mono)>| {
            heard.as_ref().is_some_and(|(ballot, at)| *at >= since && !says_nothing(ballot))
        };
        self.others.values().all(spoke) || now.since(since) > BALLOT_FRESHNESS
    }

    /// Whether a majority of the other sites fails, each with all that it serves.
    fn sees_most_others_fail(&self, verdicts: &[State]) -> bool {
        let others = !self.this.standing_in.map_or(0, bit);
        let (declared, failing) = (self.groups.declared(), self.groups.failing(verdicts));
        let working = declared.iter().zip(failing).fold(0, |sites, (declared, failing)| sites | (declared & !failing));
        let declared = declared.into_iter().fold(0, |all, sites| all | sites) & others;
        2 * (declared & !working).count_ones() > declared.count_ones()
    }
}

#[cfg(test)]
#[path = "council_tests.rs"]
mod tests;
