//! A node: the detectors, the council, the orders and the plan, joined as the program joins them, without its I/O.

use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use waypost::health::{
    Ballot, Contact, Council, Depth, Detector, STORE_LOST, Seclusion, Thresholds, Voter, spread, witnessed,
};
use waypost::model::{
    DetectorKind, EndpointHealth, Generation, Intent, Lifetime, Mono, Plan, State, Topology, Verdict,
};
use waypost::plan::{self, Inputs, Offer};

use crate::core::Core;
use crate::store::{Orders, Write};
use crate::world::TIMEOUT;

/// Default thresholds (DESIGN section 10).
const THRESHOLDS: Thresholds = Thresholds {
    interval: Duration::from_secs(1),
    timeout: TIMEOUT,
    rise: 3,
    fall: 3,
    burst_gap: Duration::from_millis(200),
    kind: DetectorKind::Evidence,
    full: Depth::Full,
};

/// What a node finds again when it starts: its own snapshot.
#[derive(Clone, Debug)]
pub struct Kept {
    verdicts: Vec<Verdict>,
    agreed: Vec<State>,
    orders: Rc<Orders>,
    local: Vec<Intent>,
    epoch: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Node {
    pub name: String,
    pub voter: Voter,
    pub alive: bool,
    pub started: Mono,
    /// Which start of the node this is: what was under way to an earlier one is lost.
    pub incarnation: u32,
    pub detectors: Vec<Detector>,
    /// When each detector is looked at next.
    pub wakes: Vec<Mono>,
    pub council: Council,
    /// What it holds for agreed.
    pub agreed: Vec<State>,
    pub orders: Rc<Orders>,
    /// Those of them that stand, with their ends.
    pub standing: Vec<(Intent, Option<Mono>)>,
    /// The orders that it follows alone, with their ends.
    pub local: Vec<(Intent, Option<Mono>)>,
    /// Since when the store was found to hold orders that do not continue those that it knows.
    pub went_back: Option<Mono>,
    pub health: Vec<EndpointHealth>,
    /// The newest plan that was made.
    pub made: Rc<Plan>,
    /// What that comes to.
    pub digest: String,
    /// The plan that answers follow.
    pub served: Rc<Plan>,
    epoch: u64,
    ballots: u64,
    pub published: Option<Rc<Ballot>>,
    pub published_at: Mono,
    pub last_contact: Mono,
    pub last_change: Option<Mono>,
    /// By how many seconds its wall clock is wrong.
    pub clock_error: i64,
    /// When it last held itself for cut off.
    pub cut_off_at: Option<Mono>,
    inputs: Option<u64>,
}

impl Node {
    /// A node that starts at `now` as `voter` among those with these `names`, with what an earlier start of it kept.
    pub fn start(
        core: Core,
        voter: Voter,
        topology: &Topology,
        names: &[String],
        now: Mono,
        kept: Option<Kept>,
    ) -> Self {
        let name = voter.name.clone();
        let wall = wall_at(now, 0);
        let restored = |endpoint: usize| kept.as_ref().map(|kept| kept.verdicts[endpoint].clone());
        let detectors: Vec<Detector> = topology
            .endpoints
            .iter()
            .enumerate()
            .map(|(ix, endpoint)| {
                let spread = spread(&name, &topology.key(endpoint), "smtp");
                Detector::new(THRESHOLDS, restored(ix), spread, now, wall)
            })
            .collect();
        let agreed =
            kept.as_ref().map_or_else(|| vec![State::Unknown; topology.endpoints.len()], |kept| kept.agreed.clone());
        let mut council = Council::new(topology, core.voter(voter.clone()), agreed.clone());
        names.iter().filter(|other| **other != name).for_each(|other| council.expect(other));
        let epoch = kept.as_ref().map_or(1, |kept| kept.epoch + 1);
        let orders = kept.as_ref().map(|kept| Rc::clone(&kept.orders)).unwrap_or_default();
        let local = kept.as_ref().map(|kept| kept.local.clone()).unwrap_or_default();
        let generation = Generation { epoch, sequence: 0 };
        let plan = Rc::new(plan::make(Inputs { topology, health: &[], intents: &[], generation }));
        Self {
            name,
            voter,
            alive: true,
            started: now,
            incarnation: u32::try_from(epoch).unwrap(),
            wakes: detectors.iter().map(Detector::wake_at).collect(),
            detectors,
            council,
            agreed,
            standing: orders.intents.iter().map(|intent| (intent.clone(), None)).collect(),
            orders,
            local: local.into_iter().map(|intent| (intent, None)).collect(),
            went_back: None,
            health: Vec::new(),
            digest: plan.digest(topology),
            made: Rc::clone(&plan),
            served: plan,
            epoch,
            ballots: 0,
            published: None,
            published_at: now,
            last_contact: now,
            last_change: None,
            clock_error: 0,
            cut_off_at: None,
            inputs: None,
        }
    }

    /// What is there after the node has died.
    pub fn kept(&self) -> Kept {
        Kept {
            verdicts: self.detectors.iter().map(|detector| detector.verdict().clone()).collect(),
            agreed: self.agreed.clone(),
            orders: Rc::clone(&self.orders),
            local: self.local.iter().map(|(intent, _)| intent.clone()).collect(),
            epoch: self.epoch,
        }
    }

    /// Its wall clock.
    pub fn wall(&self, now: Mono) -> Timestamp {
        wall_at(now, self.clock_error)
    }

    /// The orders that all follow, as far as they stand here.
    pub fn shared(&self) -> Vec<Intent> {
        self.standing.iter().map(|(intent, _)| intent.clone()).collect()
    }

    /// The orders that it follows.
    pub fn intents(&self) -> Vec<Intent> {
        let local: Vec<Intent> = self.local.iter().map(|(intent, _)| intent.clone()).collect();
        plan::effective(&self.shared(), &local)
    }

    /// Whether the store answers it, as far as it can tell.
    pub fn contact(&self, now: Mono) -> Contact {
        if now.since(self.last_contact) > STORE_LOST { Contact::Lost } else { Contact::Kept }
    }

    /// Finds the ends of orders that it had kept, by the wall clock: it does not know how long it was away.
    pub fn restore_ends(&mut self, now: Mono) {
        let wall = self.wall(now);
        for (intent, end) in self.standing.iter_mut().chain(&mut self.local) {
            *end = given(intent).map(|given| {
                let Lifetime::Until(until) = intent.lifetime else { return now };
                let left = Duration::try_from(until.duration_since(wall)).unwrap_or(Duration::ZERO);
                now.after(left.min(given))
            });
        }
    }

    /// Takes in what the store was found to hold just now.
    pub fn read(&mut self, core: Core, orders: Rc<Orders>, now: Mono) {
        let continued = orders.continue_from(&self.orders);
        self.went_back = if continued { None } else { Some(self.went_back.unwrap_or(now)) };
        if continued || core == Core::OldOrdersWin {
            self.follow(orders, now);
        }
    }

    /// Takes in what it hears of the store, a moment ago or long ago: what does not continue the orders that it knows,
    /// however late it comes, changes nothing.
    pub fn hear(&mut self, core: Core, orders: Rc<Orders>, now: Mono) {
        if orders.continue_from(&self.orders) || core == Core::OldOrdersWin {
            self.follow(orders, now);
        }
    }

    fn follow(&mut self, orders: Rc<Orders>, now: Mono) {
        if orders.id == self.orders.id {
            return;
        }
        let end = |intent: &Intent| {
            let known = self.standing.iter().chain(&self.local).find(|(known, _)| known.is_same_order(intent));
            known.map_or_else(|| given(intent).map(|span| now.after(span)), |(_, end)| *end)
        };
        let standing = orders.intents.iter().map(|intent| (intent.clone(), end(intent))).collect();
        self.standing = standing;
        self.orders = orders;
        self.went_back = None;
    }

    /// Follows an order alone.
    pub fn follow_alone(&mut self, intent: Intent, now: Mono) {
        let end = given(&intent).map(|span| now.after(span));
        self.local.retain(|(local, _)| local.scope != intent.scope);
        self.local.push((intent, end));
    }

    /// What it offers to all of what it follows alone. What all follow already, or must not, it follows alone no more.
    pub fn offer(&mut self, reviewed: &Topology) -> Option<Write> {
        while let Some((local, _)) = self.local.first() {
            match plan::offer(reviewed, &self.health, &self.shared(), local, &[]) {
                Ok(Offer::Everywhere(intent)) => return Some(Write::Offer(*intent)),
                Ok(Offer::Known | Offer::Superseded(_)) | Err(_) => self.local.remove(0),
            };
        }
        None
    }

    /// Lets orders go whose time is over.
    pub fn expire(&mut self, now: Mono) {
        let stands = |(_, end): &(Intent, Option<Mono>)| end.is_none_or(|end| end > now);
        self.standing.retain(stands);
        self.local.retain(stands);
    }

    /// The orders in the store, as it was last heard of, whose time is over here.
    pub fn over(&self) -> Vec<Intent> {
        let stands = |intent: &&Intent| self.standing.iter().any(|(standing, _)| standing == *intent);
        self.orders.intents.iter().filter(|intent| !stands(intent)).cloned().collect()
    }

    /// Agrees and plans anew; gives the plan if it says anything new.
    pub fn decide(&mut self, core: Core, topology: &Topology, now: Mono) -> Option<Rc<Plan>> {
        let inputs = self.inputs(now);
        let restless = self.council.is_in_doubt() || self.council.seclusion() != Seclusion::None;
        let is_known = self.inputs.replace(inputs) == Some(inputs);
        if is_known && !restless {
            return None;
        }
        let verdicts: Vec<State> = self.detectors.iter().map(Detector::vote).collect();
        let contact = self.contact(now);
        self.council.heed(topology, &self.made);
        self.council.agree(&verdicts, core.contact(contact), now);
        if self.council.seclusion() == Seclusion::CutOff {
            self.cut_off_at = Some(now);
        }
        let agreed = core.agreed(self.council.agreed(), &verdicts, &self.agreed);
        if is_known && agreed == self.agreed {
            return None;
        }
        self.agreed = agreed;
        let each = self.agreed.iter().zip(&self.detectors);
        self.health = each
            .map(|(state, detector)| EndpointHealth {
                state: *state,
                suspect: detector.is_suspect(),
                reason: String::new(),
                since: Timestamp::UNIX_EPOCH,
            })
            .collect();
        let intents = core.planned(self.intents());
        let present = self.made.generation;
        let generation = Generation { sequence: present.sequence + 1, ..present };
        let plan = plan::make(Inputs { topology, health: &self.health, intents: &intents, generation });
        if plan.same_outcome(&self.made) {
            return None;
        }
        self.digest = plan.digest(topology);
        self.made = Rc::new(plan);
        Some(Rc::clone(&self.made))
    }

    /// A fingerprint of all that a decision depends on.
    fn inputs(&self, now: Mono) -> u64 {
        let mut hasher = Fnv::default();
        for detector in &self.detectors {
            (detector.vote(), detector.is_suspect()).hash(&mut hasher);
        }
        (self.contact(now) == Contact::Lost, self.orders.id).hash(&mut hasher);
        for (intent, _) in self.standing.iter().chain(&self.local) {
            (&intent.scope, intent.since, intent.reach).hash(&mut hasher);
        }
        for other in self.council.others() {
            self.council.hears(other, now).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// What it tells the others, if that is news or a while ago.
    pub fn ballot(&mut self, now: Mono) -> Rc<Ballot> {
        self.ballots += 1;
        let suspects = (0..).zip(&self.detectors).filter(|(_, detector)| detector.is_suspect()).map(|(ix, _)| ix);
        let ballot = Rc::new(Ballot {
            sequence: (self.epoch, self.ballots),
            standing_in: self.voter.standing_in,
            failure_domain: self.voter.failure_domain.clone(),
            verdicts: self.detectors.iter().map(Detector::vote).collect(),
            agreed: self.tellable(),
            suspects: suspects.collect(),
        });
        self.published = Some(Rc::clone(&ballot));
        self.published_at = now;
        ballot
    }

    /// What it holds for agreed, as far as it has eyes of its own on it since it started.
    fn tellable(&self) -> Vec<State> {
        let votes: Vec<State> = self.detectors.iter().map(Detector::vote).collect();
        witnessed(&self.agreed, &votes)
    }

    /// Whether the others know all that it thinks.
    pub fn has_said_all(&self) -> bool {
        let Some(ballot) = &self.published else { return false };
        let verdicts = self.detectors.iter().map(Detector::vote);
        ballot.agreed == self.tellable() && verdicts.eq(ballot.verdicts.iter().copied())
    }

    /// Whether every endpoint is up before its eyes and nothing is under way.
    pub fn is_at_rest(&self) -> bool {
        let is_well = |detector: &Detector| detector.verdict().state == State::Up && !detector.is_suspect();
        self.detectors.iter().all(is_well) && self.agreed.iter().all(|state| *state == State::Up)
    }
}

/// How long an order was given for.
fn given(intent: &Intent) -> Option<Duration> {
    match intent.lifetime {
        Lifetime::Until(until) => {
            Some(Duration::try_from(until.duration_since(intent.since)).unwrap_or(Duration::ZERO))
        }
        Lifetime::UntilCleared => None,
    }
}

fn wall_at(now: Mono, error: i64) -> Timestamp {
    let right = Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::try_from(now.0).unwrap();
    right + SignedDuration::from_secs(error)
}

/// FNV-1a by words: a node asks at every probe whether anything has changed.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, octets: &[u8]) {
        for word in octets.chunks(8) {
            let word = word.iter().fold(0, |word, octet| (word << 8) | u64::from(*octet));
            self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
