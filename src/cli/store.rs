//! `store`: what the store that the nodes share holds beside what a node knows, and an operator's word that a store which
//! went back is to be gone on with.

use std::collections::{BTreeMap, BTreeSet};

use clap::Subcommand;
use comfy_table::Cell;

use super::client::Node;
use super::document::AsSent;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::{Page, table};
use crate::admin::api::words::plain;
use crate::admin::api::{StoreAccept, StoreAccepted, StoreStatus};

/// Between the scope of an order in a list and what is ordered.
const AFTER_SCOPE: &str = ": ";

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Show the orders that the node knows beside those that the store holds; changes nothing
    Status,
    /// Go on with a store that went back: restored from a backup, emptied or replaced
    Accept(Accept),
    /// Take a node out of the cluster that is there no more, so that no order waits for it
    Forget {
        /// Its name
        #[arg(value_name = "NODE")]
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Accept {
    /// Write the orders that this node knows into the store, instead of following those that the store holds
    #[arg(long)]
    keep_known: bool,
    /// Do not ask; without a terminal nothing is accepted otherwise
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn store(node: &Node, output: &Output, command: Store) -> Result<Exit, Failure> {
    match command {
        Store::Status => status(node, output).await,
        Store::Accept(arguments) => accept(node, output, &arguments).await,
        Store::Forget { name } => {
            node.delete("/api/v1/nodes", &name).await?;
            output.progress(&format!("{} is forgotten; a node of that name that starts is known again", plain(&name)));
            Ok(Exit::Done)
        }
    }
}

async fn status(node: &Node, output: &Output) -> Result<Exit, Failure> {
    let document: serde_json::Value = node.look_up("/api/v1/store", &[]).await?;
    let status: StoreStatus = serde_json::from_value(document.clone())
        .map_err(|error| Failure::Fault(format!("the node's answer cannot be read: {error}")))?;
    let names = status.known_orders.clone();
    output.show(&AsSent { document, names }, |_| vec![aimed(node, &render(&status, output.page()))])?;
    // What the node knows is shown all the same; a script hears that the store itself was not reached, or went back.
    Ok(match (status.went_back, &status.found) {
        (true, _) => Exit::Negative,
        (false, None) => Exit::Unreachable,
        (false, Some(_)) => Exit::Done,
    })
}

async fn accept(node: &Node, output: &Output, arguments: &Accept) -> Result<Exit, Failure> {
    let Accept { keep_known, yes } = *arguments;
    if !yes {
        let status: StoreStatus = node.look_up("/api/v1/store", &[]).await?;
        if let Some(accepted) = nothing_to_accept(&status)? {
            return tell(output, &accepted, keep_known);
        }
        for line in aimed(node, &render(&status, Page::PLAIN)).lines() {
            output.progress(line);
        }
        if !output.can_ask() {
            return Err(Failure::Unconfirmed {
                detail: "there is no terminal to ask on, and nothing was changed".to_owned(),
                remedy: "say --yes".to_owned(),
            });
        }
        output
            .ask(if keep_known { "Write what this node knows into the store?" } else { "Follow what the store holds?" })
            .await?;
    }
    let accepted: StoreAccepted = node.post("/api/v1/store/accept", &StoreAccept { keep_known }).await?;
    tell(output, &accepted, keep_known)
}

/// The outcome without asking the node for it, where the store did not go back.
fn nothing_to_accept(status: &StoreStatus) -> Result<Option<StoreAccepted>, Failure> {
    match (&status.found, status.went_back) {
        (_, true) => Ok(None),
        (Some(found), false) => {
            Ok(Some(StoreAccepted { schema: StoreAccepted::SCHEMA.to_owned(), changed: false, orders: *found }))
        }
        (None, false) => Err(Failure::Unreachable {
            detail: "the store cannot be read, so there is nothing to accept".to_owned(),
            remedy: status.trouble.clone().unwrap_or_else(|| "look at the status: waypost status".to_owned()),
        }),
    }
}

fn tell(output: &Output, accepted: &StoreAccepted, keep_known: bool) -> Result<Exit, Failure> {
    output.show(accepted, |_| vec![told(accepted, keep_known)])?;
    Ok(Exit::Done)
}

/// What is said of an acceptance.
fn told(accepted: &StoreAccepted, keep_known: bool) -> String {
    let orders = accepted.orders;
    match (accepted.changed, keep_known) {
        (false, _) => format!("unchanged: the store did not go back, orders {orders} stand"),
        (true, true) => format!("accepted: the store holds what this node knew, as orders {orders}"),
        (true, false) => format!("accepted: the nodes follow what the store holds, as orders {orders}"),
    }
}

/// `text` with its commands as they lead to this node.
fn aimed(node: &Node, text: &str) -> String {
    let command = "waypost store accept";
    text.replace(command, &node.typed(command))
}

/// The store for people.
fn render(status: &StoreStatus, page: Page) -> String {
    let found = status.found.map_or_else(|| "cannot be read".to_owned(), |found| found.to_string());
    let mut rows = vec![vec![Cell::new("orders"), Cell::new(status.known), Cell::new(found)]];
    for (scope, (known, found)) in side_by_side(status) {
        let said = |order: Option<&str>| Cell::new(order.map_or_else(|| "-".to_owned(), plain));
        let found = if status.found.is_some() { said(found) } else { Cell::new("?") };
        rows.push(vec![Cell::new(plain(scope)), said(known), found]);
    }
    let mut parts = Vec::new();
    if let Some(trouble) = &status.trouble {
        parts.push(plain(trouble));
    }
    let header = format!("STORE ({})", plain(&status.kind));
    parts.push(table(page, &[&header, "THIS NODE KNOWS", "THE STORE HOLDS"], rows));
    if status.went_back {
        parts.push(format!(
            "waypost store accept               {}\nwaypost store accept --keep-known  {}",
            consequence(status, false),
            consequence(status, true)
        ));
    } else if status.trouble.is_none() {
        parts.push("nothing is wrong with it, and nothing is to be accepted".to_owned());
    }
    parts.join("\n\n")
}

/// What accepting the store would do.
fn consequence(status: &StoreStatus, keep_known: bool) -> String {
    let (what, place, from, to) = if keep_known {
        let what = "writes the orders that this node knows into the store";
        (what, "in the store", &status.found_orders, &status.known_orders)
    } else {
        ("follows the orders that the store holds", "on this node", &status.known_orders, &status.found_orders)
    };
    let (before, after) = (by_scope(from), by_scope(to));
    let changed = |order: Option<&str>| order.map_or_else(|| "no longer ordered".to_owned(), ToOwned::to_owned);
    let differs = |scope: &&str| before.get(*scope) != after.get(*scope);
    let scopes: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let changes: Vec<String> = scopes
        .into_iter()
        .filter(differs)
        .map(|scope| format!("{scope}{AFTER_SCOPE}{}", changed(after.get(scope).copied())))
        .collect();
    let comes_to = if changes.is_empty() { format!("no order changes {place}") } else { changes.join("; ") };
    plain(&format!("{what} ({comes_to})"))
}

/// Every scope with what is known and what was found of it.
fn side_by_side(status: &StoreStatus) -> BTreeMap<&str, (Option<&str>, Option<&str>)> {
    let mut both: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for (scope, order) in by_scope(&status.known_orders) {
        both.entry(scope).or_default().0 = Some(order);
    }
    for (scope, order) in by_scope(&status.found_orders) {
        both.entry(scope).or_default().1 = Some(order);
    }
    both
}

/// `fra: drain until lifted` as what is ordered for `fra`.
fn by_scope(orders: &[String]) -> BTreeMap<&str, &str> {
    orders.iter().map(|order| order.split_once(AFTER_SCOPE).unwrap_or((order, ""))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OrdersVersion;

    fn went_back() -> StoreStatus {
        StoreStatus {
            schema: StoreStatus::SCHEMA.into(),
            kind: "etcd".into(),
            went_back: true,
            known: OrdersVersion { epoch: 3, revision: 17 },
            known_orders: vec!["fra: drain until lifted".into(), "iad/mx: pin until 2026-05-01T12:00:00Z".into()],
            found: Some(OrdersVersion { epoch: 3, revision: 2 }),
            found_orders: vec!["iad/mx: drain 25% until lifted".into(), "nrt: isolate until lifted\u{1b}[2J".into()],
            trouble: Some("the store that the nodes share went back".into()),
        }
    }

    fn lines(status: &StoreStatus) -> Vec<String> {
        let shown = render(status, Page::PLAIN);
        shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn what_is_known_and_what_is_held_stand_side_by_side_by_scope() {
        assert_eq!(
            lines(&went_back()),
            [
                "the store that the nodes share went back",
                "",
                "STORE (etcd) THIS NODE KNOWS THE STORE HOLDS",
                "orders 3.17 3.2",
                "fra drain until lifted -",
                "iad/mx pin until 2026-05-01T12:00:00Z drain 25% until lifted",
                "nrt - isolate until lifted\\u{1b}[2J",
                "",
                "waypost store accept follows the orders that the store holds (fra: no longer ordered; iad/mx: drain 25% \
                 until lifted; nrt: isolate until lifted\\u{1b}[2J)",
                "waypost store accept --keep-known writes the orders that this node knows into the store (fra: drain \
                 until lifted; iad/mx: pin until 2026-05-01T12:00:00Z; nrt: no longer ordered)",
            ]
        );
    }

    #[test]
    fn a_store_that_is_well_or_cannot_be_read_is_said_to_be_so() {
        let well = StoreStatus { went_back: false, trouble: None, ..went_back() };
        assert_eq!(lines(&well).last().unwrap(), "nothing is wrong with it, and nothing is to be accepted");
        let gone = StoreStatus {
            went_back: false,
            found: None,
            found_orders: vec![],
            trouble: Some("it does not answer".into()),
            ..went_back()
        };
        let shown = lines(&gone);
        assert_eq!(shown[0], "it does not answer");
        assert!(shown.contains(&"orders 3.17 cannot be read".to_owned()), "{shown:?}");
        assert!(shown.contains(&"fra drain until lifted ?".to_owned()), "{shown:?}");
        assert!(!shown.iter().any(|line| line.contains("accept")), "nothing can be accepted unseen: {shown:?}");
    }

    #[test]
    fn the_outcome_says_whose_orders_stand() {
        let accepted = |changed| StoreAccepted {
            schema: StoreAccepted::SCHEMA.into(),
            changed,
            orders: OrdersVersion { epoch: 4, revision: 3 },
        };
        assert_eq!(told(&accepted(true), false), "accepted: the nodes follow what the store holds, as orders 4.3");
        assert_eq!(told(&accepted(true), true), "accepted: the store holds what this node knew, as orders 4.3");
        assert!(told(&accepted(false), true).starts_with("unchanged: "));
    }
}
