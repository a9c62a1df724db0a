//! From verdicts and orders to the plan, and from the plan to what is served and told.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::engine::Engine;
use super::loading::Loaded;
use super::picture::Picture;
use super::retired::Burden;
use super::status::wall_of;
use crate::answer::Tables;
use crate::model::{
    EndpointHealth, EventKind, Generation, Naming, OrdersTag, Plan, SiteOutcome, SiteSet, State, Topology, Trouble,
};
use crate::plan::{self, Spill};
use crate::zone::Zones;

/// How long other nodes take to follow an order, where they can be reached.
const FOLLOW: Duration = Duration::from_secs(2);

impl Engine {
    /// A service or site that was not answered for since the start may have been before, under this name or another:
    /// caches are given the longest time that they may hold such an answer. Not at the very first start.
    pub(super) fn presume_named(&self) {
        if self.picture.plan.generation.epoch <= 1 {
            return;
        }
        let now = self.parts.clock.mono();
        for service in &self.picture.topology.services {
            for site in &service.sites {
                self.parts.usage.presume(&service.name, self.picture.topology.site_name(*site), now.after(service.ttl));
            }
        }
    }

    /// Other nodes have named a site until they followed as well, which takes them a moment: caches are given the time that they
    /// may hold such an answer, whether this node gave any or not.
    fn presume_others_named(&self, before: &[SiteSet]) {
        if !self.peers.is_shared() {
            return;
        }
        let until = |ttl| self.parts.clock.mono().after(FOLLOW).after(ttl);
        for ((service, before), named) in
            self.picture.topology.services.iter().zip(before).zip(self.picture.named.iter())
        {
            for site in service.sites.iter().filter(|site| before.contains(**site) && !named.contains(**site)) {
                let site = self.picture.topology.site_name(*site);
                self.parts.usage.presume_elsewhere(&service.name, site, until(service.ttl));
            }
        }
    }

    /// Makes a plan from what is known now and serves it if it says anything new.
    pub(super) fn replan(&mut self) {
        self.judge();
        self.watch_drill();
        let plan = self.make_plan();
        if !plan.same_outcome(&self.picture.plan) {
            let plan = Arc::new(plan);
            let tables = self.parts.tables.load().with_plan(Arc::clone(&plan));
            self.swap(plan, tables);
            self.note_moments();
        }
        self.publish();
        self.judge_connection();
        self.tell_doubt();
    }

    pub(super) fn make_plan(&mut self) -> Plan {
        let previous = self.picture.plan.generation;
        let intents = self.intents();
        let mut plan = plan::make(plan::Inputs {
            topology: &self.picture.topology,
            health: &self.picture.health,
            intents: &intents,
            generation: Generation { sequence: previous.sequence + 1, ..previous },
        });
        self.spill.apply(&self.picture.topology, &mut plan);
        self.caps = self.ttl_caps(self.parts.clock.mono());
        plan::capped(&self.picture.topology, plan, &self.caps)
    }

    /// Full sites have to send on other shares than they do.
    pub(super) fn spill_over(&mut self, topology: &Arc<Topology>, spill: Spill) {
        // Positions of another topology mean something else.
        if Arc::ptr_eq(topology, &self.picture.topology) && spill.is_news_to(&self.spill) {
            self.spill = spill;
            self.replan();
        }
    }

    /// Puts `tables` in place of the present ones, unless those are of a later plan (RELIABILITY I2: compared at the
    /// moment of the swap).
    /// Gives what was served until then.
    pub(super) fn swap(&mut self, plan: Arc<Plan>, tables: Tables) -> Arc<Tables> {
        let before = std::mem::take(&mut self.picture.named);
        self.picture.named = self.picture.topology.services().map(|(service, _)| tables.named_sites(service)).collect();
        self.presume_others_named(&before);
        let tables = Arc::new(tables);
        let served = self.parts.tables.rcu(|present| {
            if plan.generation.replaces(present.plan().generation) { Arc::clone(&tables) } else { Arc::clone(present) }
        });
        self.parts.history.planned(self.parts.clock.wall(), &self.picture.topology, &plan);
        self.tell_plan(&plan);
        self.picture.plan = plan;
        served
    }

    /// Journals what `plan`, which is served in place of the one of the picture, means for the sites.
    fn tell_plan(&mut self, plan: &Plan) {
        let (topology, generation) = (Arc::clone(&self.picture.topology), plan.generation);
        let mut sites = plan::outcomes(&topology, plan, &self.picture.named);
        let before = std::mem::replace(&mut self.outcomes, sites.clone());
        if self.picture.plan.services.is_empty() {
            let troubles = troubles(&topology, &self.picture.health);
            self.parts.journal.record(EventKind::Surveyed { generation, sites, troubles });
            return;
        }
        let changes = plan::changes(&topology, &self.picture.plan, plan);
        let is_like = |site: &SiteOutcome, before: &SiteOutcome| site.is_like(before);
        let mut was = before.iter();
        sites.retain(|site| !was.next().is_some_and(|before| is_like(site, before)));
        if changes.is_empty() && sites.is_empty() {
            debug!(%generation, "new plan, the same sites");
            return;
        }
        for site in &mut sites {
            self.tell_drained_by(site);
        }
        self.parts.journal.record(EventKind::Plan { generation, changes, sites });
    }

    /// Says when caches have let go of what `site` lost.
    fn tell_drained_by(&self, site: &mut SiteOutcome) {
        let now = self.parts.clock.mono();
        let until = match site.named {
            Naming::LeftOut => self.parts.usage.drained_by(&site.service, &site.site),
            // What of the site is still named keeps its own time fresh; what is not ends with the longest answer there is.
            Naming::Named if site.usable < site.addresses => {
                let service = self.picture.topology.service_named(&site.service);
                let ttl = service.and_then(|ix| self.picture.topology.service(ix)).map(|service| service.ttl);
                let known = self.parts.usage.drained_by(&site.service, &site.site);
                known.map(|known| ttl.map_or(known, |ttl| known.min(now.after(ttl))))
            }
            Naming::Named => None,
        };
        site.drained_by = until.map(|until| wall_of(self.parts.clock, until));
    }

    /// Has freed what is not served any more.
    pub(super) fn retire(&self, tables: Arc<Tables>, zones: &Zones, others: [Burden; 4]) {
        let (attribution, finder) = (Arc::clone(tables.attribution()), Arc::clone(tables.finder()));
        let all = [tables as Burden, attribution, finder].into_iter().chain(zones.shared()).chain(others);
        for burden in all {
            // A node that is stopping frees it here.
            let _ = self.parts.retired.send(burden);
        }
    }
}

/// The picture of `loaded` before anything is known of health.
pub(super) fn first_picture(loaded: &Loaded, generation: Generation) -> Picture {
    let topology = Arc::new(loaded.attribution.topology.clone());
    Picture {
        settings: Arc::clone(&loaded.settings),
        topology,
        zones: Arc::new(loaded.attribution.zones.clone()),
        roster: Arc::clone(&loaded.roster),
        troubles: loaded.troubles.as_slice().into(),
        marks: Arc::clone(&loaded.marks),
        signed: Arc::clone(&loaded.signed),
        geo: loaded.geo.clone(),
        health: Arc::from([]),
        orders: Arc::from([]),
        orders_tag: OrdersTag::default(),
        plan: Arc::new(Plan { generation, services: Vec::new(), endpoints: Vec::new() }),
        named: Arc::from([]),
        degradations: Arc::default(),
        cluster: None,
        drill: None,
    }
}

/// The plan before anything is known of health: everything declared serves.
pub(super) fn first_plan(topology: &Topology, generation: Generation) -> Arc<Plan> {
    let unjudged = EndpointHealth {
        state: State::Unknown,
        suspect: false,
        reason: String::new(),
        since: jiff::Timestamp::UNIX_EPOCH,
    };
    let health = vec![unjudged; topology.endpoints.len()];
    Arc::new(plan::make(plan::Inputs { topology, health: &health, intents: &[], generation }))
}

/// The endpoints of `topology` that are not well by `health`.
fn troubles(topology: &Topology, health: &[EndpointHealth]) -> Vec<Trouble> {
    let judged = topology.endpoints.iter().zip(health);
    let ill = judged.filter(|(_, health)| matches!(health.state, State::Deferring | State::Down));
    ill.map(|(endpoint, health)| Trouble {
        service: topology.service(endpoint.service).map(|service| service.name.clone()).unwrap_or_default(),
        site: topology.site_name(endpoint.site).to_owned(),
        address: endpoint.address,
        state: health.state,
    })
    .collect()
}
