//! How a command ends: exit codes (DESIGN section 12) and what is said of a failure.

use std::fmt;
use std::process::ExitCode;

use super::output::{Format, Output};
use super::refusal;
use crate::admin::api::words::plain;
use crate::admin::api::{ProblemDocument, ProblemKind};

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// A negative finding.
    Negative = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Refused by a safety rule.
    Refused = 3,
    /// Declined at the prompt.
    Declined = 4,
    /// No node answers.
    Unreachable = 5,
    /// The node, or the system, does not let the caller.
    NotAuthorised = 6,
    /// A wait timed out; the order stands.
    TimedOut = 7,
    /// Interrupted while waiting, as the shell counts it; the order stands.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // The discriminants are all below 256.
        Self::from(exit as u8)
    }
}

/// Why a command was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The node said no.
    Problem(Box<ProblemDocument>),
    /// No node answers, or it stopped answering.
    Unreachable {
        /// What was tried and what came of it.
        detail: String,
        /// What to do.
        remedy: String,
    },
    /// The system does not let this user reach the node.
    NotAuthorised(String),
    /// The command line asks for what makes no sense.
    Usage(String),
    /// What was looked for is not so.
    Negative(String),
    /// A safety rule forbids it.
    Refused {
        /// Which rule, and why.
        detail: String,
        /// What to do.
        remedy: String,
    },
    /// The answer at the prompt was not yes.
    Declined,
    /// Nobody was there to ask, and the command line does not say that it is meant.
    Unconfirmed {
        /// What is missing.
        detail: String,
        /// What to add.
        remedy: String,
    },
    /// A wait timed out.
    TimedOut(String),
    /// Ctrl-C while waiting, or at the prompt.
    Interrupted(String),
    /// Whoever read stdout has had enough, as `head` does.
    OutputClosed,
    /// Something that should not happen.
    Fault(String),
}

impl Failure {
    /// The code that the program ends with.
    pub(super) fn exit(&self) -> ExitCode {
        match self {
            Self::Problem(problem) => ExitCode::from(problem.code),
            Self::Unreachable { .. } => Exit::Unreachable.into(),
            Self::NotAuthorised(_) => Exit::NotAuthorised.into(),
            Self::Usage(_) => Exit::Usage.into(),
            Self::Negative(_) | Self::Fault(_) => Exit::Negative.into(),
            Self::Refused { .. } => Exit::Refused.into(),
            Self::Declined | Self::Unconfirmed { .. } => Exit::Declined.into(),
            Self::TimedOut(_) => Exit::TimedOut.into(),
            Self::Interrupted(_) => Exit::Interrupted.into(),
            Self::OutputClosed => Exit::Done.into(),
        }
    }

    /// Says so on stderr; a node's problem with `-o json` as the document it is.
    pub(super) fn tell(&self, output: &Output) {
        match self {
            Self::OutputClosed => {}
            Self::Problem(problem) if matches!(output.format(), Format::Json | Format::Jsonl) => {
                if let Ok(document) = serde_json::to_string_pretty(problem) {
                    output.progress(&document);
                }
            }
            failure => output.progress(&failure.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) if problem.known_kind() == Some(ProblemKind::Refused) => {
                let lines: Vec<String> = refusal::lines(problem).iter().map(|line| plain(line)).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Problem(problem) => {
                write!(f, "error: {}", plain(&problem.detail))?;
                for diagnostic in &problem.diagnostics {
                    write!(f, "\n{}", plain(diagnostic))?;
                }
                problem.remedy.iter().try_for_each(|remedy| write!(f, "\nremedy: {}", plain(remedy)))
            }
            Self::Unreachable { detail, remedy } => write!(f, "error: {detail}\nremedy: {remedy}"),
            Self::NotAuthorised(detail) | Self::Usage(detail) | Self::Negative(detail) | Self::Fault(detail) => {
                write!(f, "error: {detail}")
            }
            Self::Refused { detail, remedy } => write!(f, "refused: {detail}\nremedy: {remedy}"),
            Self::Unconfirmed { detail, remedy } => write!(f, "declined: {detail}\nremedy: {remedy}"),
            Self::Declined => f.write_str("declined: nothing was changed"),
            Self::TimedOut(detail) => write!(f, "timed out: {detail}"),
            Self::Interrupted(detail) => write!(f, "interrupted: {detail}"),
            Self::OutputClosed => Ok(()),
        }
    }
}
