//! `kind = "agent"`: the line of HAProxy's agent check.

use super::{Asked, Port, Surroundings};
use crate::config::defaults::{AGENT_PORT, AGENT_SEND_OCTETS};
use crate::config::reader::Reader;
use crate::config::value::Table;
use crate::model::{AgentCheck, MonitorKind};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 1] = ["send"];

/// The check of an agent monitor.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let send = table.get("send").and_then(|value| {
        let text = reader.string(&value)?;
        if text.is_empty() || text.len() > AGENT_SEND_OCTETS || text.chars().any(char::is_control) {
            let expected = format!("one line of 1 to {AGENT_SEND_OCTETS} octets without control characters");
            reader.refuse(&value, expected, "write the line without its end, which is added, or delete send");
            return None;
        }
        Some(text.to_owned())
    });
    Asked { kind: MonitorKind::Agent(AgentCheck { send }), port: Port::RequiredLike(AGENT_PORT) }
}
