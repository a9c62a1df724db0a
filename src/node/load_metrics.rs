//! Metrics of demand, load and capacity.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as Metric;
use prometheus_client::registry::Registry;

use super::demand::{Gauge, demands};
use super::picture::Picture;
use crate::answer::Tables;
use crate::model::{ServiceIx, SiteSet};
use crate::plan::{Demand, Forecast, Moment, forecast};

/// What sites carry as of late and at the peak of the day, under the plan in force.
pub struct Load {
    now: Share,
    peak: Share,
}

/// Demand and what it comes to.
struct Share {
    demands: Vec<Demand>,
    forecast: Forecast,
}

impl Load {
    /// As measured by `gauge`.
    #[must_use]
    pub fn of(picture: &Picture, tables: &Tables, gauge: &Gauge) -> Self {
        let rates = gauge.rates();
        let at = |moment| {
            let demands = demands(&picture.topology, tables, &rates, moment);
            let forecast = forecast(&picture.topology, &picture.plan, &demands, SiteSet::EMPTY);
            Share { demands, forecast }
        };
        Self { now: at(Moment::Now), peak: at(Moment::Peak) }
    }

    /// Adds its figures to a page.
    pub fn register(&self, registry: &mut Registry, picture: &Picture) {
        let loads = [
            ("site_load", "What a site carries as of late, in the unit of its capacity", &self.now),
            ("site_peak_load", "What a site carries at the peak of the last day, under the plan in force", &self.peak),
        ];
        for (name, help, share) in loads {
            let sites = picture.topology.sites.iter().zip(&share.forecast.sites);
            family(registry, name, help, "site", sites.map(|(site, load)| (site.name.clone(), load.load)));
        }
        let bounded = picture.topology.sites.iter().filter_map(|site| Some((site.name.clone(), float(site.capacity?))));
        family(registry, "site_capacity", "What a site can carry, where it says", "site", bounded);
        let demands = [
            ("service_demand", "What is asked of a service as of late", &self.now),
            ("service_peak_demand", "What is asked of a service at the peak of the last day", &self.peak),
        ];
        for (name, help, share) in demands {
            let of = |ix: ServiceIx| share.demands.iter().filter(move |demand| demand.service == ix);
            let services = picture.topology.services();
            let sums = services.map(|(ix, service)| (service.name.clone(), of(ix).map(|demand| demand.amount).sum()));
            family(registry, name, help, "service", sums);
        }
        let unplaced = |ix: ServiceIx| {
            let views = self.now.demands.iter().zip(&self.now.forecast.views);
            views.filter(|(demand, _)| demand.service == ix).map(|(_, view)| view.unplaced).sum()
        };
        let services = picture.topology.services().map(|(ix, service)| (service.name.clone(), unplaced(ix)));
        family(registry, "service_unplaced_demand", "What of it no site has room for", "service", services);
    }
}

fn family(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: impl Iterator<Item = (String, f64)>,
) {
    let gauges: Family<Vec<(&'static str, String)>, Metric<f64, AtomicU64>> = Family::default();
    registry.register(name, help, gauges.clone());
    for (of, value) in values {
        gauges.get_or_create(&vec![(label, of)]).set(value);
    }
}

/// Exact below 2^53.
#[allow(clippy::cast_precision_loss)]
const fn float(capacity: u64) -> f64 {
    capacity as f64
}
