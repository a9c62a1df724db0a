//! Metrics of drills.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::picture::Picture;
use crate::drill::Shelf;
use crate::model::{Drill, DrillOutcome};

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// Adds what is known of drills.
pub fn register(registry: &mut Registry, shelf: &Shelf, picture: &Picture) {
    let (running, last, success) = (Gauges::default(), Gauges::default(), Gauges::default());
    let ended: Family<Labels, Counter> = Family::default();
    registry.register(
        "drill_running",
        "1 for each site that a drill has taken out, by whichever node",
        running.clone(),
    );
    registry.register("drills", "Drills that this node ran, by outcome", ended.clone());
    registry.register("drill_last_outcome", "1 for the outcome of a site's last drill, 0 for the others", last.clone());
    let help = "When a site's last successful drill was over, in seconds since 1970; 0 before the first";
    registry.register("drill_last_success_timestamp_seconds", help, success.clone());
    for site in &picture.topology.sites {
        let site = || ("site", site.name.clone());
        running.get_or_create(&vec![site()]).set(0.0);
        success.get_or_create(&vec![site()]).set(0.0);
        for outcome in DrillOutcome::ALL {
            last.get_or_create(&vec![site(), ("outcome", outcome.as_str().to_owned())]).set(0.0);
        }
    }
    for order in picture.orders.iter().filter(|order| order.intent.drill.is_some()) {
        running.get_or_create(&vec![("site", order.intent.scope.site.clone())]).set(1.0);
    }
    let counts = shelf.ended();
    for outcome in DrillOutcome::ALL {
        let count = counts.get(&outcome).copied().unwrap_or_default();
        ended.get_or_create(&vec![("outcome", outcome.as_str().to_owned())]).inc_by(count);
    }
    let history = shelf.history();
    // The newest last, so that it has the last word.
    for (drill, outcome) in history.drills().filter(|drill| drill.state.is_over()).filter_map(with_outcome) {
        for word in DrillOutcome::ALL {
            let labels = vec![("site", drill.scope.site.clone()), ("outcome", word.as_str().to_owned())];
            last.get_or_create(&labels).set(if word == outcome { 1.0 } else { 0.0 });
        }
        if let Some(at) = drill.ended.filter(|_| outcome == DrillOutcome::Succeeded) {
            success.get_or_create(&vec![("site", drill.scope.site.clone())]).set(at.as_duration().as_secs_f64());
        }
    }
}

fn with_outcome(drill: &Drill) -> Option<(&Drill, DrillOutcome)> {
    drill.state.outcome().map(|(outcome, _)| (drill, outcome))
}
