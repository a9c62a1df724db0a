//! Waiting until a site is drained, in a cluster. Broken, an operator powers off machines that a node goes on naming.

use crate::cluster::{Cluster, PATIENCE, node_name};
use crate::network::{Cut, NAMES};
use crate::patience::wait_until;
use crate::world::in_a_world;

/// Waits at the first node until the third site is drained: the exit code and all that is said.
fn wait(cluster: &Cluster, arguments: &[&str]) -> (Option<i32>, String) {
    let ended = cluster.nodes[0].command(arguments);
    let said = [&ended.stdout[..], &ended.stderr[..]].map(String::from_utf8_lossy).concat();
    (ended.status.code(), said)
}

#[test]
fn a_site_is_not_safe_while_a_node_may_name_it() {
    in_a_world("waiting::a_site_is_not_safe_while_a_node_may_name_it", |world| {
        let mut cluster = Cluster::start(world);
        cluster.wait_until_agreed();
        let (site, behind) = (NAMES[2], node_name(NAMES[1]));
        cluster.network.cut(Cut::Store(1));
        let drain = ["drain", site, "--reason", "test", "--yes", "--wait", "--timeout", "8s"];
        let (code, said) = wait(&cluster, &drain);
        assert_eq!(code, Some(7), "{said}");
        assert!(said.contains(&format!("answers of {behind}")), "{said}");
        assert!(cluster.names(1, 2), "it does not know the order");

        cluster.network.mend(Cut::Store(1));
        let (code, said) = wait(&cluster, &["wait", site, "--timeout", "60s"]);
        assert!(code == Some(0) && said.contains("safe to power off"), "{said}");
        assert!(!cluster.names(1, 2));

        // One that died before the order is missing until it is said to be gone for good.
        cluster.nodes[0].order(&["undrain", site]);
        cluster.wait_until_all_serve();
        cluster.nodes[1].kill();
        let (code, said) = wait(&cluster, &drain);
        assert!(code == Some(7) && said.contains(&behind), "{said}");
        wait_until("it is taken out", PATIENCE, || {
            cluster.nodes[0].command(&["store", "forget", &behind]).status.success()
        });
        let (code, said) = wait(&cluster, &["wait", site, "--timeout", "60s"]);
        assert_eq!(code, Some(0), "{said}");
    });
}
