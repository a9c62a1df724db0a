//! What may be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use jiff::Timestamp;

use super::audit::Audit;
use super::demo::{SUBCOMMAND, SiteArgs};
use super::drill::DrillCommand;
use super::ids;
use super::incident;
use super::key::Key;
use super::moment::{self, Past};
use super::notify::Notify;
use super::output::Asked;
use super::span;
use super::stepping::{Beginning, Stepping};
use super::store::Store;
use super::tls::Tls;
use super::user::User;
use crate::model::{Role, Share};

/// Authoritative DNS server and global traffic manager that keeps mail flowing when a data center dies.
#[derive(Debug, Parser)]
#[command(name = "waypost", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 negative finding, 2 usage, 3 refused by a safety rule, 4 declined at \
the prompt, 5 node unreachable, 6 not authorised, 7 wait timed out (the order stands).";

/// The heading of the options that lead to a node.
pub(super) const CONNECTION: &str = "Connection";
/// Behind a command's own options, before --help.
const LAST: usize = 900;

/// Options that all commands know.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Configuration of the node; commands find its admin socket there [default: waypost.toml, then /etc/waypost/waypost.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(super) config: Option<PathBuf>,
    /// Talk to the node at this URL instead, as in http://127.0.0.1:8053
    #[arg(long, global = true, value_name = "URL", help_heading = CONNECTION)]
    pub(super) node: Option<String>,
    /// File that holds the token for --node; reading on this machine needs none
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(super) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) tls: Tls,
    /// Give up a node that has not answered after this time [default: 5s; 65s where it has to do or look up something]
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        value_parser = span::read,
        allow_hyphen_values = true,
        help_heading = CONNECTION
    )]
    pub(super) answer_within: Option<Duration>,
    /// How data is printed
    #[arg(short, long, global = true, value_enum, default_value_t = Asked::Table, display_order = LAST)]
    pub(super) output: Asked,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Answer queries until told to stop
    Serve(Serve),
    /// Check configuration and zones without running anything
    Check,
    /// Run three mail sites and a node on this machine
    Demo,
    /// One mail site of the demo
    #[command(name = SUBCOMMAND, hide = true)]
    DemoSite(SiteArgs),
    /// Show who serves, and why
    Status(Status),
    /// Move a site's clients to other sites; it still answers if nothing else works
    Drain(Drain),
    /// Take a site out of all answers, even as a last resort
    Isolate(Order),
    /// Count a site as up, whatever its health
    Pin(Order),
    /// Lift a drain, isolate or pin, one that only this node follows too
    Undrain(Undrain),
    /// Wait until no well-behaved cache names a site any more
    Wait(Wait),
    /// Say why a client gets the answer it gets
    Explain(Explain),
    /// Probe endpoints once and show what was said; changes nothing
    Probe(Probe),
    /// Say whether the sites left would carry everything if some failed; exits with 1 where not
    Whatif(WhatIf),
    /// Show the journal: every verdict, plan and order, with reasons
    Events(Events),
    /// Check and export the audit journal
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// Say what another configuration would change; exits with 1 where anything would
    Diff(Diff),
    /// Show incidents, or one of them with all its times
    Incident(incident::Arguments),
    /// Show what is promised of services and what came of it; exits 1 where a promise was not kept
    Objectives,
    /// Say what a recording would have led to under the configuration given; exits with 1 where anything differs
    Replay(Replay),
    /// Take a site out for a while to see that the others carry its clients; reports of that
    Drill {
        #[command(subcommand)]
        command: DrillCommand,
    },
    /// Load configuration and zones again; swaps atomically or changes nothing
    Reload,
    /// Look at the store that the nodes share, and go on with one that went back
    Store {
        #[command(subcommand)]
        command: Store,
    },
    /// Show how notifications fare, and test them
    Notify {
        #[command(subcommand)]
        command: Notify,
    },
    /// Make, list and revoke tokens for API and command line over TCP
    Token {
        #[command(subcommand)]
        command: Token,
    },
    /// Print the JSON Schema of a document that commands print, or list them
    Schema {
        /// What stands in its member schema, as in waypost.status/1
        name: Option<String>,
    },
    /// Print what a shell needs to complete commands and options
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page of waypost, or write one for each command
    Man {
        /// Write waypost.1, waypost-status.1 and so on there
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
    },
    /// People who sign in to the dashboard with name and password
    User {
        #[command(subcommand)]
        command: User,
    },
    /// Make, show and replace the DNSSEC keys of zones; make the key that nodes share secrets under
    Key {
        #[command(subcommand)]
        command: Key,
    },
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// How log lines on stderr are written; WAYPOST_LOG says which, as in `info` or `waypost=debug`
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// For collectors: one JSON object a line
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Show the nodes of the cluster instead: how each is connected, the orders that it follows, its plan
    #[arg(long)]
    pub(super) nodes: bool,
    /// Draw it anew with every event until Ctrl-C; where stdout is no terminal, print it anew whenever something changed
    #[arg(short, long)]
    pub(super) watch: bool,
    /// One line for Nagios, Icinga and their like; exits with 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
    #[arg(long, conflicts_with_all = ["nodes", "watch"])]
    pub(super) plugin: bool,
}

#[derive(Debug, Args)]
pub(super) struct Drain {
    #[command(flatten)]
    pub(super) order: Order,
    /// The part of its clients to move, as in 25%
    #[arg(long, value_name = "PERCENT", default_value = "100%")]
    pub(super) share: Share,
    #[command(flatten)]
    pub(super) stepping: Stepping,
}

/// What all orders have in common.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("expiry"))]
pub(super) struct Order {
    /// Name of the site
    pub(super) site: String,
    /// Why, for the journal and for whoever finds the order standing
    #[arg(long, value_name = "TEXT", display_order = 0)]
    pub(super) reason: String,
    /// Only this service of it
    #[arg(long)]
    pub(super) service: Option<String>,
    #[command(flatten)]
    pub(super) beginning: Beginning,
    /// The order ends this time after its beginning, at most 72h [default: 4h]
    #[arg(long = "for", value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true, group = "expiry")]
    pub(super) duration: Option<Duration>,
    /// The order ends at this time, RFC 3339, as in 2026-05-01T18:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment::time, allow_hyphen_values = true, group = "expiry")]
    pub(super) until: Option<Timestamp>,
    /// The order stands until it is lifted
    #[arg(long, group = "expiry")]
    pub(super) until_cleared: bool,
    /// Return when no well-behaved cache names the site any more
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) wait: bool,
    /// Give up waiting after this time, counted from the order's last step; the order stands
    #[arg(long, value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true, default_value = "15m", requires = "wait")]
    pub(super) timeout: Duration,
    /// Only say what would happen
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask; not enough for an isolate, --force, or a drain that leaves a service its last site
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Do not ask, whatever it is: the site is meant
    #[arg(long, value_name = "SITE")]
    pub(super) confirm: Option<String>,
    /// Override the safety rules; the journal says so
    #[arg(long)]
    pub(super) force: bool,
    /// Only this node follows it: for when the store that the nodes share is out of reach; say it on every node that is to
    /// follow. Offered to all when the store is back
    #[arg(long)]
    pub(super) local: bool,
}

#[derive(Debug, Args)]
pub(super) struct Undrain {
    /// Name of the site
    pub(super) site: String,
    /// Only the order for this service of it
    #[arg(long)]
    pub(super) service: Option<String>,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Wait {
    /// Name of the site
    pub(super) site: String,
    /// Only this service of it
    #[arg(long)]
    pub(super) service: Option<String>,
    /// Give up after this time
    #[arg(long, value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true, default_value = "15m")]
    pub(super) timeout: Duration,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The name asked for
    pub(super) name: String,
    /// The type asked for
    #[arg(value_name = "TYPE", default_value = "MX")]
    pub(super) rtype: String,
    /// The client's address, or its network as a resolver's client subnet tells it
    #[arg(long, value_name = "ADDRESS")]
    pub(super) client: Option<String>,
    /// What was answered at this time, as in 2026-05-01T12:00:00.250Z, or so long ago, as in 5m
    #[arg(long, value_name = "TIME|DURATION", value_parser = moment::read, allow_hyphen_values = true)]
    pub(super) at: Option<Past>,
    /// The payload that the past query advertised; without it, it had no EDNS
    #[arg(long, value_name = "OCTETS", requires = "at")]
    pub(super) edns: Option<u16>,
    /// The past query asked for signatures (DO)
    #[arg(long, requires = "at")]
    pub(super) dnssec: bool,
    /// The past query asked for recursion (RD)
    #[arg(long, requires = "at")]
    pub(super) recursion: bool,
}

#[derive(Debug, Args)]
pub(super) struct Probe {
    /// SERVICE/ADDRESS or SERVICE/SITE as status shows them, or one of the three alone
    pub(super) endpoint: String,
    /// Only under this monitor
    #[arg(long, value_name = "NAME")]
    pub(super) monitor: Option<String>,
    /// Probe from this machine what the files say, whether or not a node runs
    #[arg(long)]
    pub(super) here: bool,
}

#[derive(Debug, Args)]
pub(super) struct WhatIf {
    /// A site that fails; may come several times
    #[arg(long, value_name = "SITE", required = true)]
    pub(super) fail: Vec<String>,
    /// At the peak of the last day, and not as of late
    #[arg(long)]
    pub(super) peak: bool,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The recording.jsonl of a node's state directory, or that directory
    pub(super) recording: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Events {
    /// Go on with events as they happen
    #[arg(short, long)]
    pub(super) follow: bool,
    /// Events after this one, the oldest of them first where -n does not take all
    #[arg(long, value_name = "ID", value_parser = ids::event)]
    pub(super) after: Option<u64>,
    /// Events from this time on, RFC 3339, or from so long ago, as in 90m
    #[arg(long, value_name = "TIME|DURATION", value_parser = moment::read, allow_hyphen_values = true, conflicts_with = "after")]
    pub(super) since: Option<Past>,
    /// Events up to this time, or up to so long ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = moment::read, allow_hyphen_values = true, conflicts_with = "follow")]
    pub(super) until: Option<Past>,
    /// Events of this kind only, as the fourth column has it; may come several times
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Vec<String>,
    /// Events about this site only
    #[arg(long, value_name = "SITE")]
    pub(super) site: Option<String>,
    /// At most so many, the newest of them [default: 20; all with --since, --until, --kind or --site]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) limit: Option<u16>,
    /// Show below each verdict that got worse what its probe heard; -o json always does
    #[arg(long)]
    pub(super) transcripts: bool,
}

#[derive(Debug, Args)]
pub(super) struct Diff {
    /// Compare answers: of every steered RRset for every kind of client, and every other RRset that differs
    #[arg(long, required = true)]
    pub(super) answers: bool,
    /// The other configuration; the node reads it, so it must be able to
    #[arg(value_name = "NEWCONFIG")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Make a token; it is printed once and kept only as a hash
    Create {
        /// Unique name; stands as who in the journal
        name: String,
        /// viewer reads, operator orders too, admin reloads and makes tokens too
        #[arg(long)]
        role: Role,
        /// It may order about this site only; may come several times [default: all sites]
        #[arg(long, value_name = "SITE")]
        site: Vec<String>,
        /// It no longer works after this time [default: never ends]
        #[arg(long = "for", value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true)]
        duration: Option<Duration>,
    },
    /// Show all tokens
    List,
    /// Make a token useless at once
    Revoke {
        /// Its name
        name: String,
    },
}
