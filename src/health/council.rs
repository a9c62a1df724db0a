//! The council: the votes of all nodes as this node has heard them, and what it agrees on (DESIGN section 6).
//!
//! One council stands for one topology; positions are those of its endpoints. It keeps what it agreed on when it cannot
//! tell the world's trouble from its own: cut off from everyone, it stays with what was agreed last (RELIABILITY I4), and
//! a failure of most sites at once is looked at for a moment longer before it is believed (I6).

use std::collections::BTreeMap;
use std::time::Duration;

use super::bounds::{BALLOT_FRESHNESS, MASS_CONFIRM};
use super::consensus::{consensus, severity};
use crate::model::{Mono, Plan, Service, ServiceIx, ServicePlan, SiteIx, SitePlan, Standing, State, Topology, Vote};

/// What one node thinks of every endpoint, as it tells the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// (start of the node, number since): an older ballot never replaces a newer one, however late it arrives.
    pub sequence: (u64, u64),
    /// The site the node stands in; its votes on that site are local.
    pub standing_in: Option<SiteIx>,
    /// Its verdict on each endpoint.
    pub verdicts: Vec<State>,
    /// What it holds for agreed: where votes are even, nodes that came from different sides meet here.
    pub agreed: Vec<State>,
    /// Endpoints against which it is gathering evidence: the others look at them at once.
    pub suspects: Vec<u32>,
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

/// Sites that were taken away from a service.
#[derive(Clone, Copy, Debug)]
struct Lost {
    /// The service's position.
    service: usize,
    sites: u64,
    at: Mono,
}

/// The endpoints of one service at one site: they stand or fall together.
#[derive(Clone, Copy, Debug)]
struct Group {
    service: ServiceIx,
    site: SiteIx,
    /// The healthy part under which the site is down for the service.
    floor: f64,
    size: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Council {
    groups: Vec<Group>,
    /// The group of each endpoint.
    group_of: Vec<usize>,
    standing_in: Option<SiteIx>,
    agreed: Vec<State>,
    /// The other nodes, with the last ballot of each and when it came.
    others: BTreeMap<String, Option<(Ballot, Mono)>>,
    seclusion: Seclusion,
    /// When the store answered again after the node was cut off; what others say is waited for from then on.
    returning: Option<Mono>,
    /// Since when the failure of most sites of a service is in doubt.
    doubts: Vec<Option<Mono>>,
    /// What failed lately.
    lost: Vec<Lost>,
    /// The sites that orders keep out of each service: those that are left carry it.
    aside: Vec<u64>,
}

impl Council {
    /// A council of a node that stands in `standing_in` over the endpoints of `topology`, which starts from what was
    /// `agreed` before.
    #[must_use]
    pub fn new(topology: &Topology, standing_in: Option<SiteIx>, mut agreed: Vec<State>) -> Self {
        agreed.resize(topology.endpoints.len(), State::Unknown);
        let mut groups: Vec<Group> = Vec::new();
        let mut group_of = Vec::with_capacity(topology.endpoints.len());
        for endpoint in &topology.endpoints {
            let known =
                groups.iter().position(|group| (group.service, group.site) == (endpoint.service, endpoint.site));
            let position = known.unwrap_or(groups.len());
            if known.is_none() {
                let floor = topology.service(endpoint.service).map_or(0.0, |service| service.site_floor);
                groups.push(Group { service: endpoint.service, site: endpoint.site, floor, size: 0 });
            }
            if let Some(group) = groups.get_mut(position) {
                group.size += 1;
            }
            group_of.push(position);
        }
        Self {
            groups,
            group_of,
            standing_in,
            agreed,
            others: BTreeMap::new(),
            seclusion: Seclusion::None,
            returning: None,
            doubts: Vec::new(),
            lost: Vec::new(),
            aside: Vec::new(),
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
        self.doubts.iter().any(Option::is_some) || self.returning.is_some()
    }

    /// When it must be asked again at the latest.
    #[must_use]
    pub fn looks_again_at(&self) -> Option<Mono> {
        let doubts = self.doubts.iter().flatten().map(|since| since.after(MASS_CONFIRM));
        let returning = self.returning.map(|since| since.after(BALLOT_FRESHNESS).after(Duration::from_millis(1)));
        doubts.chain(returning).min()
    }

    /// Tells which sites `plan` keeps out of service by order: of those that are left, a smaller number is most.
    pub fn heed(&mut self, topology: &Topology, plan: &Plan) {
        let kept_out = |outcome: &SitePlan| matches!(outcome.standing, Standing::Drained | Standing::Isolated);
        let of_service = |(service, plan): (&Service, &ServicePlan)| {
            let out = service.sites.iter().zip(&plan.sites).filter(|(_, outcome)| kept_out(outcome));
            out.fold(0, |sites, (site, _)| sites | bit(*site))
        };
        self.aside = topology.services.iter().zip(&plan.services).map(of_service).collect();
    }

    /// There is another node called `node`, heard or not: a node that starts cut off must know that it is not alone in
    /// the world.
    pub fn expect(&mut self, node: &str) {
        self.others.entry(node.to_owned()).or_default();
    }

    /// The other nodes.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.others.keys().map(String::as_str)
    }

    /// Takes the ballot of another node in, unless a newer one of it is known. Gives the endpoints that it suspects and did
    /// not before: they are to be probed at once.
    pub fn hear(&mut self, node: &str, ballot: Ballot, now: Mono) -> Vec<u32> {
        let known = self.others.get(node).and_then(Option::as_ref);
        if known.is_some_and(|(known, _)| known.sequence > ballot.sequence)
            || ballot.verdicts.len() != self.group_of.len()
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
        self.hold_back(&mut wanted, now);
        let changed = wanted != self.agreed || before != self.seclusion;
        self.agreed = wanted;
        changed
    }

    /// What the fresh ballots add up to.
    fn tally(&self, verdicts: &[State], now: Mono) -> Vec<State> {
        let fresh: Vec<&Ballot> = self.fresh(now).collect();
        let mut votes = Vec::with_capacity(fresh.len() + 1);
        let each = self.group_of.iter().zip(&self.agreed).enumerate();
        each.map(|(position, (group, agreed))| {
            let said = |states: &[State]| states.get(position).copied().unwrap_or(State::Unknown);
            let others = fresh.iter().map(|ballot| (ballot.standing_in, said(&ballot.verdicts)));
            votes.clear();
            votes.extend(others.chain([(self.standing_in, said(verdicts))]).map(|(standing_in, state)| Vote {
                node: String::new(),
                standing_in,
                state,
                received: now,
            }));
            // Even votes change nothing; nodes that came to them from different sides stay with the better one.
            let previous = fresh.iter().map(|ballot| said(&ballot.agreed)).chain([*agreed]);
            let previous = previous.filter(|state| *state != State::Unknown).min_by_key(|state| severity(*state));
            let previous = previous.unwrap_or(*agreed);
            let site = self.groups.get(*group).map(|group| group.site);
            site.map_or(previous, |site| consensus(previous, &votes, site, now, BALLOT_FRESHNESS))
        })
        .collect()
    }

    fn fresh(&self, now: Mono) -> impl Iterator<Item = &Ballot> {
        let heard = self.others.values().filter_map(Option::as_ref);
        heard.filter(move |(_, at)| now.since(*at) <= BALLOT_FRESHNESS).map(|(ballot, _)| ballot)
    }

    /// Who lost the store and sees most other sites fail is itself the likely fault: what it heard from others before is
    /// old. Back in touch with the store, a node waits until it has heard the others, or until they have had time to
    /// speak: its own eyes are still the worst witnesses.
    fn judge_seclusion(&mut self, verdicts: &[State], contact: Contact, now: Mono) -> Seclusion {
        let hears_others = self.fresh(now).next().is_some();
        let most_fail = self.sees_most_others_fail(verdicts);
        match (contact, self.seclusion) {
            _ if self.others.is_empty() => {}
            (Contact::Lost, _) if most_fail => {
                self.returning = None;
                return Seclusion::CutOff;
            }
            (Contact::Lost, _) if !hears_others => {
                self.returning = None;
                return Seclusion::Alone;
            }
            (Contact::Kept, Seclusion::CutOff) if most_fail && !self.has_returned(now) => return Seclusion::CutOff,
            _ => {}
        }
        self.returning = None;
        Seclusion::None
    }

    /// Whether, since the store answers again, all other nodes have spoken or had the time to.
    fn has_returned(&mut self, now: Mono) -> bool {
        let since = *self.returning.get_or_insert(now);
        let spoke = |heard: &Option<(Ballot, Mono)>| heard.as_ref().is_some_and(|(_, at)| *at >= since);
        self.others.values().all(spoke) || now.since(since) > BALLOT_FRESHNESS
    }

    /// Whether a majority of the other sites fails, each with all that it serves.
    fn sees_most_others_fail(&self, verdicts: &[State]) -> bool {
        let others = !self.standing_in.map_or(0, bit);
        let (declared, failing) = (self.declared(), self.failing(verdicts));
        let working = declared.iter().zip(failing).fold(0, |sites, (declared, failing)| sites | (declared & !failing));
        let declared = declared.into_iter().fold(0, |all, sites| all | sites) & others;
        2 * (declared & !working).count_ones() > declared.count_ones()
    }

    /// Keeps up what would take more than half of the sites of a service away that work, or did a moment ago, until it
    /// has been wanted for long enough to be believed. What fails a little later than the rest belongs to it.
    fn hold_back(&mut self, wanted: &mut [State], now: Mono) {
        self.lost.retain(|lost| now.since(lost.at) < MASS_CONFIRM);
        let (declared, fails, would_fail) = (self.declared(), self.failing(&self.agreed), self.failing(wanted));
        self.doubts.resize(declared.len(), None);
        for (service, declared) in declared.into_iter().enumerate() {
            let of = |sites: &[u64]| sites.get(service).copied().unwrap_or_default();
            let (fails, would_fail) = (of(&fails), of(&would_fail));
            let goes = would_fail & !fails;
            let lost = self.lost.iter().filter(|lost| lost.service == service);
            let lately = lost.fold(declared & !fails, |sites, lost| sites | lost.sites) & !of(&self.aside);
            let failing = (lately & would_fail).count_ones();
            let is_mass = goes != 0 && failing > 1 && 2 * failing > lately.count_ones();
            let Some(doubt) = self.doubts.get_mut(service) else { continue };
            let since = doubt.unwrap_or(now);
            *doubt = (is_mass && now.since(since) < MASS_CONFIRM).then_some(since);
            if doubt.is_some() {
                self.keep_up(service, wanted);
            } else if goes != 0 {
                self.lost.push(Lost { service, sites: goes, at: now });
            }
        }
    }

    /// No endpoint of a service goes down.
    fn keep_up(&self, service: usize, wanted: &mut [State]) {
        for ((wanted, agreed), group) in wanted.iter_mut().zip(&self.agreed).zip(&self.group_of) {
            let is_of_it = self.groups.get(*group).is_some_and(|group| group.service.get() == service);
            if is_of_it && *wanted == State::Down {
                *wanted = *agreed;
            }
        }
    }

    /// The sites of each service.
    fn declared(&self) -> Vec<u64> {
        self.by_service(self.groups.iter())
    }

    /// The sites of each service at which so few endpoints are healthy that a plan would take them out.
    fn failing(&self, states: &[State]) -> Vec<u64> {
        let mut healthy = vec![0_u32; self.groups.len()];
        for (group, state) in self.group_of.iter().zip(states) {
            if let (Some(count), true) = (healthy.get_mut(*group), *state != State::Down) {
                *count += 1;
            }
        }
        let fails = |(group, healthy): &(&Group, u32)| {
            *healthy == 0 || f64::from(*healthy) < group.floor * f64::from(group.size)
        };
        self.by_service(self.groups.iter().zip(healthy).filter(fails).map(|(group, _)| group))
    }

    /// The sites of some groups, by service.
    fn by_service<'a>(&self, groups: impl Iterator<Item = &'a Group>) -> Vec<u64> {
        let services = self.groups.iter().map(|group| group.service.get() + 1).max().unwrap_or_default();
        let mut sites = vec![0; services];
        for group in groups {
            if let Some(of_service) = sites.get_mut(group.service.get()) {
                *of_service |= bit(group.site);
            }
        }
        sites
    }
}

/// A site in a set of 64; positions beyond it do not occur ([`crate::model::SiteSet::CAPACITY`]).
const fn bit(site: SiteIx) -> u64 {
    1_u64.wrapping_shl(site.0 as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Endpoint;
    use State::{Down, Up};

    const HERE: Option<SiteIx> = Some(SiteIx(0));

    fn at(seconds: u64) -> Mono {
        Mono(Duration::from_secs(seconds))
    }

    /// One service with `each` endpoints at each of `count` sites.
    fn topology(count: u8, each: u8) -> Topology {
        let endpoint = |site: u8, host: u8| Endpoint {
            service: ServiceIx(0),
            site: SiteIx(site),
            address: [192, 0, site, host].into(),
            host: "mx.example.".parse().unwrap(),
        };
        let endpoints = (0..count).flat_map(|site| (0..each).map(move |host| endpoint(site, host)));
        Topology { endpoints: endpoints.collect(), ..Topology::default() }
    }

    /// One endpoint at each of `count` sites, all agreed to be up; the node stands in the first.
    fn council(count: u8) -> Council {
        Council::new(&topology(count, 1), HERE, vec![Up; usize::from(count)])
    }

    fn ballot(number: u64, standing_in: u8, verdicts: &[State]) -> Ballot {
        let verdicts = verdicts.to_vec();
        Ballot {
            sequence: (1, number),
            standing_in: Some(SiteIx(standing_in)),
            agreed: vec![Up; verdicts.len()],
            verdicts,
            suspects: Vec::new(),
        }
    }

    #[test]
    fn a_single_node_decides() {
        let mut council = council(3);
        assert!(council.agree(&[Up, Down, Up], Contact::Kept, at(1)));
        assert_eq!(council.agreed(), [Up, Down, Up]);
        assert!(!council.agree(&[Up, Down, Up], Contact::Kept, at(2)));
    }

    #[test]
    fn a_node_is_outvoted_by_two() {
        let mut council = council(3);
        council.hear("b", ballot(1, 1, &[Up, Up, Up]), at(1));
        council.hear("c", ballot(1, 2, &[Up, Up, Up]), at(1));
        assert!(!council.agree(&[Up, Down, Down], Contact::Kept, at(1)));
        assert_eq!(council.agreed(), [Up, Up, Up]);
    }

    #[test]
    fn an_older_ballot_never_replaces_a_newer_one() {
        let mut council = council(2);
        council.hear("b", ballot(5, 1, &[Down, Up]), at(1));
        council.hear("b", ballot(4, 1, &[Up, Up]), at(2));
        let restarted = Ballot { sequence: (2, 0), ..ballot(0, 1, &[Up, Up]) };
        council.agree(&[Down, Up], Contact::Kept, at(2));
        assert_eq!(council.agreed(), [Down, Up]);
        council.hear("b", restarted, at(3));
        council.agree(&[Up, Up], Contact::Kept, at(3));
        assert_eq!(council.agreed(), [Up, Up]);
    }

    #[test]
    fn what_another_suspects_is_looked_at_once() {
        let mut council = council(3);
        let suspicious = Ballot { suspects: vec![2], ..ballot(1, 1, &[Up, Up, Up]) };
        assert_eq!(council.hear("b", suspicious.clone(), at(1)), [2]);
        assert!(council.hear("b", Ballot { sequence: (1, 2), ..suspicious }, at(2)).is_empty());
    }

    #[test]
    fn a_node_that_is_cut_off_keeps_what_was_agreed() {
        let mut council = council(4);
        council.hear("b", ballot(1, 1, &[Up; 4]), at(1));
        council.hear("c", ballot(1, 2, &[Up; 4]), at(1));
        let cut = [Up, Down, Down, Down];
        // That the store is lost is not known yet, and the votes of the others count.
        council.agree(&cut, Contact::Kept, at(5));
        assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::None));
        assert!(council.agree(&cut, Contact::Lost, at(8)));
        assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::CutOff));
        assert!(!council.agree(&cut, Contact::Lost, at(60)));
        assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::CutOff));
        // The store is there before the others are heard, and its own endpoints are still held down by damping.
        council.agree(&cut, Contact::Kept, at(70));
        assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::CutOff));
        council.hear("b", ballot(2, 1, &[Up; 4]), at(71));
        council.hear("c", ballot(2, 2, &[Up; 4]), at(71));
        council.agree(&cut, Contact::Kept, at(71));
        assert_eq!((council.agreed(), council.seclusion()), (&[Up; 4][..], Seclusion::None));
    }

    #[test]
    fn where_the_others_are_really_gone_its_own_verdicts_decide_in_the_end() {
        let mut council = council(3);
        council.hear("b", ballot(1, 1, &[Up; 3]), at(1));
        let dead = [Up, Down, Down];
        council.agree(&dead, Contact::Lost, at(60));
        assert_eq!(council.seclusion(), Seclusion::CutOff);
        for second in 61..90 {
            council.agree(&dead, Contact::Kept, at(second));
        }
        assert_eq!((council.agreed(), council.seclusion()), (&dead[..], Seclusion::None));
    }

    #[test]
    fn alone_with_most_sites_at_work_its_own_verdicts_decide() {
        let mut council = council(4);
        council.hear("b", ballot(1, 1, &[Up; 4]), at(1));
        council.agree(&[Up, Down, Up, Up], Contact::Lost, at(60));
        assert_eq!((council.agreed(), council.seclusion()), (&[Up, Down, Up, Up][..], Seclusion::Alone));
    }

    #[test]
    fn the_failure_of_most_sites_at_once_is_believed_after_a_moment() {
        let mut council = council(3);
        assert!(!council.agree(&[Up, Down, Down], Contact::Kept, at(10)));
        assert!(council.is_in_doubt());
        assert!(!council.agree(&[Down, Down, Down], Contact::Kept, at(14)), "more of it does not begin anew");
        assert!(council.agree(&[Down, Down, Down], Contact::Kept, at(10).after(MASS_CONFIRM)));
        assert_eq!(council.agreed(), [Down; 3]);
        // A glitch of this node alone leaves no trace.
        let mut council = self::council(3);
        council.agree(&[Up, Down, Down], Contact::Kept, at(10));
        assert!(!council.agree(&[Up, Up, Up], Contact::Kept, at(11)) && !council.is_in_doubt());
    }

    #[test]
    fn a_second_site_that_fails_right_after_the_first_is_doubted() {
        let mut council = council(3);
        assert!(council.agree(&[Up, Down, Up], Contact::Kept, at(10)));
        assert!(!council.agree(&[Up, Down, Down], Contact::Kept, at(11)));
        assert!(council.is_in_doubt());
        assert!(council.agree(&[Up, Down, Down], Contact::Kept, at(11).after(MASS_CONFIRM)));
    }

    #[test]
    fn doubt_of_one_service_leaves_the_others_and_recoveries_alone() {
        let mut world = topology(3, 1);
        world.endpoints.extend(
            topology(3, 1).endpoints.into_iter().map(|endpoint| Endpoint { service: ServiceIx(1), ..endpoint }),
        );
        let mut council = Council::new(&world, None, vec![Down, Up, Up, Up, Up, Up]);
        council.agree(&[Up, Down, Down, Up, Down, Up], Contact::Kept, at(10));
        assert_eq!(council.agreed(), [Up, Up, Up, Up, Down, Up]);
        assert!(council.is_in_doubt());
        // A mass failure of the other service is doubted for a time of its own.
        council.agree(&[Up, Down, Down, Down, Down, Down], Contact::Kept, at(14));
        council.agree(&[Up, Down, Down, Down, Down, Down], Contact::Kept, at(15));
        assert_eq!(council.agreed(), [Up, Down, Down, Up, Down, Up]);
        council.agree(&[Up, Down, Down, Down, Down, Down], Contact::Kept, at(19));
        assert_eq!(council.agreed(), [Up, Down, Down, Down, Down, Down]);
    }

    #[test]
    fn a_ballot_that_is_read_again_is_no_sign_of_life() {
        let mut council = council(2);
        council.hear("b", ballot(1, 1, &[Up, Up]), at(1));
        council.hear("b", ballot(1, 1, &[Up, Up]), at(20));
        assert_eq!(council.hears("b", at(20)), None);
    }

    #[test]
    fn one_site_of_three_is_believed_at_once() {
        let mut council = council(3);
        assert!(council.agree(&[Up, Down, Up], Contact::Kept, at(10)));
        assert!(council.agree(&[Up, Down, Down], Contact::Kept, at(20)), "the second, later, too");
    }

    #[test]
    fn nodes_that_came_to_even_votes_from_different_sides_meet() {
        let mut council = Council::new(&topology(3, 1), HERE, vec![Up, Up, Down]);
        council.hear("b", ballot(1, 1, &[Up; 3]), at(1));
        council.agree(&[Up, Up, Down], Contact::Kept, at(1));
        assert_eq!(council.agreed(), [Up; 3]);
    }
}
