//! Would a mail operator's mistake be missed, blamed on the wrong line, or a good file refused?

mod abuse;
mod accepted;
mod cluster;
mod composite;
mod drills;
mod infrastructure;
mod mail_monitors;
mod mistakes;
mod promises;
mod properties;
mod readings;
mod service_points;
mod several;
mod xdp;
mod zones;

use std::path::Path;

use super::*;

/// The example of DESIGN section 11.
const EXAMPLE: &str = include_str!("example.toml");

/// The example with line `line` (from 1) replaced by `text`.
fn example_with(line: usize, text: &str) -> String {
    let mut lines: Vec<&str> = EXAMPLE.lines().collect();
    lines[line - 1] = text;
    lines.join("\n") + "\n"
}

fn read_text(text: &str) -> (Option<Settings>, Report) {
    read(Path::new("/etc/waypost/waypost.toml"), text)
}

/// The settings of a text without any mistake, or what is wrong with it.
fn settings(text: &str) -> Settings {
    let (settings, report) = read_text(text);
    settings.unwrap_or_else(|| panic!("{}", report.render(Color::Never)))
}
