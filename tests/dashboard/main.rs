//! The dashboard in a real browser: the built binary, real mail servers, Debian's Chromium. Broken, an operator at three in the
//! morning believes a page that is old, or loses what was typed into a drain.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `scenarios/test_*.py` | one subject a file; they wait for generations of the plan, never for the clock |
//! | `scenarios/conftest.py`, `node.py`, `screen.py`, `axe.py` | nodes, pages with everything recorded that they ask for, the checker of accessibility |
//! | `kit.rs` | what the scenarios need of PyPI and npm, kept under `target/` |
//!
//! Everything runs in namespaces of its own, which needs root. `WAYPOST_SCENARIOS` names some of them, as in `-k dialog`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../failover/dns.rs"]
#[allow(dead_code)]
mod dns;
mod kit;
#[path = "../failover/node.rs"]
#[allow(dead_code)]
mod node;
#[path = "../failover/patience.rs"]
#[allow(dead_code)]
mod patience;
#[path = "../failover/postfix.rs"]
#[allow(dead_code)]
mod postfix;
#[path = "../failover/world.rs"]
#[allow(dead_code)]
mod world;

use std::fs;
use std::net::IpAddr;
use std::process::Command;

use jiff::Timestamp;
use waypost::cli::demo::Authority;

use crate::postfix::Postfix;
use crate::world::{in_a_world, is_root};

/// Name, MX host and address of each site, as in `scenarios/node.py`.
const SITES: [(&str, &str, &str); 3] = [
    ("fra", "mx-fra.example.org", "192.0.2.10"),
    ("iad", "mx-iad.example.org", "198.51.100.10"),
    ("nrt", "mx-nrt.example.org", "203.0.113.10"),
];

#[test]
fn the_dashboard_holds_in_a_browser() {
    // Inside the world there is no network to fetch anything from.
    let kit = kit::Kit::prepared(is_root());
    in_a_world("the_dashboard_holds_in_a_browser", |world| {
        let authority = Authority::new(Timestamp::now()).unwrap();
        let directory = world.directory("nodes");
        fs::write(directory.join("ca.pem"), authority.certificate()).unwrap();
        let sites = SITES.map(|(name, host, address)| {
            let address: IpAddr = address.parse().unwrap();
            world.add_address(address);
            let site = Postfix::site(world, name, host, address, &authority);
            site.start();
            site
        });
        let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dashboard/scenarios");
        let chosen = std::env::var("WAYPOST_SCENARIOS").unwrap_or_default();
        let status = Command::new(kit.python())
            .args([
                "-m",
                "pytest",
                "-q",
                "-x",
                "--durations=8",
                "-p",
                "no:cacheprovider",
                "--rootdir",
                scenarios,
                scenarios,
            ])
            .args(chosen.split_whitespace())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("WAYPOST_BIN", node::executable())
            .env("WAYPOST_NODES", &directory)
            .env("WAYPOST_AXE", kit.axe())
            .env("WAYPOST_SITES", directory.parent().unwrap())
            .env("WAYPOST_SCREENSHOTS", std::env::var_os("WAYPOST_SCREENSHOTS").unwrap_or_default())
            .status()
            .unwrap();
        drop(sites);
        assert!(status.success(), "scenarios failed: {status}");
    });
}
