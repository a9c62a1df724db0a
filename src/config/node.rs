//! `[node]` and `[state]`: this process and its memory.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Severity;
use super::defaults::{NAME_OCTETS, NODE_LISTEN, STATE_PATH};
use super::etcd;
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use super::words::quoted;
use super::xdp;
use crate::model::{NodeSettings, Site, SiteIx, StateSettings, XdpSettings};

/// Where orders are kept.
#[derive(Clone, Copy)]
enum Store {
    /// In a file of this node's own.
    Embedded,
    /// With all other nodes.
    Etcd,
}

const STORES: [(&str, Store); 2] = [("embedded", Store::Embedded), ("etcd", Store::Etcd)];

/// `[node]`. `listen` defaults to port 53 of every address of the machine.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>, sites: &Roster) -> NodeSettings {
    let Some(table) = reader.section(root, "node") else {
        if root.get("node").is_none() {
            let remedy = "add [node] and below it name = \"fra-ns1\"";
            reader.whole_file(Severity::Error, "no [node]", "[node] with the name of this node", remedy);
        }
        return NodeSettings {
            name: String::new(),
            site: None,
            failure_domain: None,
            listen: Vec::new(),
            xdp: XdpSettings::default(),
        };
    };
    reader.allow(&table, &["name", "site", "failure_domain", "listen", "xdp", "xdp_mode"]);
    let name = reader.required(&table, "name", "unique among all nodes", "\"fra-ns1\"");
    let name = name.and_then(|value| node_name(reader, &value)).unwrap_or_default();
    let site = table.get("site").and_then(|value| sites.resolve(reader, &value)).and_then(site_ix);
    let failure_domain = table.get("failure_domain").and_then(|value| failure_domain(reader, &value));
    let listen = match table.get("listen") {
        Some(value) => listen(reader, &value),
        None => NODE_LISTEN.to_vec(),
    };
    NodeSettings { name, site, failure_domain, listen, xdp: xdp::read(reader, &table) }
}

/// Node names may be host names: they become NSID and the default EHLO name.
fn node_name(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    dotted(reader, value, "write a name as in \"fra-ns1\"".to_owned())
}

/// What the node would fail with. Compared with that of other nodes letter by letter, so that there is one way to write it.
fn failure_domain(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let better = value.as_text().map(str::to_lowercase).filter(|text| is_dotted(text));
    let better = better.unwrap_or_else(|| "as64500".to_owned());
    dotted(reader, value, format!("write a word of your own for the provider or uplink, as in \"{better}\""))
}

/// A text in the letters of host names.
fn dotted(reader: &mut Reader<'_>, value: &Value<'_>, remedy: String) -> Option<String> {
    let text = reader.string(value)?;
    if is_dotted(text) {
        return Some(text.to_owned());
    }
    reader.refuse(value, "1 to 63 lower-case letters, digits, hyphens and dots", remedy);
    None
}

fn is_dotted(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '.');
    (1..=NAME_OCTETS).contains(&text.len()) && text.chars().all(letter)
}

fn listen(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<SocketAddr> {
    let expected = "at least one address with a port";
    let members = reader.some_list(value, expected, "\"0.0.0.0:53\", \"[::]:53\"").unwrap_or_default();
    let mut sockets: Vec<SocketAddr> = Vec::with_capacity(members.len());
    for member in members {
        let Some(socket) = reader.socket(&member, 53) else { continue };
        // Port 0 is another free port each time.
        if socket.port() != 0 && sockets.contains(&socket) {
            reader.error(&member.span, format!("{socket} a second time as {value}"), "each address once", "delete one");
        }
        sockets.push(socket);
    }
    sockets
}

/// `[state]`. `store` defaults to `"embedded"`, `path` to /var/lib/waypost.
pub(super) fn state(reader: &mut Reader<'_>, root: &Table<'_>) -> StateSettings {
    let Some(table) = reader.section(root, "state") else {
        return StateSettings { path: PathBuf::from(STATE_PATH), etcd: None };
    };
    reader.allow(&table, &["store", "path", "etcd"]);
    let path = table.get("path").map(|value| reader.path(&value).unwrap_or_default());
    let store = table.get("store");
    let kind = store.as_ref().map(|value| reader.word(value, &STORES));
    let etcd = match (kind, table.get("etcd")) {
        (Some(Some(Store::Etcd)), Some(value)) => etcd::read(reader, &value),
        (Some(Some(Store::Etcd)), None) => {
            let remedy = format!("add etcd = {{ {} }} with your own, or write store = \"embedded\"", etcd::EXAMPLE);
            reader.missing(&table, "etcd", "etcd beside store = \"etcd\": how its members are reached", remedy);
            None
        }
        (None | Some(Some(Store::Embedded)), Some(value)) => {
            let what = match kind {
                None => "etcd in [state] without store = \"etcd\"",
                Some(_) => "etcd in [state] with store = \"embedded\"",
            };
            let remedy = "write store = \"etcd\" to share it with other nodes, or delete etcd";
            reader.error(&value.key_span, what, "store = \"etcd\" beside it", remedy);
            None
        }
        // Which store is meant is not known.
        (Some(None), _) | (_, None) => None,
    };
    StateSettings { path: path.unwrap_or_else(|| PathBuf::from(STATE_PATH)), etcd }
}

/// Warns of a node that shares its votes and does not say where it stands, although there are sites.
pub(super) fn warn_of_no_site(
    reader: &mut Reader<'_>,
    root: &Table<'_>,
    node: &NodeSettings,
    state: &StateSettings,
    sites: &[Site],
) {
    let (Some(_), None, Some(first)) = (&state.etcd, node.site, sites.first()) else { return };
    if let Some(section) = root.get("node") {
        let expected = "site, so that what it finds at its own site takes that down and never holds it up";
        let remedy = format!("add site = {} with the site that it stands in, if it stands in one", quoted(&first.name));
        reader.warning(&section.span, "[node] without site, with votes that other nodes count", expected, remedy);
    }
}

/// A position of the roster as that of a site; the number of sites is checked with the sites.
pub(super) fn site_ix(position: usize) -> Option<SiteIx> {
    u8::try_from(position).ok().map(SiteIx)
}
