//! The answers of one steered set, compiled for every view and draw class.

use hickory_proto::rr::RData;

use crate::model::{Plan, ServiceIx, SiteSet, Tier, Topology};
use crate::steer::{self, Selection, Steering};
use crate::zone::SteeredSet;

/// One answer of a steered set.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    selection: Selection,
    rdata: Vec<RData>,
}

impl Variant {
    /// The selected records, never none.
    pub(super) fn rdata(&self) -> &[RData] {
        &self.rdata
    }

    /// TTL in seconds.
    pub(super) const fn ttl(&self) -> u32 {
        self.selection.ttl
    }

    /// The sites that the answer names.
    pub(super) const fn sites(&self) -> SiteSet {
        self.selection.sites
    }

    /// The resort that was used.
    pub(super) const fn tier(&self) -> Tier {
        self.selection.tier
    }

    /// Whether nothing was usable, so that the declared RRset is served.
    pub(super) const fn last_resort(&self) -> bool {
        self.selection.last_resort
    }

    /// The records of `selection`. One that selects nothing, or what was not declared, is answered with the declared
    /// RRset: no fault of steering may empty an answer (invariant I1).
    fn compile(selection: Selection, declared: &[RData]) -> Self {
        let picked: Vec<RData> = selection
            .picks
            .iter()
            .filter_map(|pick| {
                let rdata = declared.get(usize::from(pick.member))?;
                Some(pick.preference.map_or_else(|| rdata.clone(), |preference| preferred(rdata, preference)))
            })
            .collect();
        let rdata = if picked.is_empty() { declared.to_vec() } else { picked };
        Self { selection, rdata }
    }
}

/// `rdata` with another preference; only MX has one to change.
fn preferred(rdata: &RData, preference: u16) -> RData {
    let mut rdata = rdata.clone();
    if let RData::MX(mx) = &mut rdata {
        mx.preference = preference;
    }
    rdata
}

/// All answers of one steered set. Views and classes mostly agree, so that each distinct answer is kept once.
#[derive(Clone, Debug, Default)]
pub(super) struct Variants {
    distinct: Vec<Variant>,
    /// Position in `distinct` by view and class: `view * classes + class`.
    by_view: Vec<usize>,
    classes: usize,
}

impl Variants {
    /// Compiles `set`, whose records are `declared`, for all views of its service and all draw classes in `cuts`.
    pub(super) fn compile(
        set: &SteeredSet,
        declared: &[RData],
        topology: &Topology,
        steering: &Steering,
        plan: &Plan,
        cuts: &[u16],
    ) -> Self {
        let mut all = Self { distinct: Vec::new(), by_view: Vec::new(), classes: cuts.len() };
        for (_, order) in steering.views(set.service) {
            for &cut in cuts {
                let selection = steer::select(set, topology, plan, order, cut);
                let known = all.distinct.iter().position(|variant| variant.selection == selection);
                all.by_view.push(known.unwrap_or(all.distinct.len()));
                if known.is_none() {
                    all.distinct.push(Variant::compile(selection, declared));
                }
            }
        }
        all
    }

    /// The answer for a view (by its position among the service's views) and draw class.
    pub(super) fn get(&self, view: usize, class: usize) -> Option<&Variant> {
        if class >= self.classes {
            return None;
        }
        self.by_view.get(view * self.classes + class).and_then(|ix| self.distinct.get(*ix))
    }
}

/// The draw classes of all services.
#[derive(Clone, Debug, Default)]
pub(super) struct DrawClasses(Vec<Vec<u16>>);

impl DrawClasses {
    /// The classes under `plan`.
    pub(super) fn of(topology: &Topology, plan: &Plan) -> Self {
        Self(topology.services().map(|(service, _)| steer::draw_cuts(topology, plan, service)).collect())
    }

    /// The lower bounds of the classes of `service`, ascending from 0.
    pub(super) fn cuts(&self, service: ServiceIx) -> &[u16] {
        self.0.get(service.get()).map_or(&[0], Vec::as_slice)
    }

    /// The class that `draw` falls into.
    pub(super) fn class(&self, service: ServiceIx, draw: u16) -> usize {
        self.cuts(service).partition_point(|cut| *cut <= draw).saturating_sub(1)
    }
}
