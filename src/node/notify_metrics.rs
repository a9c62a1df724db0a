//! Metrics of notifications and hooks.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::notifying::Board;

type Labels = Vec<(&'static str, String)>;

/// Adds what `board` counted to a page.
pub fn register(registry: &mut Registry, board: &Board) {
    let told: Family<Labels, Counter> = Family::default();
    let waiting: Family<Labels, Gauge> = Family::default();
    let runs: Family<Labels, Counter> = Family::default();
    let notes = board.notes();
    for target in &notes.targets {
        let (name, state) = (target.declared().name.clone(), target.state());
        for (outcome, count) in [("delivered", state.delivered), ("failed", state.failed), ("dropped", state.dropped)] {
            told.get_or_create(&vec![("target", name.clone()), ("outcome", outcome.to_owned())]).inc_by(count);
        }
        waiting.get_or_create(&vec![("target", name)]).set(i64::try_from(state.waiting).unwrap_or(i64::MAX));
    }
    for ((hook, outcome), count) in &notes.runs {
        runs.get_or_create(&vec![("hook", hook.clone()), ("outcome", outcome.label().to_owned())]).inc_by(*count);
    }
    let help = "Deliveries to a target, tries that failed, and notifications that were given up";
    registry.register("notifications", help, told);
    registry.register("notifications_waiting", "Notifications that wait for a target", waiting);
    registry.register("hook_runs", "Runs of a hook by what came of them", runs);
}
