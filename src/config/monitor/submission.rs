//! `kind = "submission"`: SMTP as mail programs speak it.

use super::{Asked, Port, Surroundings, login, tls};
use crate::config::defaults::{SUBMISSION_PORT, SUBMISSIONS_PORT};
use crate::config::reader::Reader;
use crate::config::value::Table;
use crate::model::{MonitorKind, SubmissionCheck, TlsMode};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 2] = ["helo", "tls"];

/// The check of a submission monitor and its default port. `tls` defaults to `starttls`, `helo` to the name of the node, and
/// nobody logs in.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, around: &Surroundings<'_>) -> Asked {
    let mode = tls::mode(reader, table, &tls::MODES);
    let helo = table.get("helo").and_then(|value| reader.host(&value)).unwrap_or_else(|| around.node.name.clone());
    let tls = tls::read(reader, table, mode);
    let login = login::read(reader, table, &tls);
    let port = if mode == TlsMode::Implicit { SUBMISSIONS_PORT } else { SUBMISSION_PORT };
    Asked { kind: MonitorKind::Submission(SubmissionCheck { helo, tls, login }), port: Port::Usual(port) }
}
