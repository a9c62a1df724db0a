//! `xdp` and `xdp_mode` of `[node]`: interfaces whose queries are answered past the kernel.

use super::defaults::{INTERFACE_OCTETS, XDP_INTERFACES};
use super::reader::Reader;
use super::value::{Table, Value};
use crate::model::{XdpMode, XdpSettings};

/// `xdp` defaults to no interface, `xdp_mode` to `"native"`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Table<'_>) -> XdpSettings {
    let xdp = node.get("xdp");
    let interfaces = xdp.as_ref().map(|value| interfaces(reader, value)).unwrap_or_default();
    let words = [("native", XdpMode::Native), ("generic", XdpMode::Generic)];
    let mode = node.get("xdp_mode");
    if let (None, Some(mode)) = (&xdp, &mode) {
        let remedy = "add xdp = [\"eth0\"] with your interface, or delete it";
        reader.error(&mode.key_span, "xdp_mode in [node] without xdp", "xdp, the interfaces it is about", remedy);
    }
    XdpSettings { interfaces, mode: mode.and_then(|mode| reader.word(&mode, &words)).unwrap_or_default() }
}

fn interfaces(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<String> {
    let Some(members) = reader.list(value) else { return Vec::new() };
    if !cfg!(feature = "xdp") && !members.is_empty() {
        let expected = "a build with AF_XDP, which this one is not";
        let remedy = "delete it: the same queries are answered through the kernel; \
                      or build with: cargo build --release --features xdp";
        reader.error(&value.key_span, "xdp in [node]", expected, remedy);
        return Vec::new();
    }
    if members.len() > XDP_INTERFACES {
        let what = format!("{} interfaces as {value}", members.len());
        let expected = format!("at most {XDP_INTERFACES}");
        reader.error(&value.span, what, expected, "leave out those with few queries");
    }
    let mut names: Vec<String> = Vec::with_capacity(members.len());
    for member in members {
        let Some(name) = reader.string(&member) else { continue };
        if !is_name(name) {
            let expected =
                format!("the name of a network interface, 1 to {INTERFACE_OCTETS} octets without spaces and /");
            reader.refuse(&member, expected, "write it as `ip link` shows it, as in \"eth0\"");
        } else if names.iter().any(|other| other == name) {
            reader.error(&member.span, format!("{name} a second time as {value}"), "each interface once", "delete one");
        }
        names.push(name.to_owned());
    }
    names
}

/// What Linux takes for the name of an interface (`dev_valid_name`), as far as it can be read in a message.
fn is_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '/' | ':');
    (1..=INTERFACE_OCTETS).contains(&name.len()) && !matches!(name, "." | "..") && name.chars().all(plain)
}
