//! What is said to whoever types something wrong, or asks for help.

use clap::{CommandFactory, Parser};

use super::super::arguments::Arguments;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn what_is_no_time_no_duration_and_no_id_is_told_in_plain_words() {
    for (line, said) in [
        ("waypost drain fra --reason x --at 23:00", "'23:00' is no time; write it as in 2026-05-01T12:00:00Z"),
        ("waypost drain fra --reason x --until yesterday", "'yesterday' is no time; write it as in"),
        ("waypost drain fra --reason x --for -1h", "'-1h' is not a duration; expected numbers with units, as in 90s"),
        ("waypost explain example.org --at yesterday", "'yesterday' is neither a time, as in"),
        ("waypost audit export --since soon", "'soon' is neither a time, as in"),
        ("waypost events --after x", "'x' is no id; ids are numbers"),
        ("waypost incident x", "'x' is no id; ids are numbers"),
    ] {
        let error = parse(line).unwrap_err().to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
    for line in ["waypost explain example.org --at 5m", "waypost audit export --since 2d"] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn what_must_be_said_comes_first_in_the_help_and_the_way_to_the_node_last() {
    let mut command = Arguments::command();
    command.build();
    let drain = command.find_subcommand_mut("drain").unwrap().render_long_help().to_string();
    let (own, connection) = drain.split_once("\nConnection:\n").unwrap();
    let (_, own) = own.split_once("\nOptions:\n").unwrap();
    assert!(own.trim_start().starts_with("--reason <TEXT>"), "{own}");
    for option in ["--config", "--node", "--token-file", "--ca", "--cert", "--key", "--answer-within"] {
        assert!(connection.contains(&format!("{option} <")) && !own.contains(&format!("{option} <")), "{option}");
    }
    assert!(own.contains("--output <OUTPUT>"));
}
