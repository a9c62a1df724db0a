//! Whether an order is meant: a yes for what does little harm, the name of the site for what does more.

use super::exit::Failure;
use super::output::Output;
use crate::admin::api::words::plain;

/// What was said on the command line.
pub(super) struct Said<'a> {
    /// `--yes`
    pub(super) yes: bool,
    /// `--confirm=SITE`
    pub(super) confirm: Option<&'a str>,
}

impl Said<'_> {
    /// Whether `site` is named, which is enough for any order about it.
    pub(super) fn names(&self, site: &str) -> Result<bool, Failure> {
        match self.confirm {
            Some(named) if named == site => Ok(true),
            Some(named) => Err(Failure::Unconfirmed {
                detail: format!("--confirm names {}, and the order is about {}", plain(named), plain(site)),
                remedy: format!("--confirm={} if {} is meant", plain(site), plain(site)),
            }),
            None => Ok(false),
        }
    }
}

/// Asks, where there is somebody to ask. `what` is the order, as the beginning of a sentence.
pub(super) async fn confirm(output: &Output, site: &str, severe: &[String], what: &str) -> Result<(), Failure> {
    for reason in severe {
        output.progress(&format!("careful: {}", plain(reason)));
    }
    match (output.can_ask(), severe.is_empty()) {
        (true, true) => output.ask(&format!("{what}?")).await,
        (true, false) => output.ask_for_name(&format!("{what}?"), site).await,
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
