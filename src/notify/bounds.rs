//! Bounds of this room.

use std::time::Duration;

/// Notifications that wait for one target; beyond that the oldest are dropped and counted.
pub const WAITING: usize = 256;
/// The ids of notifications that a target remembers, to tell what it was given before.
pub const REMEMBERED: usize = 1_000;
/// Things that are open at once and repeated to targets that want that.
pub const OPEN: usize = 500;
/// Events before a start that are looked at for what was not delivered.
pub const RESTART_EVENTS: u64 = 1_000;

/// How long one delivery may take.
pub const DELIVERY: Duration = Duration::from_secs(10);
/// Between two tries of one delivery: at first, and at most. Half of it is left to chance.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
pub const BACKOFF_LONGEST: Duration = Duration::from_secs(60);
/// After so long a notification is given up, and counted.
pub const GIVE_UP: Duration = Duration::from_secs(3_600);
/// How often an Alertmanager is told again of what is open, and how long it believes one word.
pub const REPEAT: Duration = Duration::from_secs(60);
pub const BELIEVED: Duration = Duration::from_secs(240);

/// Octets of an answer that are read, and characters of it that stand in a reason.
pub const ANSWER: usize = 4_096;
pub const REASON: usize = 200;
/// Octets of a file of a secret.
pub const SECRET_OCTETS: u64 = 64 << 10;

/// Octets that a hook may write before they are ignored, and characters of them that are journalled.
pub const HOOK_OUTPUT: usize = 4_096;
pub const HOOK_DETAIL: usize = 300;
/// Runs of one hook that wait for the one before.
pub const HOOK_WAITING: usize = 64;
/// How long what a hook has written may take to arrive once it has ended.
pub const HOOK_REST: Duration = Duration::from_millis(100);
