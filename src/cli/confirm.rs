//! Whether an order is meant: a yes for what does little harm, the name of the site for what does more.

use super::exit::Failure;
use super::output::Output;
use crate::admin::api::words::plain;
use crate::admin::api::{ServiceStatus, Status};
use crate::model::{IntentKind, Scope, Share, Standing};

/// What was said on the command line.
pub(super) struct Said<'a> {
    /// `--yes`
    pub(super) yes: bool,
    /// `--confirm=SITE`
    pub(super) confirm: Option<&'a str>,
}

impl Said<'_> {
    /// Whether it is enough for an order about `site` with these reasons to be careful, without a word more.
    pub(super) fn suffices(&self, site: &str, severe: &[String]) -> Result<bool, Failure> {
        match self.confirm {
            Some(named) if named == site => Ok(true),
            Some(named) => Err(Failure::Unconfirmed {
                detail: format!("--confirm names {}, and the order is about {}", plain(named), plain(site)),
                remedy: format!("--confirm={} if {} is meant", plain(site), plain(site)),
            }),
            None => Ok(self.yes && severe.is_empty()),
        }
    }
}

/// Asks, where there is somebody to ask. `what` is the order, as the beginning of a sentence.
pub(super) fn confirm(output: &Output, site: &str, severe: &[String], what: &str) -> Result<(), Failure> {
    for reason in severe {
        output.progress(&format!("careful: {}", plain(reason)));
    }
    match (output.can_ask(), severe.is_empty()) {
        (true, true) => output.ask(&format!("{what}?")),
        (true, false) => output.ask_for_name(&format!("{what}?"), site),
        (false, true) => Err(Failure::Unconfirmed {
            detail: "there is no terminal to ask on, and nothing was changed".to_owned(),
            remedy: "say --yes".to_owned(),
        }),
        (false, false) => Err(Failure::Unconfirmed {
            detail: "this order needs the name of its site, and nothing was changed".to_owned(),
            remedy: format!("say --confirm={}", plain(site)),
        }),
    }
}

/// Why an order must not be given by mistake, a sentence each; empty for one that can be taken back without harm.
pub(super) fn severe(status: &Status, scope: &Scope, kind: IntentKind, force: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if kind == IntentKind::Isolate {
        reasons.push(format!("{scope} is not used any more, not even as a last resort"));
    }
    if force {
        reasons.push("safety rules are overridden".to_owned());
    }
    if matches!(kind, IntentKind::Isolate | IntentKind::Drain { share: Share::ALL }) {
        let about = |service: &&ServiceStatus| scope.service.as_ref().is_none_or(|name| *name == service.name);
        reasons.extend(status.services.iter().filter(about).filter_map(|service| left(service, &scope.site)));
    }
    reasons
}

/// What is left of `service` without `site`, where that is a single site or none.
fn left(service: &ServiceStatus, site: &str) -> Option<String> {
    let serves = |standing| matches!(standing, Standing::Serving | Standing::Deferring);
    let in_service = || service.sites.iter().filter(|site| serves(site.standing)).map(|site| site.name.as_str());
    if !in_service().any(|name| name == site) {
        return None;
    }
    let others: Vec<&str> = in_service().filter(|name| *name != site).collect();
    match others.as_slice() {
        [] => Some(format!("{} is left without a site in service", service.name)),
        [last] => Some(format!("{last} is left as the last site of {}", service.name)),
        _ => None,
    }
}
