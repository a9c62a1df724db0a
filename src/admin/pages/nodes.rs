//! `GET /nodes`: how the nodes stand together.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Html;

use super::frame::{Frame, Screen};
use super::mark::Mark;
use super::page;
use crate::admin::api::{ClusterStatus, NodeStatus, Status};
use crate::admin::router::Shared;
use crate::admin::words::plain;
use crate::admin::{Caller, Problem, unison};

/// `GET /nodes`
pub(super) async fn nodes(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
) -> Result<Html<String>, Problem> {
    let caller = caller.map(|Extension(caller)| caller);
    page(&Nodes::new(&shared.control.status(), caller.as_ref()))
}

#[derive(Template)]
#[template(path = "nodes.html", config = "dashboards/operator/askama.toml")]
struct Nodes {
    frame: Frame,
    /// `None` for a node that is alone by configuration.
    together: Option<Together>,
}

/// The nodes of a cluster.
struct Together {
    /// What is wrong between them, a sentence each.
    discord: Vec<String>,
    /// All of it in a line where nothing is wrong.
    in_step: String,
    nodes: Vec<Row>,
}

struct Row {
    name: String,
    place: String,
    connection: Mark,
    heard: String,
    orders: String,
    plan: String,
    diverges: bool,
    version: String,
    local_orders: String,
}

impl Nodes {
    fn new(status: &Status, caller: Option<&Caller>) -> Self {
        Self {
            frame: Frame::new(status, Screen::Nodes, "Nodes", caller),
            together: status.cluster.as_ref().map(|cluster| Together::new(cluster, status)),
        }
    }
}

impl Together {
    fn new(cluster: &ClusterStatus, status: &Status) -> Self {
        let troubles = unison::troubles(cluster, status.time);
        Self {
            discord: troubles.iter().map(|trouble| plain(trouble)).collect(),
            in_step: unison::in_step(cluster),
            nodes: cluster.nodes.iter().map(Row::new).collect(),
        }
    }
}

impl Row {
    fn new(node: &NodeStatus) -> Self {
        Self {
            name: plain(&node.name),
            place: plain(&unison::place(node)),
            connection: Mark::from(node),
            heard: unison::heard(node),
            orders: unison::orders(node),
            plan: plain(&unison::plan(node)),
            diverges: node.diverges,
            version: plain(&unison::version(node)),
            local_orders: plain(&unison::local_orders(node)),
        }
    }
}
