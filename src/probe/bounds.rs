//! Bounds of probing, each with its unit and where it comes from.

use std::time::Duration;

/// Probes under way at once: file descriptors and half-open connections stay bounded whatever is configured.
pub const IN_FLIGHT: usize = 1024;

/// Of endpoints that are down, probes under way at once. Counted apart: these are the ones that last until their timeout,
/// and a mass failure must not make the probes of the healthy wait.
pub const IN_FLIGHT_DOWN: usize = 256;

/// Octets of a transcript, and of an HTTP body that is read (RELIABILITY, "probes as a weapon").
pub const TRANSCRIPT: usize = 5120;

/// Octets of an HTTP body that are read and matched.
pub const HTTP_BODY: usize = 5120;

/// Octets of one SMTP reply line: four times the 512 of RFC 5321 section 4.5.3.1.5, which servers overstep.
pub const SMTP_LINE: usize = 2048;

/// Lines of one SMTP reply; EHLO replies of real servers have up to 20.
pub const SMTP_LINES: usize = 64;

/// Octets read in one SMTP conversation: three EHLO-sized replies of 8 KiB.
pub const SMTP_CONVERSATION: usize = 24 * 1024;

/// How long a server is given to take our QUIT after the outcome is known.
pub const SMTP_FAREWELL: Duration = Duration::from_secs(1);

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

/// Octets of a password file: longer ones are no passwords, but the wrong file.
pub const PASSWORD: usize = 1024;

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
