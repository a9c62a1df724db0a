//! The frame around every page: where one is, how the node does, as of when, and who is looking.

use super::assets;
use super::mark::Mark;
use crate::admin::Caller;
use crate::admin::api::{SiteStatus, Status};
use crate::admin::unison::troubles;
use crate::admin::words::moment;
use crate::model::{Remit, Role, Standing, State, Tier};

/// A page of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum Screen {
    Overview,
    /// A site; not in the navigation.
    Site,
    Timeline,
    Nodes,
    Explain,
    WhatIf,
    Zones,
    /// Signing in or out; not in the navigation.
    SignIn,
    /// A problem instead of a page.
    Refusal,
}

/// An entry of the navigation.
pub(in crate::admin) struct Entry {
    pub(in crate::admin) path: &'static str,
    pub(in crate::admin) name: &'static str,
    pub(in crate::admin) is_current: bool,
}

/// What the layout shows on every page.
pub(in crate::admin) struct Frame {
    pub(in crate::admin) title: String,
    pub(in crate::admin) entries: Vec<Entry>,
    /// Who is looking; `None` where nobody has said who they are.
    pub(in crate::admin) viewer: Option<Viewer>,
    /// Where to come back to after signing in.
    pub(in crate::admin) back: String,
    pub(in crate::admin) styles: [String; 2],
    pub(in crate::admin) script: String,
    pub(in crate::admin) icon: String,
    /// How the node does; `None` where who is looking may not know, or nothing hangs on it.
    pub(in crate::admin) node: Option<NodeState>,
}

/// Who is looking, and what they may do.
pub(in crate::admin) struct Viewer {
    pub(in crate::admin) name: String,
    pub(in crate::admin) role: Role,
    remit: Remit,
    /// What the form to sign out repeats; `None` for who has no session to leave.
    pub(in crate::admin) csrf: Option<String>,
}

/// How the node does, and as of when.
pub(in crate::admin) struct NodeState {
    pub(in crate::admin) name: String,
    pub(in crate::admin) version: String,
    pub(in crate::admin) generation: String,
    pub(in crate::admin) last_event: u64,
    pub(in crate::admin) time: String,
    pub(in crate::admin) mood: Mark,
    pub(in crate::admin) verdict: String,
}

impl Frame {
    /// The frame of `screen` as the node stands now; `title` says what is on it.
    pub(in crate::admin) fn new(
        status: &Status,
        screen: Screen,
        title: impl Into<String>,
        caller: Option<&Caller>,
    ) -> Self {
        let node = NodeState {
            name: status.node.clone(),
            version: status.version.clone(),
            generation: status.generation.to_string(),
            last_event: status.last_event,
            time: moment(status.time),
            mood: mood(status),
            verdict: status.verdict.clone(),
        };
        let viewer = caller.and_then(|caller| {
            let csrf = caller.csrf().map(ToOwned::to_owned);
            Some(Viewer { name: caller.name.clone(), role: caller.role?, remit: caller.remit.clone(), csrf })
        });
        Self { node: Some(node), viewer, ..Self::bare(screen, title) }
    }

    /// The frame of `screen` without a word about the node: for whoever may not know more.
    pub(in crate::admin) fn bare(screen: Screen, title: impl Into<String>) -> Self {
        const ENTRIES: [(Screen, &str, &str); 6] = [
            (Screen::Overview, "/", "Overview"),
            (Screen::Timeline, "/timeline", "Timeline"),
            (Screen::Nodes, "/nodes", "Nodes"),
            (Screen::Explain, "/explain", "Explain"),
            (Screen::WhatIf, "/whatif", "What-if"),
            (Screen::Zones, "/zones", "Zones"),
        ];
        let entry = |(of, path, name)| Entry { path, name, is_current: of == screen };
        Self {
            title: title.into(),
            entries: ENTRIES.into_iter().map(entry).collect(),
            viewer: None,
            back: ENTRIES.into_iter().find(|(of, _, _)| *of == screen).map_or("/", |(_, path, _)| path).to_owned(),
            styles: [assets::address("operator.css"), assets::address("live.css")],
            script: assets::address("operator.js"),
            icon: assets::address("icon.svg"),
            node: None,
        }
    }

    /// Why who is looking may not order anything about `site`; `None` if they may.
    pub(in crate::admin) fn why_not_order(&self, site: &str) -> Option<String> {
        match &self.viewer {
            None => Some("sign in as an operator to order".to_owned()),
            Some(viewer) if viewer.role < Role::Operator => {
                Some(format!("the role {} may look and not order; an operator can", viewer.role))
            }
            Some(viewer) if !viewer.remit.holds(site) => Some(format!("you may order about {} only", viewer.remit)),
            Some(_) => None,
        }
    }
}

/// The worst that any service is in, in two words.
pub(super) fn mood(status: &Status) -> Mark {
    const WELL: Mark = Mark { class: "serving", shape: "●", word: "all well" };
    const ATTENTION: Mark = Mark { class: "deferring", shape: "◐", word: "needs attention" };
    const FAILING: Mark = Mark { class: "down", shape: "✕", word: "failing" };
    let worst = status.services.iter().map(|service| service.tier).max();
    let serves = |site: &SiteStatus| {
        site.standing == Standing::Serving
            && !site.is_pinned_against_health()
            && site.endpoints.iter().all(|endpoint| endpoint.state != State::Down)
    };
    let all_serve = status.services.iter().flat_map(|service| &service.sites).all(serves);
    let in_step = status.cluster.iter().all(|cluster| troubles(cluster, status.time).is_empty());
    match worst {
        Some(Tier::Declared | Tier::Isolated) => FAILING,
        Some(Tier::Drained | Tier::Deferring) => ATTENTION,
        _ if !status.ready => FAILING,
        _ if all_serve && status.degradations.is_empty() && in_step => WELL,
        _ => ATTENTION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Channel;
    use crate::admin::status_samples::{endpoint, service, site, status};
    use crate::model::State;

    #[test]
    fn the_mood_is_that_of_the_worst_service_in_shape_and_word() {
        let of = |tier, standing| {
            let mut status = status(vec![service("mx", vec![site("fra", standing, vec![endpoint(State::Up)])])]);
            status.services[0].tier = tier;
            let mood = mood(&status);
            (mood.shape, mood.word)
        };
        assert_eq!(of(Tier::Serving, Standing::Serving), ("●", "all well"));
        assert_eq!(of(Tier::Serving, Standing::Drained), ("◐", "needs attention"));
        assert_eq!(of(Tier::Drained, Standing::Drained), ("◐", "needs attention"));
        assert_eq!(of(Tier::Declared, Standing::Down), ("✕", "failing"));
        let not_ready = Status { ready: false, ..status(vec![]) };
        assert_eq!(mood(&not_ready).word, "failing");
    }

    #[test]
    fn who_may_not_order_is_told_why() {
        let why = |role: Option<Role>, remit: Remit| {
            let channel = Channel::Tcp { peer: "127.0.0.1".parse().unwrap() };
            let caller = Caller { role, remit, ..Caller::anonymous(channel) };
            Frame::new(&status(vec![]), Screen::Overview, "Overview", Some(&caller)).why_not_order("fra")
        };
        let sites = |site: &str| Remit::Sites([site.to_owned()].into());
        assert!(why(None, Remit::Everywhere).is_some_and(|why| why.contains("sign in")));
        assert!(why(Some(Role::Viewer), Remit::Everywhere).is_some_and(|why| why.contains("role viewer")));
        assert!(why(Some(Role::Operator), sites("iad")).is_some_and(|why| why.contains("iad only")));
        assert_eq!(why(Some(Role::Operator), sites("fra")), None);
        assert_eq!(why(Some(Role::Admin), Remit::Everywhere), None);
    }

    #[test]
    fn one_page_is_current_and_none_where_it_has_no_entry() {
        let current = |screen| {
            let frame = Frame::bare(screen, "x");
            frame.entries.iter().filter(|entry| entry.is_current).map(|entry| entry.path).collect::<Vec<_>>()
        };
        assert_eq!(current(Screen::Zones), ["/zones"]);
        assert_eq!(current(Screen::Site), [""; 0]);
    }
}
