//! `status --plugin`: one line as Nagios, Icinga and their like read it.

use std::process::ExitCode;

use super::arguments::Global;
use super::client::Node;
use super::exit::Failure;
use super::output::Output;
use crate::admin::api::unison::troubles;
use crate::admin::api::words::plain;
use crate::admin::api::{ServiceStatus, SiteStatus, Status};
use crate::model::{Connection, Standing, Tier};

/// How a plugin ends (Monitoring Plugins Development Guidelines).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Asks the node, says one line, and ends as plugins do; whatever goes wrong is UNKNOWN.
pub(super) async fn plugin(global: &Global, output: &Output) -> Result<ExitCode, Failure> {
    let asked = async { Node::find(global)?.get::<Status>("/api/v1/status", &[]).await };
    let (state, line) = match asked.await {
        Ok(status) => judged(&status),
        Err(failure) => {
            let said = failure.to_string();
            let first = said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            (State::Unknown, format!("WAYPOST UNKNOWN - {}", first.replace('|', "/")))
        }
    };
    output.line(&line)?;
    Ok(ExitCode::from(state as u8))
}

fn judged(status: &Status) -> (State, String) {
    let state = state(status);
    // A bar would begin the figures.
    let said = plain(&status.verdict).replace('|', "/");
    (state, format!("WAYPOST {} - {said} | {}", state.word(), figures(status)))
}

/// Critical where a service has fewer sites than it must or answers by last resort, or the node is cut off; a warning where
/// anything is not as it should be. What was ordered is as it should be, but for a pin that has a dead site answered.
fn state(status: &Status) -> State {
    let service = |service: &ServiceStatus| {
        let ails = |site: &SiteStatus| {
            matches!(site.standing, Standing::Down | Standing::Deferring) || site.is_pinned_against_health()
        };
        let down = service.sites.iter().any(ails);
        match () {
            () if service.tier > Tier::Deferring || in_service(service) < service.min_sites => State::Critical,
            () if down => State::Warning,
            () => State::Ok,
        }
    };
    let cluster = status.cluster.as_ref().map_or(State::Ok, |cluster| match cluster.connection {
        Connection::CutOff | Connection::Alone => State::Critical,
        _ if troubles(cluster, status.time).is_empty() => State::Ok,
        _ => State::Warning,
    });
    let held = status.orders.iter().any(|order| order.next.as_ref().is_some_and(|next| next.held.is_some()));
    let rest = if held || !status.degradations.is_empty() { State::Warning } else { State::Ok };
    status.services.iter().map(service).chain([cluster, rest]).max().unwrap_or(State::Ok)
}

fn in_service(service: &ServiceStatus) -> usize {
    service.sites.iter().filter(|site| site.works()).count()
}

/// `'mx_in_service'=2;;1:;0;3`: value, no warning, the least that is not critical, the bounds.
fn figures(status: &Status) -> String {
    let services = status.services.iter().map(|service| {
        let name = service.name.replace(['\'', '=', '|'], "_");
        format!("'{name}_in_service'={};;{}:;0;{}", in_service(service), service.min_sites, service.sites.len())
    });
    let counts = [
        ("orders", status.orders.len()),
        ("degraded", status.degradations.len()),
        ("zones", status.zone_count.max(status.zones.len())),
    ];
    services.chain(counts.map(|(name, count)| format!("{name}={count};;;0"))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::status;
    use super::*;
    use crate::model::State as Health;

    #[test]
    fn a_line_begins_with_the_state_and_ends_with_figures() {
        let mut status = status();
        let (state, line) = judged(&status);
        assert_eq!(state, State::Warning);
        assert_eq!(
            line,
            "WAYPOST WARNING - 1 of 3 sites is down | 'mx_in_service'=1;;1:;0;3 orders=1;;;0 degraded=1;;;0 zones=0;;;0"
        );
        status.verdict = "a | b\u{1b}".into();
        assert!(judged(&status).1.starts_with("WAYPOST WARNING - a / b\\u{1b} | "));
    }

    #[test]
    fn a_pin_that_has_a_dead_site_answered_is_no_reason_to_be_calm() {
        let mut status = status();
        status.degradations.clear();
        for site in &mut status.services[0].sites {
            (site.standing, site.health) = (Standing::Serving, Health::Up);
        }
        assert_eq!(state(&status), State::Ok);
        status.services[0].sites[0].health = Health::Down;
        assert_eq!(state(&status), State::Warning, "pinned");
        assert!(figures(&status).starts_with("'mx_in_service'=2;;1:;0;3"), "{}", figures(&status));
        for site in &mut status.services[0].sites {
            site.health = Health::Down;
        }
        assert_eq!(state(&status), State::Critical, "nobody works");
    }

    #[test]
    fn what_was_ordered_is_ok_and_what_is_missing_critical() {
        let mut status = status();
        status.degradations.clear();
        let back = &mut status.services[0].sites[2];
        (back.standing, back.health) = (Standing::Serving, Health::Up);
        assert_eq!(state(&status), State::Ok, "a drain is meant");
        status.services[0].sites[1].standing = Standing::Deferring;
        assert_eq!(state(&status), State::Warning);
        status.services[0].min_sites = 3;
        assert_eq!(state(&status), State::Critical);
        status.services[0].min_sites = 1;
        status.services[0].tier = Tier::Drained;
        assert_eq!(state(&status), State::Critical, "by last resort");
    }
}
