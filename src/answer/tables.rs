//! The tables that questions are answered from: one immutable value, swapped as a whole.

use std::net::IpAddr;
use std::sync::Arc;

use super::decision;
use super::variants::{Shapes, Variant, Variants};
use super::{Client, Explanation, Finder, Question, Reply};
use crate::model::{Plan, ServiceIx, SiteSet, Topology};
use crate::steer::{Steering, ViewIx};
use crate::zone::{Attribution, SteeredIx, SteeredSet, Zones};

/// Zones, topology, steering and plan with the steered answers compiled.
///
/// A plan change makes a new value with [`Tables::with_plan`]. Its cost goes by services x sites x views: what is
/// selected is compiled once for all steered sets with the same endpoints, whatever their names.
pub struct Tables {
    attribution: Arc<Attribution>,
    steering: Arc<Steering>,
    plan: Arc<Plan>,
    variants: Variants,
    finder: Arc<Finder>,
}

/// A steered answer for one client.
pub(super) struct Steered<'t> {
    pub(super) service: ServiceIx,
    pub(super) variant: &'t Variant,
    /// The widest prefix length around the client with the same view.
    pub(super) scope: u8,
    /// Which view that is.
    pub(super) view: ViewIx,
}

/// Which of the compiled answers of a steered set a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Tells the answers of this set under this plan apart.
    pub number: u32,
    /// The client's view.
    pub view: ViewIx,
}

impl Tables {
    /// Compiles all steered answers.
    #[must_use]
    pub fn new(attribution: Arc<Attribution>, steering: Arc<Steering>, plan: Arc<Plan>) -> Self {
        let shapes = Arc::new(Shapes::of(&attribution.steered));
        let variants = Variants::compile(shapes, &attribution.topology, &steering, &plan);
        let finder = Arc::new(Finder::new(&attribution.zones));
        Self { attribution, steering, plan, variants, finder }
    }

    /// The same tables under another plan.
    #[must_use]
    pub fn with_plan(&self, plan: Arc<Plan>) -> Self {
        let shapes = Arc::clone(self.variants.shapes());
        let variants = Variants::compile(shapes, self.topology(), &self.steering, &plan);
        let (attribution, steering) = (Arc::clone(&self.attribution), Arc::clone(&self.steering));
        Self { attribution, steering, plan, variants, finder: Arc::clone(&self.finder) }
    }

    /// The names of all zones.
    #[must_use]
    pub const fn finder(&self) -> &Arc<Finder> {
        &self.finder
    }

    /// Which of the compiled answers of a steered set a client at `location` gets.
    #[must_use]
    pub fn choose(&self, ix: SteeredIx, location: IpAddr, draw: u16) -> Option<Choice> {
        let service = self.steered_set(ix)?.service;
        let view = self.steering.view_only(service, location);
        let number = self.variants.number(ix.get(), service, view.0.into(), draw)?;
        Some(Choice { number, view })
    }

    /// The scope of an answer of a steered set (RFC 7871 section 7.2.1): the widest prefix length around `location` with the
    /// same view.
    #[must_use]
    pub fn scope(&self, ix: SteeredIx, location: IpAddr) -> u8 {
        self.steered_set(ix).map_or(0, |set| self.steering.view(set.service, location).1)
    }

    /// Answers `question` for `client`. Pure; `draw` is a number below 1000, new for every query.
    #[must_use]
    pub fn decide(&self, question: &Question, client: &Client, draw: u16) -> Reply<'_> {
        decision::decide(self, question, client, draw)
    }

    /// Why `client` gets the answer it gets, in plain words.
    #[must_use]
    pub fn explain(&self, question: &Question, client: &Client, draw: u16) -> Explanation {
        super::explain::explain(self, question, client, draw)
    }

    /// The zones.
    #[must_use]
    pub fn zones(&self) -> &Zones {
        &self.attribution.zones
    }

    /// Sites, services, monitors and endpoints.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.attribution.topology
    }

    /// Zones, topology and steered sets as they were loaded together.
    #[must_use]
    pub const fn attribution(&self) -> &Arc<Attribution> {
        &self.attribution
    }

    /// Where clients are and which site order follows.
    #[must_use]
    pub const fn steering(&self) -> &Arc<Steering> {
        &self.steering
    }

    /// The plan that the answers follow.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Whether `ix` is the addresses of a host of one site: see [`SteeredSet::host_of`].
    #[must_use]
    pub fn is_host(&self, ix: SteeredIx) -> bool {
        self.steered_set(ix).is_some_and(|set| set.host_of.is_some())
    }

    /// The sites that answers of `service` name now, whoever asks: by last resort too, where one RRset has nothing else.
    #[must_use]
    pub fn named_sites(&self, service: ServiceIx) -> SiteSet {
        self.variants.named_sites(service)
    }

    /// The steered set at `ix`.
    pub(super) fn steered_set(&self, ix: SteeredIx) -> Option<&SteeredSet> {
        self.attribution.steered.get(ix.get())
    }

    /// The compiled answer of a steered set for a client at `location`.
    pub(super) fn steer(&self, ix: SteeredIx, location: IpAddr, draw: u16) -> Option<Steered<'_>> {
        let service = self.steered_set(ix)?.service;
        let (view, scope) = self.steering.view(service, location);
        let variant = self.variants.get(ix.get(), service, view.0.into(), draw)?;
        Some(Steered { service, variant, scope, view })
    }
}
