//! Scenarios: what a seed makes happen to a cluster over some years.

use std::fmt;
use std::time::Duration;

use waypost::model::Reach;

use crate::chance::Chance;

/// How long one scenario lasts.
pub const YEARS: u64 = 4;
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Times of trouble in a year, each with one to four faults that may overlap.
const EPISODES_OF_YEAR: u64 = 8;
/// Faults and commands of one episode begin within this time.
const EPISODE: u64 = 45_000;

/// How long the store has no majority in episodes of that alone, in milliseconds: ten minutes.
const ISLANDS: u64 = 600_000;

/// Sites, nodes and what is declared.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How many sites.
    pub sites: u8,
    /// Addresses of `mx` at each site.
    pub mx: u8,
    /// Sites, from the first, that also serve `imap`, with one address each.
    pub imap: u8,
    /// Where each node stands.
    pub nodes: Vec<Option<u8>>,
    /// The failure domain of each node, where it has one.
    pub domains: Vec<Option<u8>>,
    /// `min_sites` of both services.
    pub min_sites: usize,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A daemon crashes: its host refuses connections.
    Crash { endpoint: usize },
    /// A host is gone without a word.
    BlackHole { endpoint: usize },
    /// A daemon accepts and says nothing.
    Hang { endpoint: usize },
    /// A daemon crashes and comes back, over and over.
    Flapping { endpoint: usize, period: u64, failing: u64 },
    /// Everything at a site answers with 4xx.
    Storm { site: u8 },
    /// A site is reached slowly.
    Slow { site: u8, millis: u64 },
    /// A site is gone with all that stands in it.
    SiteLoss { site: u8 },
    /// What a node sends to a site does not arrive, or the reply does not: only this node sees it fail.
    OneWay { node: usize, site: u8 },
    /// The same for all nodes of a failure domain, but those in the site.
    Uplink { domain: u8, site: u8 },
    /// A path loses packets.
    Lossy { node: usize, site: u8, permille: u64 },
    /// A node is cut off from every other site and from the store.
    CutOff { node: usize },
    /// A node reaches all sites, but the store no more.
    NoStore { node: usize },
    /// The store answers nobody.
    StoreLoss,
    /// The store is restored from a backup that is some changes old; afterwards an operator looks after it.
    StoreBack { changes: usize },
    /// A node dies; it starts again afterwards with what it had kept.
    NodeLoss { node: usize },
    /// The wall clock of a node jumps.
    ClockStep { node: usize, seconds: i64 },
}

/// What an operator types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    pub node: usize,
    pub site: u8,
    pub service: Option<usize>,
    pub verb: Verb,
    pub force: bool,
    /// Whether it is meant for this node alone.
    pub reach: Reach,
    /// How long the order is to stand.
    pub lasts: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Drain { permille: u16 },
    Isolate,
    Pin,
    Undrain,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Fault { fault: Fault, lasts: Duration },
    Command(Command),
}

/// A deed and when it happens, since the beginning of its episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    pub episode: usize,
    pub after: Duration,
    pub deed: Deed,
}

/// Everything that a seed decides before anything happens.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub shape: Shape,
    /// When each episode begins, since the start.
    pub episodes: Vec<Duration>,
    /// In the order of episodes.
    pub acts: Vec<Act>,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let shape = shape(&mut chance);
        let count = YEARS * EPISODES_OF_YEAR;
        let mut episodes: Vec<Duration> =
            (0..count).map(|_| Duration::from_secs(chance.within(60..YEAR.as_secs() * YEARS))).collect();
        episodes.sort_unstable();
        let mut acts = Vec::new();
        for episode in 0..episodes.len() {
            episode_of(&mut chance, &shape, episode, &mut acts);
        }
        Self { seed, shape, episodes, acts }
    }

    /// The same with only some of its acts.
    pub fn keeping(&self, kept: &[usize]) -> Self {
        Self { acts: kept.iter().map(|act| self.acts[*act]).collect(), ..self.clone() }
    }
}

fn shape(chance: &mut Chance) -> Shape {
    let sites = u8::try_from(chance.within(2..5)).unwrap();
    // Where there are failure domains, most nodes may be of one that outnumbers the others without outvoting them.
    let domained = chance.is(150);
    let nodes = if domained { [3, 5, 5][chance.below(3)] } else { [1, 2, 3, 3, 3, 5][chance.below(6)] };
    let mut order: Vec<u8> = (0..sites).collect();
    let turn = chance.below(order.len());
    order.rotate_left(turn);
    let domain = |chance: &mut Chance| match chance.within(0..10) {
        0..=5 if domained => Some(0),
        6 | 7 if domained => Some(1),
        _ => None,
    };
    let domains = (0..nodes).map(|_| domain(chance)).collect();
    let standing = |ix: usize, chance: &mut Chance| (!chance.is(150)).then(|| order[ix % order.len()]);
    Shape {
        sites,
        mx: u8::try_from(chance.within(1..4)).unwrap(),
        imap: u8::try_from(chance.within(0..u64::from(sites) + 1)).unwrap(),
        nodes: (0..nodes).map(|ix| standing(ix, chance)).collect(),
        domains,
        min_sites: usize::try_from(chance.within(1..u64::from(sites))).unwrap(),
    }
}

impl Shape {
    /// How many endpoints there are: those of `mx` by site, then those of `imap`.
    pub fn endpoints(&self) -> usize {
        usize::from(self.sites) * usize::from(self.mx) + usize::from(self.imap)
    }
}

fn episode_of(chance: &mut Chance, shape: &Shape, episode: usize, acts: &mut Vec<Act>) {
    if chance.is(15) {
        islands(chance, shape, episode, acts);
        return;
    }
    let first = acts.len();
    for _ in 0..[1, 1, 2, 2, 3, 4][chance.below(6)] {
        let (fault, lasts) = fault(chance, shape);
        let after = Duration::from_millis(chance.within(0..EPISODE));
        acts.push(Act { episode, after, deed: Deed::Fault { fault, lasts } });
    }
    // Operators act when something is wrong, and two at once more often than is good.
    while chance.is(450) {
        let moment = match acts.get(first + chance.below(acts.len() - first)) {
            Some(Act { after, deed: Deed::Fault { lasts, .. }, .. }) if chance.is(500) => *after + *lasts,
            Some(act) => act.after,
            None => Duration::ZERO,
        };
        let after =
            (moment + Duration::from_millis(chance.within(0..4000))).saturating_sub(Duration::from_millis(2000));
        for _ in 0..[1, 1, 2][chance.below(3)] {
            acts.push(Act { episode, after, deed: Deed::Command(command(chance, shape)) });
        }
    }
}

/// The store loses its majority for ten minutes, in which sites fail and recover and operators act at every node.
fn islands(chance: &mut Chance, shape: &Shape, episode: usize, acts: &mut Vec<Act>) {
    let deed = Deed::Fault { fault: Fault::StoreLoss, lasts: Duration::from_millis(ISLANDS) };
    acts.push(Act { episode, after: Duration::ZERO, deed });
    for _ in 0..chance.within(1..5) {
        let endpoint = chance.below(shape.endpoints());
        let site = u8::try_from(chance.within(0..u64::from(shape.sites))).unwrap();
        let fault = match chance.within(0..5) {
            0 => Fault::Crash { endpoint },
            1 => Fault::BlackHole { endpoint },
            2 => Fault::Storm { site },
            _ => Fault::SiteLoss { site },
        };
        let after = Duration::from_millis(chance.within(0..ISLANDS));
        acts.push(Act { episode, after, deed: Deed::Fault { fault, lasts: chance.span(1_000..120_000) } });
    }
    for _ in 0..chance.within(0..6) {
        let reach = if chance.is(700) { Reach::ThisNode } else { Reach::Everywhere };
        let command = Command { reach, ..command(chance, shape) };
        let after = Duration::from_millis(chance.within(0..ISLANDS));
        acts.push(Act { episode, after, deed: Deed::Command(command) });
    }
}

fn fault(chance: &mut Chance, shape: &Shape) -> (Fault, Duration) {
    let endpoint = chance.below(shape.endpoints());
    let site = u8::try_from(chance.within(0..u64::from(shape.sites))).unwrap();
    let node = chance.below(shape.nodes.len());
    let domains: Vec<u8> = shape.domains.iter().flatten().copied().collect();
    let fault = match chance.within(0..19) {
        _ if !domains.is_empty() && chance.is(120) => {
            Fault::Uplink { domain: domains[chance.below(domains.len())], site }
        }
        0 | 1 => Fault::Crash { endpoint },
        2 => Fault::BlackHole { endpoint },
        3 => Fault::Hang { endpoint },
        4 => Fault::Flapping { endpoint, period: chance.within(2000..20_000), failing: chance.within(300..8000) },
        5 => Fault::Storm { site },
        6 => Fault::Slow { site, millis: chance.within(100..2500) },
        7..=9 => Fault::SiteLoss { site },
        10 => Fault::OneWay { node, site },
        11 => Fault::Lossy { node, site, permille: chance.within(10..600) },
        12 | 13 => Fault::CutOff { node },
        14 => Fault::NoStore { node },
        15 => Fault::StoreLoss,
        16 => Fault::NodeLoss { node },
        17 => Fault::StoreBack { changes: chance.below(4) },
        _ => Fault::ClockStep { node, seconds: i64::try_from(chance.within(0..20_000)).unwrap() - 10_000 },
    };
    (fault, chance.span(200..180_000))
}

fn command(chance: &mut Chance, shape: &Shape) -> Command {
    let services = if shape.imap > 0 { 2 } else { 1 };
    Command {
        node: chance.below(shape.nodes.len()),
        site: u8::try_from(chance.within(0..u64::from(shape.sites))).unwrap(),
        service: chance.is(300).then(|| chance.below(services)),
        verb: match chance.within(0..10) {
            0..=3 => Verb::Drain { permille: 1000 },
            4 => Verb::Drain { permille: 250 },
            5 | 6 => Verb::Isolate,
            7 => Verb::Pin,
            _ => Verb::Undrain,
        },
        force: chance.is(100),
        reach: if chance.is(100) { Reach::ThisNode } else { Reach::Everywhere },
        lasts: chance.span(5_000..14_400_000),
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "episode {} at {:7.3} s: ", self.episode, self.after.as_secs_f64())?;
        match self.deed {
            Deed::Fault { fault, lasts } => write!(f, "{fault:?} for {:.3} s", lasts.as_secs_f64()),
            Deed::Command(command) => write!(f, "{command:?}"),
        }
    }
}
