//! Bounds of the way past the kernel.

use std::time::Duration;

/// The most octets of a frame that is taken from the kernel, link header included: Ethernet's own limit. What is longer
/// is no query.
pub(super) const FRAME_MOST: u16 = 1514;

/// The largest reply in octets of DNS; as for the other UDP workers (RFC 9715).
pub(super) const REPLY_MOST: usize = 1232;

/// Frames of one queue, 2 KiB each. All of them wait for queries, except those on their way through us: enough for a
/// burst of 2048, and the 4 MiB together stay within the locked memory that systems allow (8 MiB) for two queues.
pub(super) const FRAMES: u32 = 2048;

/// The most frames that are received before their replies are handed to the kernel.
pub(super) const BATCH: usize = 64;

/// How often the kernel is asked again to send what it was given, at one go. It takes some tens of frames each time.
pub(super) const KICKS: usize = 8;

/// How long a worker sleeps before it looks whether it is to stop.
pub(super) const NAP: Duration = Duration::from_millis(100);

/// How many batches that wait already are still answered when a worker stops: a flood must not hold it.
pub(super) const LAST_BATCHES: usize = 64;

/// The most queues of an interface. Each has a thread and 4 MiB.
pub(super) const QUEUES_MOST: u32 = 64;

/// The most pairs of address and port that are answered past the kernel.
pub(super) const TARGETS_MOST: usize = 1024;

/// How often it is looked whether interfaces and addresses came or went.
pub const LOOK: Duration = Duration::from_secs(2);
