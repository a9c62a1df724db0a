//! Several nodes that decide as one: the built binary, real etcd, three sites in networks of their own, real faults.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `dead_site.rs` | all nodes withdraw a dead site within a second of each other |
//! | `uplink.rs` | a node that is cut off is outvoted, and withdraws nothing |
//! | `store_lost.rs` | without a majority of etcd answers follow health; orders are refused, or marked as local |
//! | `partition.rs` | orders on both sides of a partition are never unsafe |
//! | `random_faults.rs` | schedules of faults from seeds, judged by the checker |
//! | `kills.rs` | every process killed in random order: no acknowledged order is lost |
//! | `two_operators.rs` | of two operators who drain the last two sites one is refused |
//! | `restart.rs` | a node starts from what it kept, without the store, and with its files damaged |
//! | `drills.rs` | a drill ends at every node when its runner, another node or the store is gone |
//! | `waiting.rs` | no site is safe to power off while a node may name it |
//! | `notices.rs` | of what every node sees somebody is told, whichever node does not reach the target |
//! | `storm.rs` | two thousand endpoints that flap cost the store no more than is promised |
//! | `network.rs`, `member.rs`, `cluster.rs` | sites, members of etcd, and all of it together |
//! | `stage.rs`, `schedule.rs` | what happens to a cluster |
//! | `observer.rs`, `history.rs`, `checker.rs` | what was seen of it, and the rules that hold for it |
//! | `api.rs`, `exchange.rs` | the admin API over a node's socket |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
// Sites are known by their number, which is more than a place in one table.
#![allow(clippy::needless_range_loop)]
#![allow(clippy::cast_precision_loss)]

#[allow(dead_code)]
#[path = "../simulation/chance.rs"]
mod chance;
#[allow(dead_code)]
#[path = "../failover/dns.rs"]
mod dns;
#[allow(dead_code)]
#[path = "../failover/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[allow(dead_code)]
#[path = "../failover/postfix.rs"]
mod postfix;
#[allow(dead_code)]
#[path = "../failover/world.rs"]
mod world;

mod api;
mod checker;
mod checker_tests;
mod cluster;
mod dead_site;
mod drills;
mod exchange;
mod history;
mod kills;
mod member;
mod network;
mod notices;
mod observer;
mod partition;
mod random_faults;
mod restart;
mod schedule;
mod stage;
mod store_lost;
mod storm;
mod two_operators;
mod uplink;
mod waiting;
