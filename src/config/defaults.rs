//! Defaults and bounds of every key (DESIGN section 10), in one place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// The longest name of a node, site, service or monitor: that of a DNS label, so that it can become one.
pub(super) const NAME_OCTETS: usize = 63;

/// Port of DNS (RFC 1035 section 4.2).
pub(super) const DNS_PORT: u16 = 53;
/// Ports of DNS over TLS and over QUIC (RFC 7858 section 3.1, RFC 9250 section 8.1), and of HTTPS.
pub(super) const DNS_TLS_PORT: u16 = 853;
pub(super) const DNS_HTTPS_PORT: u16 = 443;
/// The largest value of a bound on what clients may take, even knowingly.
pub(super) const LIMIT_MOST: i64 = 1_000_000;
/// Where DNS is answered: every address of the machine.
pub(super) const NODE_LISTEN: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DNS_PORT),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DNS_PORT),
];

/// Where the admin API listens.
pub(super) const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8053);
/// The Unix socket of the admin API.
pub(super) const ADMIN_SOCKET: &str = "/run/waypost/admin.sock";
/// The longest path of a Unix socket: `sun_path` of Linux without its final zero.
pub(super) const SOCKET_OCTETS: usize = 107;
/// When a session that nothing is done in ends, and when each ends: a shift.
pub(super) const SESSION_IDLE: Duration = Duration::from_secs(3_600);
pub(super) const SESSION_LONGEST: Duration = Duration::from_secs(12 * 3_600);
pub(super) const SESSION_IDLE_RANGE: RangeInclusive<Duration> = MINUTE..=DAY;
pub(super) const SESSION_LONGEST_RANGE: RangeInclusive<Duration> = MINUTE..=Duration::from_secs(7 * 86_400);
/// The longest host name or name of a certificate, in octets.
pub(super) const HOST_OCTETS: usize = 253;
/// The longest text about a provider of identities, in octets, and the most grants and scopes.
pub(super) const OIDC_OCTETS: usize = 1_000;
pub(super) const OIDC_MEMBERS: usize = 1_000;
/// The claims of people's names and of what they belong to.
pub(super) const NAME_CLAIM: &str = "preferred_username";
pub(super) const GROUPS_CLAIM: &str = "groups";
/// The most users and client certificates that the admin API knows, each.
pub(super) const ADMIN_NAMED: usize = 1_000;
/// The longest name of a user, in octets.
pub(super) const ADMIN_NAME_OCTETS: usize = 64;
/// What checking one password may take in memory, in KiB; the least is what argon2 asks for at all.
pub(super) const PASSWORD_KIB: u32 = 256 * 1_024;
/// How often checking one password may go over its memory.
pub(super) const PASSWORD_PASSES: u32 = 20;
/// Directory of the embedded store.
pub(super) const STATE_PATH: &str = "/var/lib/waypost";
/// Port of etcd for clients, as IANA lists it.
pub(super) const ETCD_PORT: u16 = 2379;
/// The most members that are named; etcd advises seven at most.
pub(super) const ETCD_ENDPOINTS: usize = 16;
/// What keys in the shared store begin with, the longest such prefix and the longest part of it, in octets.
pub(super) const ETCD_PREFIX: &str = "/waypost";
pub(super) const ETCD_PREFIX_OCTETS: usize = 255;
pub(super) const ETCD_SEGMENT_OCTETS: usize = 63;
/// The longest name of a user of etcd, in octets; etcd itself sets no bound.
pub(super) const ETCD_USER_OCTETS: usize = 255;
/// Time that must pass between two changes by operators; the most that it may be is no bar to whoever must act now.
pub(super) const SETTLE_RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(300);
/// Days between two drills of a schedule.
pub(super) const DRILL_EVERY: i64 = 7;
/// The same as it may be: a drill a day, and one a year at least.
pub(super) const DRILL_EVERY_RANGE: RangeInclusive<Duration> = DAY..=Duration::from_secs(366 * 86_400);
/// How long a drill takes its site out.
pub(super) const DRILL_FOR: Duration = Duration::from_secs(15 * 60);
/// The same as it may be: what is over sooner shows nothing, what takes longer is a drain.
pub(super) const DRILL_FOR_RANGE: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(4 * 3600);
/// How long before its window a drill is announced.
pub(super) const DRILL_NOTICE: Duration = Duration::from_secs(3600);
/// The same as it may be; zero announces nothing.
pub(super) const DRILL_NOTICE_RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(7 * 86_400);
/// Directory of the DNSSEC keysets.
pub(super) const KEYS_PATH: &str = "/var/lib/waypost/keys";

/// TTL of steered answers.
pub(super) const TTL: Duration = Duration::from_secs(30);
/// Above a day steering has no effect within any outage; below a second there is no TTL.
pub(super) const TTL_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;
/// Sites that an operator's order leaves in service.
pub(super) const MIN_SITES: usize = 1;
/// Healthy part of its endpoints under which a site is down as a whole.
pub(super) const SITE_FLOOR: f64 = 0.5;
/// The largest weight of a site; the sum over all sites stays far below 2^32.
pub(super) const WEIGHT_MOST: i64 = 1_000_000;
/// The most services and monitors: their positions are 16-bit numbers.
pub(super) const POSITIONS: usize = u16::MAX as usize;

/// Between two probes of one endpoint.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
pub(super) const INTERVAL_RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=HOUR;
/// After which a probe has failed.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const TIMEOUT_RANGE: RangeInclusive<Duration> = Duration::from_millis(50)..=MINUTE;
/// Good probes before an endpoint returns.
pub(super) const RISE: u32 = 3;
/// Failed probes before an endpoint is down.
pub(super) const FALL: u32 = 3;
pub(super) const RISE_FALL_RANGE: RangeInclusive<i64> = 1..=100;
/// Between the probes of a confirm burst; the interval where that is shorter.
pub(super) const BURST_GAP: Duration = Duration::from_millis(200);
pub(super) const BURST_GAP_RANGE: RangeInclusive<Duration> = Duration::from_millis(10)..=MINUTE;
/// How soon the end of a certificate is trouble.
pub(super) const EXPIRY_WARNING: Duration = Duration::from_secs(7 * 86_400);
pub(super) const EXPIRY_WARNING_RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(365 * 86_400);
/// Path that an HTTP monitor gets.
pub(super) const HTTP_PATH: &str = "/";

/// Ports that monitors probe: SMTP (RFC 5321 section 4.5.4.2), submissions (RFC 8314 section 7.3),
/// submission (RFC 6409 section 3.1), HTTP, HTTPS.
pub(super) const SMTP_PORT: u16 = 25;
pub(super) const SUBMISSIONS_PORT: u16 = 465;
pub(super) const SUBMISSION_PORT: u16 = 587;
pub(super) const HTTP_PORT: u16 = 80;
pub(super) const HTTPS_PORT: u16 = 443;
/// LMTP (RFC 2033 names none but forbids 25; 24 is what servers use), IMAP, POP3 and both over TLS (RFC 8314 section 7).
pub(super) const LMTP_PORT: u16 = 24;
pub(super) const IMAP_PORT: u16 = 143;
pub(super) const IMAPS_PORT: u16 = 993;
pub(super) const POP3_PORT: u16 = 110;
pub(super) const POP3S_PORT: u16 = 995;
/// Ports of database servers, as IANA lists them.
pub(super) const POSTGRES_PORT: u16 = 5432;
pub(super) const MYSQL_PORT: u16 = 3306;
/// The most that a TCP monitor sends, in octets: a request, not a load.
pub(super) const SEND_OCTETS: usize = 1_000;
/// The most texts of record data of which a DNS monitor wants one.
pub(super) const DNS_EXPECT: usize = 100;
/// The longest name of a database user or database, in octets: MySQL takes 32 and 64 characters, PostgreSQL 63 octets.
pub(super) const DATABASE_NAME_OCTETS: usize = 255;
/// How far a replica may be behind; what is a day old is a backup.
pub(super) const LAG_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;
/// Replicas of one primary; max_wal_senders of PostgreSQL goes no further.
pub(super) const REPLICAS_RANGE: RangeInclusive<i64> = 0..=262_143;

/// Path that a Prometheus monitor gets, and a port that an exporter of it may have (that of the node exporter).
pub(super) const METRICS_PATH: &str = "/metrics";
pub(super) const EXPORTER_PORT: u16 = 9100;
/// The longest selector of series, JSON pointer, and text that a value must equal, in octets.
pub(super) const SERIES_OCTETS: usize = 1_000;
pub(super) const POINTER_OCTETS: usize = 1_000;
pub(super) const EQUALS_OCTETS: usize = 1_000;
/// A port that an agent may have, and the longest line that it is sent, in octets.
pub(super) const AGENT_PORT: u16 = 9777;
pub(super) const AGENT_SEND_OCTETS: usize = 500;
/// The most members of a command, and the longest of them in octets.
pub(super) const ARGUMENTS: usize = 64;
pub(super) const ARGUMENT_OCTETS: usize = 4_096;
/// The longest name of a user (useradd(8)).
pub(super) const USER_OCTETS: usize = 32;

/// The longest name of a network interface, in octets (IFNAMSIZ without its end).
pub(super) const INTERFACE_OCTETS: usize = 15;
/// The most interfaces that are answered past the kernel.
pub(super) const XDP_INTERFACES: usize = 16;

/// The longest regular expression, in octets, and the most memory that it may take compiled.
pub(super) const REGEX_OCTETS: usize = 1_000;
pub(super) const REGEX_COMPILED: usize = 1 << 20;
/// The longest mailbox (RFC 5321 section 4.5.3.1.3, without the angle brackets).
pub(super) const MAILBOX_OCTETS: usize = 254;
/// The longest name of an IMAP mailbox: what servers have room for; the command stays far below any bound on lines.
pub(super) const MAILBOX_NAME_OCTETS: usize = 255;

/// Identical responses a second of one client network; above, rate limiting limits nobody.
pub(super) const RESPONSES_RANGE: RangeInclusive<i64> = 1..=1_000_000;
/// Every how many limited responses one is sent truncated.
pub(super) const SLIP_RANGE: RangeInclusive<i64> = 0..=10;
/// What may count as one client.
pub(super) const PREFIX_V4_RANGE: RangeInclusive<i64> = 8..=32;
pub(super) const PREFIX_V6_RANGE: RangeInclusive<i64> = 16..=128;

/// Promised recovery times; above a day nobody waits for DNS.
pub(super) const RTO_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;
/// How long events are kept: an hour, for those who may keep nothing, to ten years.
pub(super) const AUDIT_KEEP_RANGE: RangeInclusive<Duration> = HOUR..=Duration::from_secs(3_660 * 86_400);
/// How many events are kept; at some 400 octets each the most take 4 GB.
pub(super) const AUDIT_EVENTS_RANGE: RangeInclusive<i64> = 1_000..=10_000_000;
/// Megabytes from which past answers are explained.
pub(super) const AUDIT_HISTORY_RANGE: RangeInclusive<i64> = 0..=100_000;

/// The most targets of notifications, and the most hooks.
pub(super) const NOTIFY_TARGETS: usize = 32;
pub(super) const HOOKS: usize = 64;
/// The longest URL of a target, in octets.
pub(super) const NOTIFY_URL_OCTETS: usize = 2_000;
/// The most recipients of mail.
pub(super) const NOTIFY_RECIPIENTS: usize = 50;
/// Where PagerDuty takes events.
pub(super) const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// How long a hook may run; what takes longer is to be started by it and left alone.
pub(super) const HOOK_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const HOOK_TIMEOUT_RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
/// How often a hook runs at most.
pub(super) const HOOK_AT_MOST: u32 = 5;
pub(super) const HOOK_AT_MOST_RANGE: RangeInclusive<i64> = 1..=1_000;
pub(super) const HOOK_PER: Duration = HOUR;
pub(super) const HOOK_PER_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;
