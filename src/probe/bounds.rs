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

/// Trust anchors are read again after this time, so that a renewed CA file needs no restart.
pub const TRUST_REREAD: Duration = Duration::from_secs(60);

/// Trust anchors that could not be read are tried again after this time.
pub const TRUST_RETRY: Duration = Duration::from_secs(5);

/// A prober woken later than this after its time blames itself for late news of its probes.
pub const LATE_WAKE: Duration = Duration::from_millis(50);

/// Upper bounds of the latency buckets that are counted per monitor, in milliseconds.
pub const LATENCY_BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];
