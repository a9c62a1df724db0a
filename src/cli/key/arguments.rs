//! What may be typed behind `key`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::super::span;
use crate::dnssec::lifecycle::Policy;
use crate::dnssec::{KeyRole, KeysetName};
use crate::model::Name;

#[derive(Debug, Subcommand)]
pub(in super::super) enum Key {
    /// Make the first keys of a zone, or of a keyset that zones share
    Generate(Generate),
    /// Show keys, what they do and what comes next
    List(List),
    /// Print the DS and CDNSKEY records for the parent zone
    Ds(Ds),
    /// Replace a key by a new one, step by step, so that every resolver can validate at every moment
    Rollover(Rollover),
    /// Make the key under which nodes share keys and cookie secrets through the store
    Cluster(Cluster),
}

/// Where the files lie.
#[derive(Debug, Args)]
pub(in super::super) struct Directory {
    /// Directory of the keysets [default: keys in [dnssec] of the configuration]
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
}

/// Which keyset is meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in super::super) struct Subject {
    /// Name of the zone; its keyset is the one that the configuration says, or has the same name
    pub(super) zone: Option<Name>,
    /// Name of a keyset that zones share
    #[arg(long, value_name = "NAME")]
    pub(super) keyset: Option<KeysetName>,
}

/// What the moments of a rollover are reckoned from.
#[derive(Debug, Args)]
pub(in super::super) struct Times {
    /// TTL of the DNSKEY records, which is that of the SOA record [default: that of the zone's file, at least 1d]
    #[arg(long, value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true)]
    pub(super) dnskey_ttl: Option<Duration>,
    /// The longest TTL in the zone [default: that of the zone's file, at least 1d]
    #[arg(long, value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true)]
    pub(super) zone_ttl: Option<Duration>,
    /// How long a change takes to reach every server of the zone, secondaries included [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true)]
    pub(super) propagation: Option<Duration>,
    /// TTL of the DS record at the parent [default: 1d]
    #[arg(long, value_name = "DURATION", value_parser = span::read, allow_hyphen_values = true)]
    pub(super) parent_ttl: Option<Duration>,
}

impl Times {
    /// `policy` with what was typed in place of what it says.
    pub(super) fn over(&self, policy: Policy) -> Policy {
        Policy {
            dnskey_ttl: self.dnskey_ttl.unwrap_or(policy.dnskey_ttl),
            zone_ttl: self.zone_ttl.unwrap_or(policy.zone_ttl),
            propagation: self.propagation.unwrap_or(policy.propagation),
            parent_ttl: self.parent_ttl.unwrap_or(policy.parent_ttl),
        }
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct Generate {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// A key signing key and a zone signing key instead of one key for both
    #[arg(long)]
    pub(super) split: bool,
    #[command(flatten)]
    pub(super) directory: Directory,
    #[command(flatten)]
    pub(super) times: Times,
}

#[derive(Debug, Args)]
pub(in super::super) struct List {
    /// Name of a zone or keyset [default: all]
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) directory: Directory,
}

#[derive(Debug, Args)]
pub(in super::super) struct Ds {
    /// Name of the zone
    pub(super) zone: Name,
    /// Keyset of the zone, where it shares one
    #[arg(long, value_name = "NAME")]
    pub(super) keyset: Option<KeysetName>,
    /// Print the DNSKEY records of all published keys instead
    #[arg(long)]
    pub(super) dnskey: bool,
    #[command(flatten)]
    pub(super) directory: Directory,
}

/// The role of a key, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Role {
    /// Zone signing key: needs nothing of the parent
    Zsk,
    /// Key signing key
    Ksk,
    /// Combined signing key
    Csk,
}

impl From<Role> for KeyRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Zsk => Self::Zsk,
            Role::Ksk => Self::Ksk,
            Role::Csk => Self::Csk,
        }
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct Cluster {
    /// The file to make; a file that is there is not overwritten
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Args)]
pub(in super::super) struct Rollover {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Which key [default: csk, where the keyset has one]
    #[arg(long)]
    pub(super) role: Option<Role>,
    /// The parent has the DS of the new key: the old key may retire when caches have it too
    #[arg(long, conflicts_with_all = ["role", "cancel"])]
    pub(super) ds_published: bool,
    /// Take the rollover that is under way back
    #[arg(long)]
    pub(super) cancel: bool,
    /// With --cancel: the new key was offered to the parent, but the parent has no DS of it
    #[arg(long, requires = "cancel")]
    pub(super) force: bool,
    /// Only say what would happen
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) directory: Directory,
    #[command(flatten)]
    pub(super) times: Times,
}
