//! The nouns of Waypost: sites, services, monitors, endpoints, verdicts, intents and plans.
//!
//! Imports no other room. Holds data and the invariants of each noun, no decisions: what a verdict
//! *means* for an answer is decided in [`crate::health`], [`crate::plan`] and [`crate::steer`].
//! No clock, no I/O, no randomness.

mod access;
mod audit;
mod authority;
mod chain;
mod chain_check;
mod checks;
mod cluster;
mod composition;
mod digest;
mod drill;
mod drill_schedule;
mod dynamic;
mod endpoint;
mod entrance;
mod event;
mod export;
mod fingerprint;
mod infrastructure;
mod intent;
mod mail_checks;
mod monitor;
mod name;
mod notify;
mod objectives;
mod orders_tag;
mod outcome;
mod plan;
mod readings;
mod schedule;
mod series;
mod service;
mod service_points;
mod settings;
mod site;
mod time;
mod topology;
mod verdict;

pub use access::{Role, Token};
pub use audit::AuditSettings;
pub use authority::{
    Denial, DnssecSettings, KeySource, Peer, SerialPolicy, TransferRule, TsigAlgorithm, UpdateRule, ZoneContent,
    ZoneOrigins, ZonePolicy, ZoneSigning, ZoneSource,
};
pub use chain::{BeginningCause, ChainBeginning, ChainMark, Checkpoint, Link, LinkHash};
pub use chain_check::{ChainCheck, ChainFinding, ChainReport};
pub use checks::{HttpCheck, SmtpCheck, TlsMode, TlsPolicy};
pub use cluster::{Connection, EndpointList, NodeReport, OrdersVersion, SharedOrders, letter, state};
pub use composition::{Assertion, HealthMode, HealthRule, MonitorPart};
pub use drill::{Drill, DrillMark, DrillOutcome, DrillState, MonitorProbes, NodeMoment, SurvivorLoad};
pub use drill_schedule::DrillSchedule;
pub use dynamic::{ContentHash, DynamicSet, ZoneState, is_later};
pub use endpoint::{Endpoint, EndpointIx, EndpointKey};
pub use entrance::{AdminSettings, AdminTls, Client, Entrance, Grant, Means, Oidc, PasswordHash, Remit, SignIn, User};
pub use event::{Event, EventKind, FileChange, ObjectiveKind};
pub use export::{ExportCheck, ExportEnd, ExportHead, export_line};
pub use infrastructure::{
    DatabaseCheck, DatabaseRole, DnsCheck, ExchangeCheck, HandshakeCheck, PostgresCheck, Refused, Transport,
};
pub use intent::{Intent, IntentKind, Lifetime, Reach, Scope};
pub use mail_checks::{ImapCheck, ImapVisit, LmtpCheck, Login, Pop3Check, SubmissionCheck};
pub use monitor::{DetectorKind, Monitor, MonitorIx, MonitorKind, ProbeAddress};
pub use name::{Name, NameError};
pub use notify::{ChatUrl, Hook, HookOutcome, MailLogin, MailTls, MailWay, NotifyTarget, Subject, Way};
pub use objectives::{Availability, Objective, Objectives};
pub use orders_tag::OrdersTag;
pub use outcome::{Impact, Naming, SiteOutcome, Trouble};
pub use plan::{EndpointPlan, Generation, Plan, ServicePlan, SitePlan, Standing, Tier};
pub use readings::{
    AgentCheck, Combine, Comparison, ExecCheck, Expected, JsonCheck, JsonPointer, Levels, Missing, NoThreshold,
    PointerError, PrometheusCheck, Threshold,
};
pub use schedule::Schedule;
pub use series::{Series, SeriesError};
pub use service::{GeoRule, MxMode, NamePattern, Policy, Service, ServiceIx};
pub use service_points::{
    CertificateFiles, CookieSettings, EncryptedSettings, Limits, RateLimitSettings, SecretsSettings,
};
pub use settings::{
    ClientIdentity, EtcdSettings, GeoSettings, NetworkPlace, NodeSettings, ProbeFile, ProbeFileKind, SafetySettings,
    Settings, StateSettings, StoreLogin, XdpMode, XdpSettings,
};
pub use site::{Coordinates, Country, Location, Site, SiteIx, SiteSet};
pub use time::{Mono, Share};
pub use topology::Topology;
pub use verdict::{EndpointHealth, State, Verdict, Vote};
