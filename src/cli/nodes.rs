//! How the nodes stand together: the lines of `status` and the table of `status --nodes`.

use comfy_table::{Cell, Color};
use jiff::Timestamp;

use super::table::{Page, table};
use crate::admin::api::unison::{
    connection, connection_shape, heard, in_step, local_orders, orders, place, plan, troubles, version,
};
use crate::admin::api::words::{moment, plain};
use crate::admin::api::{ClusterStatus, NodeStatus, Status};
use crate::model::Connection;

/// What is wrong between the nodes, a line each, or that nothing is.
pub(super) fn lines(cluster: &ClusterStatus, now: Timestamp) -> Vec<String> {
    let troubles = troubles(cluster, now);
    let said = if troubles.is_empty() { vec![in_step(cluster)] } else { troubles };
    said.iter().map(|line| plain(line)).collect()
}

/// The nodes for people.
pub(super) fn render(status: &Status, page: Page) -> String {
    let Some(cluster) = &status.cluster else {
        return plain(&format!(
            "{} is the only node by its configuration: [state] names no store that others share",
            status.node
        ));
    };
    let rows = cluster.nodes.iter().map(row).collect();
    let header = ["NODE", "SITE", "CONNECTION", "HEARD", "ORDERS", "PLAN", "VERSION", "LOCAL ORDERS"];
    let seen = plain(&format!("as {} sees it at {}", status.node, moment(status.time)));
    format!("{}\n{seen}\n\n{}", lines(cluster, status.time).join("\n"), table(page, &header, rows))
}

/// The names of the nodes.
pub(super) fn names(status: &Status) -> Vec<String> {
    let cluster = status.cluster.as_ref().map(|cluster| cluster.nodes.iter().map(|node| node.name.clone()).collect());
    cluster.unwrap_or_else(|| vec![status.node.clone()])
}

fn row(node: &NodeStatus) -> Vec<Cell> {
    let text = |words: &str| Cell::new(plain(words));
    let plan = if node.diverges { text(&plan(node)).fg(Color::Red) } else { text(&plan(node)) };
    vec![
        text(&node.name),
        text(&place(node)),
        text(&format!("{} {}", connection_shape(node), connection(node))).fg(colour(node)),
        text(&heard(node)),
        text(&orders(node)),
        plan,
        text(&version(node)),
        text(&local_orders(node)),
    ]
}

const fn colour(node: &NodeStatus) -> Color {
    match (node.fresh, node.connection) {
        (true, Connection::Connected) => Color::Green,
        (true, Connection::StoreLost) => Color::Yellow,
        (false, _) | (true, Connection::Alone | Connection::CutOff) => Color::Red,
    }
}
