//! The tables that questions are answered from: one immutable value, swapped as a whole.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::rr::RData;

use super::decision;
use super::variants::{DrawClasses, Variant, Variants};
use super::{Client, Explanation, Question, Reply};
use crate::model::{Plan, ServiceIx, Topology};
use crate::steer::Steering;
use crate::zone::{Attribution, SteeredIx, SteeredSet, Zones};

/// Zones, topology, steering and plan with the steered answers compiled.
///
/// A plan change makes a new value with [`Tables::with_plan`]; its cost goes by steered sets x views x draw classes
/// and not by the number of names.
pub struct Tables {
    attribution: Arc<Attribution>,
    steering: Arc<Steering>,
    plan: Arc<Plan>,
    /// The declared records of every steered set, by [`SteeredIx`].
    declared: Arc<[Vec<RData>]>,
    classes: DrawClasses,
    variants: Vec<Variants>,
}

/// A steered answer for one client.
pub(super) struct Steered<'t> {
    pub(super) service: ServiceIx,
    pub(super) variant: &'t Variant,
    /// The widest prefix length around the client with the same view.
    pub(super) scope: u8,
}

impl Tables {
    /// Compiles all steered answers.
    #[must_use]
    pub fn new(attribution: Arc<Attribution>, steering: Arc<Steering>, plan: Arc<Plan>) -> Self {
        let declared = declared(&attribution);
        Self::compile(attribution, steering, plan, declared)
    }

    /// The same tables under another plan.
    #[must_use]
    pub fn with_plan(&self, plan: Arc<Plan>) -> Self {
        Self::compile(Arc::clone(&self.attribution), Arc::clone(&self.steering), plan, Arc::clone(&self.declared))
    }

    fn compile(
        attribution: Arc<Attribution>,
        steering: Arc<Steering>,
        plan: Arc<Plan>,
        declared: Arc<[Vec<RData>]>,
    ) -> Self {
        let topology = &attribution.topology;
        let classes = DrawClasses::of(topology, &plan);
        let variants = attribution
            .steered
            .iter()
            .zip(declared.iter())
            .map(|(set, declared)| {
                Variants::compile(set, declared, topology, &steering, &plan, classes.cuts(set.service))
            })
            .collect();
        Self { attribution, steering, plan, declared, classes, variants }
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

    /// The steered set at `ix`.
    pub(super) fn steered_set(&self, ix: SteeredIx) -> Option<&SteeredSet> {
        self.attribution.steered.get(ix.get())
    }

    /// The declared records of the steered set at `ix`.
    pub(super) fn declared(&self, ix: SteeredIx) -> &[RData] {
        self.declared.get(ix.get()).map_or(&[], Vec::as_slice)
    }

    /// The compiled answer of a steered set for a client at `location`.
    pub(super) fn steer(&self, ix: SteeredIx, location: IpAddr, draw: u16) -> Option<Steered<'_>> {
        let service = self.steered_set(ix)?.service;
        let (view, scope) = self.steering.view(service, location);
        let class = self.classes.class(service, draw);
        let variant = self.variants.get(ix.get())?.get(view.0.into(), class)?;
        Some(Steered { service, variant, scope })
    }
}

/// The records of every steered set, from any of the RRsets that share it.
fn declared(attribution: &Attribution) -> Arc<[Vec<RData>]> {
    let mut declared = vec![Vec::new(); attribution.steered.len()];
    let sets = attribution.zones.iter().flat_map(|zone| zone.nodes()).flat_map(crate::zone::Node::rrsets);
    for set in sets {
        if let Some(slot) = set.steered.and_then(|ix| declared.get_mut(ix.get()))
            && slot.is_empty()
        {
            slot.clone_from(&set.rdata);
        }
    }
    declared.into()
}
