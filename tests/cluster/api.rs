//! The admin API of a node, over its socket: faster than the command line, and it says all that the node says.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use waypost::admin::api::{
    Events, LiftOutcome, LiftRequest, OrderOutcome, OrderRequest, ProblemDocument, ProblemKind, Status,
};
use waypost::model::{Event, IntentKind, Reach, Scope, Share};

use crate::exchange::exchange;

/// Above what a node takes to say that it cannot do something.
const PATIENCE: Duration = Duration::from_secs(40);
/// Events of one page.
const PAGE: usize = 1000;

/// The way to a node.
#[derive(Clone, Debug)]
pub struct Api {
    socket: PathBuf,
}

/// Why something was not done, or may not have been.
#[derive(Debug)]
pub enum Trouble {
    /// The node says so.
    Problem(Box<ProblemDocument>),
    /// It says nothing.
    Silence(io::Error),
}

impl Trouble {
    /// Whether nothing was changed for sure.
    pub fn is_refusal(&self) -> bool {
        let kind = match self {
            Self::Problem(problem) => problem.known_kind(),
            Self::Silence(_) => None,
        };
        kind.is_some_and(|kind| matches!(kind, ProblemKind::Refused | ProblemKind::Invalid | ProblemKind::Conflict))
    }

    /// The kind of problem that the node tells of.
    pub fn kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Problem(problem) => problem.known_kind(),
            Self::Silence(_) => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => write!(f, "{}: {}", problem.title, problem.detail),
            Self::Silence(error) => write!(f, "no answer: {error}"),
        }
    }
}

impl Api {
    pub const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub fn status(&self) -> Result<Status, Trouble> {
        self.send("GET", "/api/v1/status", None)
    }

    /// Drains a whole site for an hour.
    pub fn drain(&self, site: &str, reason: &str, reach: Reach) -> Result<OrderOutcome, Trouble> {
        let request = OrderRequest {
            scope: of_site(site),
            kind: IntentKind::Drain { share: Share::ALL },
            reason: reason.to_owned(),
            expiry: None,
            begin: None,
            steps: None,
            dry_run: false,
            force: false,
            reach,
        };
        self.send("POST", "/api/v1/orders", Some(&json(&request)))
    }

    /// Lifts the order for a site.
    pub fn lift(&self, site: &str, reason: &str) -> Result<LiftOutcome, Trouble> {
        let request = LiftRequest { scope: of_site(site), reason: reason.to_owned() };
        self.send("POST", "/api/v1/orders/lift", Some(&json(&request)))
    }

    /// All that the node has written down, from the first event.
    ///
    /// # Panics
    /// If it does not say.
    pub fn journal(&self) -> Vec<Event> {
        let mut journal = Vec::new();
        loop {
            let after = journal.last().map_or(0, |event: &Event| event.id);
            let path = format!("/api/v1/events?after={after}&limit={PAGE}");
            let page: Events = self.send("GET", &path, None).unwrap_or_else(|trouble| panic!("{trouble}"));
            let ends = page.events.len() < PAGE;
            journal.extend(page.events);
            if ends {
                return journal;
            }
        }
    }

    /// The sum of a metric over all its labels.
    ///
    /// # Panics
    /// If the node does not say.
    pub fn metric(&self, name: &str) -> f64 {
        let (status, text) = self.exchange("GET", "/metrics", None).unwrap();
        assert_eq!(status, 200, "{text}");
        let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let values: Vec<f64> =
            text.lines().filter(of_name).map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        assert!(!values.is_empty(), "{name} is no metric of\n{text}");
        values.iter().sum()
    }

    fn send<T: DeserializeOwned>(&self, method: &str, path: &str, body: Option<&str>) -> Result<T, Trouble> {
        let (status, text) = self.exchange(method, path, body).map_err(Trouble::Silence)?;
        let unreadable = |error| panic!("{method} {path}: {status} and {error}: {text}");
        if (200..300).contains(&status) {
            return Ok(serde_json::from_str(&text).unwrap_or_else(unreadable));
        }
        Err(Trouble::Problem(serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{method} {path}: {status} and {error}: {text}");
        })))
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&str>) -> io::Result<(u16, String)> {
        let stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        exchange(stream, method, path, body)
    }
}

fn of_site(site: &str) -> Scope {
    Scope { site: site.to_owned(), service: None }
}

fn json(request: &impl Serialize) -> String {
    serde_json::to_string(request).unwrap()
}
