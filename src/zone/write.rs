//! Zones to master files: every record on a line of its own, owners and names absolute.

use std::fmt::Write;

use super::present;
use super::rdata;
use super::tree::Zone;

/// A master file that [`super::load`] reads back to the same zone: the same names, types, TTLs and octets of data, in
/// the order of [`Zone::records`].
///
/// Types that are read by people are in their own form, the others in that of RFC 3597.
#[must_use]
pub fn write(zone: &Zone) -> String {
    let mut text = String::new();
    // The names of a zone that shares its tree with others are written whole.
    let zone = zone.standalone();
    for (node, set) in zone.records() {
        for rdata in &set.rdata {
            // Data that the loader has checked always encodes; writing to a string cannot fail.
            let Some(wire) = rdata::wire(rdata) else { continue };
            let code = u16::from(set.rtype);
            let form = present::of(set.rtype, &wire);
            let (rtype, data) = form.unwrap_or_else(|| (format!("TYPE{code}"), present::generic(&wire)));
            let _ = writeln!(text, "{}\t{}\tIN\t{rtype}\t{data}", node.owner, set.ttl);
        }
    }
    text
}
