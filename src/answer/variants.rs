//! The answers of steered sets, compiled for every view and draw class.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use hickory_proto::rr::RData;

use crate::model::{EndpointIx, Plan, ServiceIx, SiteIx, SiteSet, Tier, Topology};
use crate::steer::{self, Selection, Steering};
use crate::zone::SteeredSet;

/// One answer of a shape.
#[derive(Clone, Debug)]
pub(super) struct Variant(Selection);

impl Variant {
    /// The selected ones of `declared`, never none: a selection that picks nothing, or what is not declared, gives all
    /// of them, because no fault of steering may empty an answer (invariant I1).
    pub(super) fn pick<'d>(&self, declared: Cow<'d, [RData]>) -> Cow<'d, [RData]> {
        let picked: Vec<RData> = self
            .0
            .picks
            .iter()
            .filter_map(|pick| {
                let rdata = declared.get(usize::from(pick.member))?;
                Some(pick.preference.map_or_else(|| rdata.clone(), |preference| preferred(rdata, preference)))
            })
            .collect();
        if picked.is_empty() { declared } else { Cow::Owned(picked) }
    }

    /// TTL in seconds.
    pub(super) const fn ttl(&self) -> u32 {
        self.0.ttl
    }

    /// The sites that the answer names.
    pub(super) const fn sites(&self) -> SiteSet {
        self.0.sites
    }

    /// The resort that was used.
    pub(super) const fn tier(&self) -> Tier {
        self.0.tier
    }

    /// Whether nothing was usable, so that the declared RRset is served.
    pub(super) const fn last_resort(&self) -> bool {
        self.0.last_resort
    }
}

/// `rdata` with another MX preference or SRV priority.
fn preferred(rdata: &RData, preference: u16) -> RData {
    let mut rdata = rdata.clone();
    match &mut rdata {
        RData::MX(mx) => mx.preference = preference,
        RData::SRV(srv) => srv.priority = preference,
        _ => {}
    }
    rdata
}

/// The steered sets by shape: what is selected hangs on the endpoints behind the records and not on their names.
///
/// Ten thousand domains made from one template have ten thousand steered sets where the template names hosts relative
/// to the origin, and still one shape: that is why a plan change costs the same for one domain as for all of them.
#[derive(Debug)]
pub(super) struct Shapes {
    /// One steered set of every shape.
    examples: Vec<SteeredSet>,
    /// Position in `examples` by [`crate::zone::SteeredIx`].
    of_set: Vec<usize>,
}

impl Shapes {
    /// The shapes of all steered sets.
    pub(super) fn of(sets: &[SteeredSet]) -> Self {
        type Key<'s> = (ServiceIx, u16, u32, Option<SiteIx>, Vec<(&'s [EndpointIx], u16)>);
        let mut known: HashMap<Key<'_>, usize> = HashMap::new();
        let mut shapes = Self { examples: Vec::new(), of_set: Vec::with_capacity(sets.len()) };
        for set in sets {
            let members = set.members.iter().map(|member| (member.endpoints.as_slice(), member.preference));
            let key = (set.service, u16::from(set.rtype), set.ttl, set.host_of, members.collect());
            let shape = *known.entry(key).or_insert_with(|| {
                shapes.examples.push(set.clone());
                shapes.examples.len() - 1
            });
            shapes.of_set.push(shape);
        }
        shapes
    }
}

/// The answers of all shapes under one plan.
#[derive(Debug)]
pub(super) struct Variants {
    shapes: Arc<Shapes>,
    /// The lower bounds of the draw classes by service, ascending from 0.
    cuts: Vec<Vec<u16>>,
    /// Parallel to the shapes' examples.
    answers: Vec<Answers>,
}

/// All answers of one shape. Views and classes mostly agree, so that each distinct answer is kept once.
#[derive(Debug)]
struct Answers {
    distinct: Vec<Variant>,
    /// Position in `distinct` by view and class: `view * classes + class`.
    by_view: Vec<usize>,
}

impl Variants {
    /// Compiles all shapes for all views of their services and all draw classes.
    pub(super) fn compile(shapes: Arc<Shapes>, topology: &Topology, steering: &Steering, plan: &Plan) -> Self {
        let cuts: Vec<_> = topology.services().map(|(service, _)| steer::draw_cuts(topology, plan, service)).collect();
        let compile = |set: &SteeredSet| {
            let mut answers = Answers { distinct: Vec::new(), by_view: Vec::new() };
            for (_, order) in steering.views(set.service) {
                for &cut in cuts.get(set.service.get()).into_iter().flatten() {
                    let selection = steer::select(set, topology, plan, order, cut);
                    let known = answers.distinct.iter().position(|variant| variant.0 == selection);
                    answers.by_view.push(known.unwrap_or(answers.distinct.len()));
                    if known.is_none() {
                        answers.distinct.push(Variant(selection));
                    }
                }
            }
            answers
        };
        let answers = shapes.examples.iter().map(compile).collect();
        Self { shapes, cuts, answers }
    }

    /// The sites that any answer of `service` names, for whatever client and draw; those of hosts of one site left out.
    pub(super) fn named_sites(&self, service: ServiceIx) -> SiteSet {
        let of_service = self
            .shapes
            .examples
            .iter()
            .zip(&self.answers)
            .filter(|(set, _)| set.service == service && set.host_of.is_none());
        let variants = of_service.flat_map(|(_, answers)| &answers.distinct);
        variants.fold(SiteSet::EMPTY, |sites, variant| sites.union(variant.sites()))
    }

    /// The shapes, to compile them for another plan.
    pub(super) const fn shapes(&self) -> &Arc<Shapes> {
        &self.shapes
    }

    /// The answer of the steered set at `set` of `service`, for a view (by its position among the service's views)
    /// and a draw below 1000.
    pub(super) fn get(&self, set: usize, service: ServiceIx, view: usize, draw: u16) -> Option<&Variant> {
        let (answers, ix) = self.locate(set, service, view, draw)?;
        answers.distinct.get(ix)
    }

    /// The position of the same answer among those of its shape.
    pub(super) fn number(&self, set: usize, service: ServiceIx, view: usize, draw: u16) -> Option<u32> {
        self.locate(set, service, view, draw).and_then(|(_, ix)| u32::try_from(ix).ok())
    }

    fn locate(&self, set: usize, service: ServiceIx, view: usize, draw: u16) -> Option<(&Answers, usize)> {
        let cuts = self.cuts.get(service.get())?;
        let class = cuts.partition_point(|cut| *cut <= draw).saturating_sub(1);
        let answers = self.answers.get(*self.shapes.of_set.get(set)?)?;
        answers.by_view.get(view * cuts.len() + class).map(|ix| (answers, *ix))
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::zone::Member;

    #[test]
    fn domains_that_differ_in_names_only_share_a_shape() {
        let set = |service: u16, endpoint: u32| SteeredSet {
            host_of: None,
            service: ServiceIx(service),
            rtype: RecordType::MX,
            ttl: 60,
            members: vec![Member { endpoints: vec![EndpointIx(endpoint)], preference: 10 }],
        };
        let mut sets = vec![set(0, 1); 1000];
        sets.extend([set(0, 2), set(1, 1), set(0, 1)]);
        let shapes = Shapes::of(&sets);
        assert_eq!(shapes.examples, [set(0, 1), set(0, 2), set(1, 1)]);
        assert_eq!(shapes.of_set[999..], [0, 1, 2, 0]);
    }

    #[test]
    fn a_selection_that_makes_no_sense_empties_no_answer() {
        let declared = [RData::A(std::net::Ipv4Addr::new(192, 0, 2, 1).into())];
        for picks in [vec![], vec![steer::Pick { member: 7, preference: None }]] {
            let sites = SiteSet::EMPTY;
            let variant = Variant(Selection { picks, ttl: 30, tier: Tier::Serving, sites, last_resort: false });
            assert_eq!(*variant.pick(Cow::Borrowed(&declared)), declared);
        }
    }
}
