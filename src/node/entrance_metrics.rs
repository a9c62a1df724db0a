//! Metrics of who comes in through the admin API.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::admin::{Count, Tally};

/// Adds what `tally` counted to a page.
pub fn register(registry: &mut Registry, tally: &Tally) {
    let counters: Family<Vec<(&'static str, &'static str)>, Counter> = Family::default();
    registry.register("admin_access", "Sign-ins, and requests refused before they were looked at", counters.clone());
    for (count, word) in Count::ALL {
        counters.get_or_create(&vec![("outcome", word)]).inc_by(tally.counted(count));
    }
    let sessions: Gauge = Gauge::default();
    sessions.set(i64::try_from(tally.sessions()).unwrap_or(i64::MAX));
    registry.register("admin_sessions", "Sessions of the dashboard when somebody last signed in or out", sessions);
}
