//! Bounds and defaults of the demo and its SMTP sites.

use std::net::Ipv4Addr;
use std::time::Duration;

/// Random octets of a password, 16 letters when it is typed.
pub const PASSWORD_OCTETS: usize = 10;
/// Connections a site holds at once; more wait in the listener's backlog.
pub const SITE_CONNECTIONS: usize = 64;
/// A command line with its CRLF (RFC 5321 section 4.5.3.1.4).
pub const COMMAND_OCTETS: u64 = 512;
/// A line of message text with its CRLF (RFC 5321 section 4.5.3.1.6).
pub const TEXT_LINE_OCTETS: u64 = 1_000;
/// A whole message; announced by EHLO as SIZE (RFC 1870).
pub const MESSAGE_OCTETS: u64 = 1 << 20;
/// Recipients of one message (RFC 5321 section 4.5.3.1.8).
pub const RECIPIENTS: usize = 100;
/// How long a client may be silent; a demo need not wait the five minutes of RFC 5321 section 4.5.3.2.7.
pub const CLIENT_SILENCE: Duration = Duration::from_secs(60);
/// How long a TLS handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a demo's certificates last.
pub const CERTIFICATE_DAYS: i64 = 365;

/// Where the demo's DNS service would like to be.
pub const DNS_PORT: u16 = 5300;
/// Where the demo's admin API would like to be.
pub const ADMIN_PORT: u16 = 8053;
/// Where the demo's SMTP sites would like to be, each on its own loopback address.
pub const SMTP_PORT: u16 = 2525;
/// Where DNS and the admin API listen.
pub const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// How often another free port is looked for before giving up.
pub const PORT_ATTEMPTS: usize = 32;

/// Events kept for a slow terminal; older ones are counted, not shown.
pub const EVENT_BACKLOG: usize = 1_024;
/// Commands typed ahead.
pub const COMMAND_BACKLOG: usize = 16;
/// How often the demo looks whether a site's process has ended.
pub const SITE_WATCH: Duration = Duration::from_millis(200);
/// How long the node may take to stop in order.
pub const NODE_STOP: Duration = Duration::from_secs(10);
