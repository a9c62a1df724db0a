//! The entrance: who may come in through the admin API, and how, as the configuration says.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CertificateFiles, Role};

/// `[admin]`: where the admin API listens, and whom it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// TCP address for API, dashboard and metrics; beyond loopback only with TLS.
    pub listen: Option<SocketAddr>,
    /// What makes it speak TLS.
    pub tls: Option<AdminTls>,
    /// Unix socket; who may open it is an administrator.
    pub socket: Option<PathBuf>,
    /// Whom it lets in.
    pub entrance: Arc<Entrance>,
}

/// How the admin API speaks TLS. The files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTls {
    /// Its certificate.
    pub certificate: CertificateFiles,
    /// The authorities whose certificates clients may show; `None` where none is asked for.
    pub client_ca: Option<PathBuf>,
}

/// Whom the admin API lets in. A reload brings all of it into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// Names that it may be addressed by, beside addresses and `localhost`; in lower case.
    pub names: Vec<String>,
    /// `[[admin.client]]`: who comes with a certificate of their own.
    pub clients: Vec<Client>,
    /// `[admin.oidc]`: the provider that knows people.
    pub oidc: Option<Oidc>,
    /// `[[admin.user]]`: people who sign in with name and password.
    pub users: Vec<User>,
    /// A session that nothing was done in for so long ends.
    pub idle: Duration,
    /// A session ends so long after signing in, whatever is done in it.
    pub longest: Duration,
}

/// Somebody who signs in with name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Unique name; stands as `by` in what they order.
    pub name: String,
    /// What they present, hashed.
    pub password: PasswordHash,
    /// What they may do.
    pub role: Role,
    /// The sites that they may order about.
    pub remit: Remit,
}

/// Who comes with a certificate of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// A DNS name, address, URI or mail address that the certificate is for, or its common name where it says no other.
    /// Stands as `by` in what they order.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The sites that they may order about.
    pub remit: Remit,
}

/// A provider that knows people (OpenID Connect Core 1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// Its URL, as it names itself.
    pub issuer: String,
    /// What this node is called there.
    pub client_id: String,
    /// The file that holds what this node proves that with; `None` for a public client.
    pub secret: Option<PathBuf>,
    /// The authorities of the provider's certificate; `None` is those of the system.
    pub ca: Option<PathBuf>,
    /// Where the provider sends people back to: this node's `/login/callback` as browsers reach it.
    pub redirect: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that names people.
    pub name_claim: String,
    /// The claim whose values say what they may do.
    pub claim: String,
    /// `[[admin.oidc.grant]]`: what the values mean. The largest role of those that somebody has counts, with all sites
    /// that go with that role.
    pub grants: Vec<Grant>,
}

/// What a value of a claim means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The value.
    pub value: String,
    /// What whoever has it may do.
    pub role: Role,
    /// The sites that they may order about.
    pub remit: Remit,
}

/// A password as argon2id hashes it, in the PHC string format. Does not show itself in logs: who has it can guess at leisure.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// The sites that somebody may order about. Reading is not bounded by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<BTreeSet<String>>", into = "Option<BTreeSet<String>>")]
pub enum Remit {
    /// All, also those of later.
    #[default]
    Everywhere,
    /// These, by name.
    Sites(BTreeSet<String>),
}

impl Remit {
    /// Whether `site` is among them.
    #[must_use]
    pub fn holds(&self, site: &str) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Sites(sites) => sites.contains(site),
        }
    }

    /// These and those of `other`.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Sites(these), Self::Sites(those)) => Self::Sites(these.union(those).cloned().collect()),
            _ => Self::Everywhere,
        }
    }

    /// Whether it is all of them.
    #[must_use]
    pub const fn is_everywhere(&self) -> bool {
        matches!(self, Self::Everywhere)
    }
}

impl From<Option<BTreeSet<String>>> for Remit {
    fn from(sites: Option<BTreeSet<String>>) -> Self {
        sites.map_or(Self::Everywhere, Self::Sites)
    }
}

impl From<Remit> for Option<BTreeSet<String>> {
    fn from(remit: Remit) -> Self {
        match remit {
            Remit::Everywhere => None,
            Remit::Sites(sites) => Some(sites),
        }
    }
}

impl fmt::Display for Remit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("all"),
            Self::Sites(sites) => {
                let names: Vec<&str> = sites.iter().map(String::as_str).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// How somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// A token.
    Token,
    /// Name and password.
    Password,
    /// A provider of identities (OpenID Connect).
    Provider,
    /// A certificate of their own.
    Certificate,
    /// The system's word for who opened the Unix socket.
    Socket,
}

impl Means {
    /// The words that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::Provider => "OpenID Connect",
            Self::Certificate => "certificate",
            Self::Socket => "socket",
        }
    }
}

/// What became of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// A session began.
    SignedIn,
    /// Its holder ended it.
    SignedOut,
    /// It was ended: by time, or because what it was opened with is no longer good.
    Ended,
    /// No session began.
    Refused,
}

impl SignIn {
    /// The words that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed in",
            Self::SignedOut => "signed out",
            Self::Ended => "session ended",
            Self::Refused => "sign-in refused",
        }
    }
}
