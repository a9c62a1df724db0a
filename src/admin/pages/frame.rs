//! The frame around every page: where one is, how the node does, as of when, and who is looking.

use super::assets;
use super::mark::Mark;
use crate::admin::Caller;
use crate::admin::api::Status;
use crate::admin::unison::troubles;
use crate::admin::words::moment;
use crate::model::{Role, Standing, Tier};

/// A page of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    Overview,
    /// A site; not in the navigation.
    Site,
    Timeline,
    Nodes,
    Explain,
    WhatIf,
    Zones,
    /// Where one signs in; not in the navigation.
    Login,
    /// A problem instead of a page.
    Refusal,
}

/// An entry of the navigation.
pub(super) struct Entry {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) is_current: bool,
}

/// What the layout shows on every page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) entries: Vec<Entry>,
    /// Name and role of who is looking; `None` where nobody has signed in.
    pub(super) viewer: Option<(String, Role)>,
    pub(super) styles: [String; 2],
    pub(super) script: String,
    pub(super) icon: String,
    /// How the node does; `None` where who is looking may not know, or nothing hangs on it.
    pub(super) node: Option<NodeState>,
}

/// How the node does, and as of when.
pub(super) struct NodeState {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) generation: String,
    pub(super) last_event: u64,
    pub(super) time: String,
    pub(super) mood: Mark,
    pub(super) verdict: String,
}

impl Frame {
    /// The frame of `screen` as the node stands now; `title` says what is on it.
    pub(super) fn new(status: &Status, screen: Screen, title: impl Into<String>, caller: Option<&Caller>) -> Self {
        let node = NodeState {
            name: status.node.clone(),
            version: status.version.clone(),
            generation: status.generation.to_string(),
            last_event: status.last_event,
            time: moment(status.time),
            mood: mood(status),
            verdict: status.verdict.clone(),
        };
        let viewer = caller.and_then(|caller| Some((caller.name.clone(), caller.role?)));
        Self { node: Some(node), viewer, ..Self::bare(screen, title) }
    }

    /// The frame of `screen` without a word about the node: for whoever may not know more.
    pub(super) fn bare(screen: Screen, title: impl Into<String>) -> Self {
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
            styles: [assets::address("operator.css"), assets::address("live.css")],
            script: assets::address("operator.js"),
            icon: assets::address("icon.svg"),
            node: None,
        }
    }

    /// Why who is looking may not order anything; `None` if they may.
    pub(super) fn why_not_order(&self) -> Option<&'static str> {
        match self.viewer {
            Some((_, role)) if role >= Role::Operator => None,
            Some(_) => Some("your role may look and not order; an operator can"),
            None => Some("sign in as an operator to order"),
        }
    }
}

/// The worst that any service is in, in two words.
pub(super) fn mood(status: &Status) -> Mark {
    const WELL: Mark = Mark { class: "serving", shape: "●", word: "all well" };
    const ATTENTION: Mark = Mark { class: "deferring", shape: "◐", word: "needs attention" };
    const FAILING: Mark = Mark { class: "down", shape: "✕", word: "failing" };
    let worst = status.services.iter().map(|service| service.tier).max();
    let all_serve =
        status.services.iter().flat_map(|service| &service.sites).all(|site| site.standing == Standing::Serving);
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
        let frame = |role: Option<Role>| {
            let channel = Channel::Tcp { peer: "127.0.0.1".parse().unwrap() };
            let caller = Caller { name: "alice".into(), role, channel };
            Frame::new(&status(vec![]), Screen::Overview, "Overview", Some(&caller)).why_not_order()
        };
        assert!(frame(None).is_some_and(|why| why.contains("sign in")));
        assert!(frame(Some(Role::Viewer)).is_some_and(|why| why.contains("role")));
        assert_eq!(frame(Some(Role::Operator)), None);
        assert_eq!(frame(Some(Role::Admin)), None);
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
