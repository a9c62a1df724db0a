//! `kind = "exec"`: a command in the convention of Nagios plugins.

use std::path::PathBuf;

use super::{Asked, Port, Surroundings};
use crate::config::defaults::{ARGUMENT_OCTETS, ARGUMENTS, USER_OCTETS};
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::config::words::{quoted, similar};
use crate::model::{ExecCheck, MonitorKind};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 2] = ["command", "user"];

/// What may stand in braces in an argument.
const PLACEHOLDERS: [&str; 4] = ["address", "port", "host", "service"];

/// The check of an exec monitor: an absolute path and its arguments, run by no shell. A port is needed only where an argument
/// names it.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let example = "[\"/usr/lib/nagios/plugins/check_tcp\", \"-H\", \"{address}\", \"-p\", \"{port}\"]";
    let members = reader
        .required(table, "command", "a program and its arguments", example)
        .and_then(|value| {
            reader.some_list(&value, "a program and its arguments", "\"/usr/lib/nagios/plugins/check_tcp\"")
        })
        .unwrap_or_default();
    if let Some(beyond) = members.get(ARGUMENTS) {
        let what = format!("{} members in {beyond}", members.len());
        reader.error(&beyond.span, what, format!("at most {ARGUMENTS}"), "put them into a script");
    }
    let mut members = members.iter();
    let program = members.next().and_then(|value| program(reader, value)).unwrap_or_default();
    let arguments = members.filter_map(|value| argument(reader, value)).collect::<Vec<_>>();
    let port =
        if arguments.iter().any(|argument| argument.contains("{port}")) { Port::Required } else { Port::Usual(0) };
    let user = table.get("user").and_then(|value| user(reader, &value));
    Asked { kind: MonitorKind::Exec(ExecCheck { program, arguments, user }), port }
}

fn program(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<PathBuf> {
    let text = reader.string(value)?;
    if !text.starts_with('/') || text.ends_with('/') || text.chars().any(|letter| letter.is_control() || letter == '{')
    {
        let remedy = match text.split_once(char::is_whitespace) {
            Some((path, _)) if path.starts_with('/') => {
                "put the program and each of its arguments between quotes of their own".to_owned()
            }
            _ => "write where the program is, as in \"/usr/lib/nagios/plugins/check_tcp\"; there is no search path"
                .to_owned(),
        };
        reader.refuse(value, "the absolute path of a program", remedy);
        return None;
    }
    Some(text.into())
}

fn argument(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if text.len() > ARGUMENT_OCTETS || text.contains('\0') {
        reader.refuse(
            value,
            format!("at most {ARGUMENT_OCTETS} octets without zeros"),
            "put it into a script or a file",
        );
        return None;
    }
    let unknown = placeholders(text).find(|word| !PLACEHOLDERS.contains(word));
    if let Some(word) = unknown {
        let listed = PLACEHOLDERS.map(|known| format!("{{{known}}}")).join(", ");
        let remedy = match similar(word, PLACEHOLDERS.into_iter()) {
            Some(meant) => format!("did you mean {{{meant}}}?"),
            None => "write what is meant, or put it into a script".to_owned(),
        };
        let what = format!("{} in {}", quoted(&format!("{{{word}}}")), value.as_found());
        reader.error(&value.span, what, format!("one of {listed}"), remedy);
    }
    Some(text.to_owned())
}

/// The words of small letters in braces.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|behind| {
        let (word, _) = behind.split_once('}')?;
        (!word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase())).then_some(word)
    })
}

fn user(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    let good = |letter: char| letter.is_ascii_alphanumeric() || "_-.$".contains(letter);
    if text.is_empty() || text.len() > USER_OCTETS || text.starts_with('-') || !text.chars().all(good) {
        reader.refuse(value, "the name of a user of this machine", "write it as in \"nagios\", or delete user");
        return None;
    }
    Some(text.to_owned())
}
