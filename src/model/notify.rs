//! Who is told of what happens, and what runs when an endpoint changes state.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;

/// `[[notify]]`: a target of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyTarget {
    /// Its unique name.
    pub name: String,
    /// What it is told of.
    pub on: BTreeSet<Subject>,
    /// How it is reached.
    pub way: Way,
}

/// How a target is reached. Files hold secrets and are read anew for each delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// An HTTP endpoint that checks signatures (Standard Webhooks).
    Webhook {
        /// Where to.
        url: String,
        /// The file of the secret, `whsec_` and base64.
        secret_file: PathBuf,
    },
    /// A Prometheus Alertmanager, API version 2.
    Alertmanager {
        /// Its base, without `/api/v2/alerts`.
        url: String,
        /// The file of a bearer token, where it wants one.
        secret_file: Option<PathBuf>,
    },
    /// A chat that takes `{"text": …}`, as Slack and Mattermost do.
    Slack(ChatUrl),
    /// PagerDuty, Events API version 2.
    PagerDuty {
        /// Where events go.
        url: String,
        /// The file of the integration key.
        secret_file: PathBuf,
    },
    /// Mail.
    Smtp(MailWay),
}

impl Way {
    /// The word for its kind, as in the configuration.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Slack(_) => "slack",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Smtp(_) => "smtp",
        }
    }

    /// The file of its secret.
    #[must_use]
    pub fn secret_file(&self) -> Option<&PathBuf> {
        match self {
            Self::Webhook { secret_file, .. } | Self::PagerDuty { secret_file, .. } => Some(secret_file),
            Self::Alertmanager { secret_file, .. } => secret_file.as_ref(),
            Self::Slack(ChatUrl::Open(_)) => None,
            Self::Slack(ChatUrl::InFile(file)) => Some(file),
            Self::Smtp(mail) => mail.login.as_ref().map(|login| &login.secret_file),
        }
    }
}

/// The URL of a chat; whoever knows it may write there, so that it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatUrl {
    /// As in the configuration.
    Open(String),
    /// In a file.
    InFile(PathBuf),
}

/// How mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailWay {
    /// The host that takes it: a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses; at least one.
    pub to: Vec<String>,
    /// Who Waypost is to the relay.
    pub login: Option<MailLogin>,
}

/// How a connection to a relay is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// From the first octet on.
    Implicit,
    /// By STARTTLS, or nothing is sent.
    StartTls,
    /// Not at all.
    None,
}

/// A user of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailLogin {
    /// The name.
    pub user: String,
    /// The file of the password.
    pub secret_file: PathBuf,
}

/// What notifications are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Incidents.
    Incident,
    /// Drills.
    Drill,
    /// Orders that are given, lifted, held or refused.
    Order,
    /// Orders that end soon, or ended by themselves.
    Expiring,
    /// Configuration or zones with errors.
    Lint,
    /// Parts of a node that work less well than they should, and nodes that are not heard of.
    Degraded,
    /// Objectives that were missed.
    Objective,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Incident, Self::Drill, Self::Order, Self::Expiring, Self::Lint, Self::Degraded, Self::Objective];

    /// The word for it, as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Drill => "drill",
            Self::Order => "order",
            Self::Expiring => "expiring",
            Self::Lint => "lint",
            Self::Degraded => "degraded",
            Self::Objective => "objective",
        }
    }
}

/// `[[hook]]`: a command that runs when an endpoint changes state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its unique name.
    pub name: String,
    /// Only where this monitor is among those that see the new state.
    pub monitor: Option<String>,
    /// Only endpoints of this service.
    pub service: Option<String>,
    /// Only endpoints of this site.
    pub site: Option<String>,
    /// The states that it runs for.
    pub on: BTreeSet<State>,
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// When it is killed.
    pub timeout: Duration,
    /// How often it runs at most in `per`.
    pub at_most: u32,
    /// See `at_most`.
    pub per: Duration,
}

/// What came of a run of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookOutcome {
    /// It ended with exit code 0.
    Succeeded,
    /// It ended otherwise.
    Failed,
    /// It was killed when its time was over.
    TimedOut,
    /// It could not be started.
    NotStarted,
    /// It had run as often as it may.
    Limited,
    /// The node stopped, or the hook is declared no more: it was killed, or had waited and was not started.
    Interrupted,
}

impl HookOutcome {
    /// The words that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::NotStarted => "not started",
            Self::Limited => "not run, too often",
            Self::Interrupted => "interrupted",
        }
    }

    /// As in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::NotStarted => "not_started",
            Self::Limited => "limited",
            Self::Interrupted => "interrupted",
        }
    }
}
