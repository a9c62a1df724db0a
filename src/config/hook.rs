//! `[[hook]]`: commands that run when an endpoint changes state.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::defaults::{
    ARGUMENT_OCTETS, ARGUMENTS, HOOK_AT_MOST, HOOK_AT_MOST_RANGE, HOOK_PER, HOOK_PER_RANGE, HOOK_TIMEOUT,
    HOOK_TIMEOUT_RANGE, HOOKS,
};
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use crate::model::{Hook, State};

const KEYS: [&str; 9] = ["name", "monitor", "service", "site", "on", "command", "timeout", "at_most", "per"];

const STATES: [(&str, State); 3] = [("down", State::Down), ("up", State::Up), ("deferring", State::Deferring)];

/// What hooks may name.
pub(super) struct Declared<'r> {
    pub(super) monitors: &'r Roster,
    pub(super) services: &'r Roster,
    pub(super) sites: &'r Roster,
}

/// All hooks, in file order.
pub(super) fn read(reader: &mut Reader<'_>, tables: &[Table<'_>], declared: &Declared<'_>) -> Vec<Hook> {
    let names = Roster::of_sections(reader, "hook", tables);
    if let Some(beyond) = tables.get(HOOKS) {
        let what = format!("{} sections [[hook]]", tables.len());
        reader.error(&beyond.span, what, format!("at most {HOOKS}"), "let one command tell the cases apart");
    }
    let mut hooks = Vec::with_capacity(tables.len());
    for (position, table) in tables.iter().enumerate() {
        reader.allow(table, &KEYS);
        let mut named = |key: &str, roster: &Roster| {
            let value = table.get(key)?;
            roster.resolve(reader, &value).map(|position| roster.name(position).to_owned())
        };
        let monitor = named("monitor", declared.monitors);
        let service = named("service", declared.services);
        let site = named("site", declared.sites);
        let on = reader
            .required(table, "on", "the states that it runs for", "[\"down\"]")
            .and_then(|value| states(reader, &value));
        let command = reader
            .required(table, "command", "a program and its arguments", "[\"/usr/local/sbin/mend\"]")
            .and_then(|value| command(reader, &value));
        let timeout = table.get("timeout").and_then(|value| reader.duration(&value, &HOOK_TIMEOUT_RANGE));
        let at_most = table.get("at_most").and_then(|value| reader.integer(&value, HOOK_AT_MOST_RANGE));
        let per = table.get("per").and_then(|value| reader.duration(&value, &HOOK_PER_RANGE));
        let (Some(on), Some((program, arguments))) = (on, command) else { continue };
        hooks.push(Hook {
            name: names.name(position).to_owned(),
            monitor,
            service,
            site,
            on,
            program,
            arguments,
            timeout: timeout.unwrap_or(HOOK_TIMEOUT),
            at_most: at_most.unwrap_or(HOOK_AT_MOST),
            per: per.unwrap_or(HOOK_PER),
        });
    }
    hooks
}

fn states(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<BTreeSet<State>> {
    let members = reader.some_list(value, "one state at least", "\"down\"")?;
    Some(members.iter().filter_map(|member| reader.word(member, &STATES)).collect())
}

fn command(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<(PathBuf, Vec<String>)> {
    let members = reader.some_list(value, "a program and its arguments", "\"/usr/local/sbin/mend\"")?;
    if let Some(beyond) = members.get(ARGUMENTS) {
        let what = format!("{} members in {beyond}", members.len());
        reader.error(&beyond.span, what, format!("at most {ARGUMENTS}"), "put them into a script");
    }
    let (first, rest) = members.split_first()?;
    let program = reader.string(first)?;
    if !program.starts_with('/') || program.ends_with('/') || program.chars().any(char::is_control) {
        let remedy = "write where the program is, as in \"/usr/local/sbin/mend\"; there is no search path and no shell";
        reader.refuse(first, "the absolute path of a program", remedy);
        return None;
    }
    let mut arguments = Vec::with_capacity(rest.len());
    for member in rest {
        let text = reader.string(member)?;
        if text.len() > ARGUMENT_OCTETS || text.contains('\0') {
            let expected = format!("at most {ARGUMENT_OCTETS} octets without zeros");
            reader.refuse(member, expected, "put it into a script or a file");
            return None;
        }
        arguments.push(text.to_owned());
    }
    Some((program.into(), arguments))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use toml::de::DeTable;

    use super::*;
    use crate::config::Report;

    fn read_text(text: &str) -> (Vec<Hook>, Report) {
        let document = DeTable::parse(text).unwrap();
        let mut reader = Reader::new(Path::new("/etc/waypost/waypost.toml"), text);
        let root = Table::root(&document);
        let services = reader.sections(&root, "service");
        let services = Roster::of_sections(&mut reader, "service", &services);
        let (none, others) =
            (Roster::of_sections(&mut reader, "site", &[]), Roster::of_named(&mut reader, "monitor", &[]));
        let tables = reader.sections(&root, "hook");
        let hooks = read(&mut reader, &tables, &Declared { monitors: &others, services: &services, sites: &none });
        (hooks, reader.finish())
    }

    #[test]
    fn a_hook_has_bounds_unless_it_names_others() {
        let text = "[[service]]\nname = \"mx\"\n[[hook]]\nname = \"mend\"\nservice = \"mx\"\non = [\"down\"]\ncommand = [\"/bin/true\", \"x\"]\n";
        let (hooks, report) = read_text(text);
        assert!(report.is_empty(), "{report}");
        let hook = &hooks[0];
        assert_eq!((hook.timeout, hook.at_most, hook.per), (Duration::from_secs(30), 5, Duration::from_secs(3_600)));
        assert_eq!((hook.service.as_deref(), hook.arguments.as_slice()), (Some("mx"), &["x".to_owned()][..]));
    }

    #[test]
    fn slips_have_their_place_and_their_remedy() {
        let head = "[[service]]\nname = \"mx\"\n[[hook]]\nname = \"mend\"\n";
        for (rest, line, words) in [
            ("on = [\"dwn\"]\ncommand = [\"/bin/true\"]\n", 5, "did you mean \"down\"?"),
            ("on = [\"down\"]\ncommand = [\"true\"]\n", 6, "no search path"),
            ("on = [\"down\"]\ncommand = \"/bin/true\"\n", 6, "brackets"),
            ("on = [\"down\"]\ncommand = [\"/bin/true\"]\nservice = \"mxx\"\n", 7, "did you mean \"mx\"?"),
            ("on = [\"down\"]\ncommand = [\"/bin/true\"]\nat_most = 0\n", 7, "from 1 to 1000"),
            ("on = [\"down\"]\n", 3, "command"),
        ] {
            let (_, report) = read_text(&format!("{head}{rest}"));
            let found: Vec<_> = report.iter().collect();
            let [only] = found.as_slice() else { panic!("{rest}: {report}") };
            assert_eq!(only.line, line, "{rest}: {report}");
            assert!(only.to_string().contains(words), "{rest}: {report}");
        }
    }
}
