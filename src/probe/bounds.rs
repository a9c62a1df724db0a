//! Bounds of probing, each with its unit and where it comes from.

use std::time::Duration;

use crate::health::bounds::OUTSTANDING;

/// Probes under way at once: file descriptors and half-open connections stay bounded whatever is configured.
pub const IN_FLIGHT: usize = 1024;

/// Of endpoints that are down, probes under way at once. Counted apart: these are the ones that last until their timeout,
/// and a mass failure must not make the probes of the healthy wait.
pub const IN_FLIGHT_DOWN: usize = 256;

/// Octets of a transcript, and of an HTTP body that is read (RELIABILITY, "probes as a weapon").
pub const TRANSCRIPT: usize = 5120;

/// Octets of an HTTP body that are read and matched.
pub const HTTP_BODY: usize = 5120;

/// Octets of one line of a mail server: as long as IMAP commands may become (RFC 7162 section 4), and longer than its responses
/// to a probe. SMTP (RFC 5321 section 4.5.3.1.5) and POP3 (RFC 1939 section 3) have 512, which servers overstep.
pub const LINE: usize = 8192;

/// Lines of one reply, or untagged responses to one IMAP command; EHLO replies of real servers have up to 20.
pub const REPLY_LINES: usize = 64;

/// Octets read in one conversation with a mail server: several replies of the longest lines.
pub const CONVERSATION: usize = 48 * 1024;

/// How long a server is given to take our farewell after the outcome is known.
pub const FAREWELL: Duration = Duration::from_secs(1);

/// Octets of a password: four times the 255 that servers must take (RFC 4616 section 2).
pub const PASSWORD: usize = 1024;

/// Octets of an SMTP command with its end (RFC 5321 section 4.5.3.1.4); a longer answer to a challenge waits for it.
pub const SMTP_COMMAND: usize = 512;

/// Octets of a POP3 command with its end (RFC 2449 section 4).
pub const POP3_COMMAND: usize = 255;

/// Octets that a TCP monitor reads and matches.
pub const EXCHANGE: usize = 5120;

/// Octets of them that go into a transcript, which also has room for the rest of the conversation.
pub const EXCHANGE_SHOWN: usize = 1024;

/// Octets of a UDP reply that a DNS monitor says it takes (RFC 6891 section 6.2.5, as resolvers agreed on).
pub const DNS_PAYLOAD: u16 = 1232;

/// Octets of a datagram that are read: more than was asked for, so that one too long is seen to be no reply.
pub const DATAGRAM: usize = 4096;

/// Records of a reply that go into a transcript.
pub const DNS_SHOWN: usize = 20;

/// Octets of a datagram that may be an echo; ours have 16.
pub const ECHO: usize = 256;

/// Password files that are read at once: on a file system that hangs, so many threads wait and no more.
pub const PASSWORD_READERS: usize = 16;

/// Octets that a database server may send in one probe: greetings, parameters, certificates and a handful of rows take a tenth.
pub const DATABASE_SESSION: u64 = 256 * 1024;

/// Octets of a MySQL packet: that of SHOW REPLICA STATUS with long error texts has some 4 KiB.
pub const MYSQL_PACKET: usize = 64 * 1024;

/// Columns of a MySQL result: SHOW REPLICA STATUS has about sixty.
pub const MYSQL_COLUMNS: u64 = 200;

/// Rows of a MySQL result: one for each source that a replica follows.
pub const MYSQL_ROWS: usize = 64;

/// Packets of a server until a MySQL login is decided: a switch of methods, a proof that was taken and the verdict are three.
pub const MYSQL_LOGIN: usize = 5;

/// How long a database server is given to take our goodbye after the outcome is known.
pub const DATABASE_FAREWELL: Duration = Duration::from_secs(1);

/// Trust anchors are read again after this time, so that a renewed CA file needs no restart.
pub const TRUST_REREAD: Duration = Duration::from_secs(60);

/// Trust anchors that could not be read are tried again after this time.
pub const TRUST_RETRY: Duration = Duration::from_secs(5);

/// A prober woken later than this after its time blames itself for late news of its probes.
pub const LATE_WAKE: Duration = Duration::from_millis(50);

/// Upper bounds of the latency buckets that are counted per monitor, in milliseconds.
pub const LATENCY_BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];

/// Octets of a page of metrics: a node exporter sends 100 KiB, a large one of a cluster a few MiB. It is read in lines, so
/// that what is kept stays small.
pub const METRICS_BODY: usize = 4 * 1024 * 1024;

/// Octets of one line of metrics: a name and some thirty labels of 500 octets.
pub const METRICS_LINE: usize = 16 * 1024;

/// Series that are kept to find for each the one that it is divided by.
pub const METRICS_PAIRS: usize = 1024;

/// Octets of a JSON document.
pub const JSON_BODY: usize = 256 * 1024;

/// Octets that an agent may send until its line ends; lines of real agents have some twenty.
pub const AGENT_LINE: usize = 1024;

/// Octets of each output of a command that are kept; what follows is read and dropped.
pub const EXEC_OUTPUT: usize = 5120;

/// How long what a command has written may take to arrive once it has ended; it lies in a pipe of this host.
pub const EXEC_REST: Duration = Duration::from_millis(100);

/// Runs of one command that are not gone: as many as a detector awaits, and four that were given up and wait for a disk or a network
/// file system. With more, it is not started again until one is.
pub const EXEC_RUNS: usize = OUTSTANDING + 4;

/// Commands that run at once, of all monitors together. The unit allows the node 512 tasks (TasksMax): a shell and its child each
/// take half of them, and leave the rest to the node's threads.
pub const EXEC_RUNNING: usize = 128;

/// Commands that are being started at once. Each takes a thread of the pool that also writes to the store, until the program is
/// read from its file system; the pool has 512.
pub const EXEC_STARTING: usize = 64;

/// Octets of the list of users (`/etc/passwd`) that is read for the user of a command.
pub const EXEC_USERS: u64 = 4 * 1024 * 1024;

/// Octets of each output of a command that are read at all; then the pipe is closed, for it may have no end.
pub const EXEC_DRAINED: usize = 1024 * 1024;

/// Characters of a command's output that stand as the reason.
pub const EXEC_REASON: usize = 300;

/// Upper bounds of the buckets in which probes are counted by how late they start, in microseconds.
pub const LATENESS_BUCKETS_US: [u64; 22] = [
    50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 50_000,
    75_000, 100_000, 200_000, 500_000, 1_000_000,
];

/// Probes of a target that are remembered one by one: at the default interval a little more than a minute, in two kilobytes.
pub const HISTORY: usize = 64;

/// A run of probes that come to the same is recorded after this time at the latest.
pub const RUN: Duration = Duration::from_secs(600);
