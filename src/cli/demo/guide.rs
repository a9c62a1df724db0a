//! What the demo tells its user to type.

use std::path::Path;

use super::login::Login;
use super::ports::Ports;
use super::sample::{GERMAN_CLIENT, JAPANESE_ADDRESS, JAPANESE_CLIENT, SITES};
use super::site_process::SiteProcess;

/// What the demo's own prompt understands.
pub const PROMPT_HELP: &str = "\
Type here:
  kill fra      end the SMTP process of a site at once
  hang fra      make a site accept and answer nothing
  revive fra    start a site's SMTP process anew
  help, quit";

/// The whole guide: what to type in a second terminal, with this demo's real ports, paths and processes.
#[must_use]
pub fn guide(executable: &Path, configuration: &Path, ports: &Ports, login: &Login, sites: &[SiteProcess]) -> String {
    let dig = format!("dig @{} -p {}", ports.dns.ip(), ports.dns.port());
    let mut lines = vec![
        format!("A Waypost node answers DNS on {} (UDP and TCP), its admin API is on {}.", ports.dns, ports.admin),
        format!(
            "Its dashboard is http://{}/: look at it as you are; to drain there, sign in as {} with the password {}",
            ports.admin, login.name, login.password
        ),
        "Three mail sites of example.org:".to_owned(),
    ];
    for (sample, site) in SITES.iter().zip(sites) {
        let process = site.id().map_or_else(|| "ended".to_owned(), |id| format!("process {id}"));
        lines.push(format!("  {}  {:<11} SMTP on {:<17} {process}", sample.name, sample.city, site.args().listen));
    }
    lines.push("\nType in a second terminal:".to_owned());
    let mut entry = |command: String, why: &str| lines.push(format!("  # {why}\n  {command}"));
    entry(
        format!("alias waypost='{} --config {}'", executable.display(), configuration.display()),
        "first: a command that finds this node",
    );
    entry(format!("{dig} example.org MX +subnet={GERMAN_CLIENT}"), "a client in Germany: Frankfurt comes first");
    entry(format!("{dig} example.org MX +subnet={JAPANESE_CLIENT}"), "a client in Japan: Tokyo comes first");
    entry(format!("waypost explain example.org MX --client {JAPANESE_ADDRESS}"), "why, in plain words");
    entry("waypost status".to_owned(), "who serves");
    if let Some(id) = sites.first().and_then(SiteProcess::id) {
        entry(format!("kill -KILL {id}"), "kill a site; `revive fra` here brings it back");
        entry(format!("kill -STOP {id}"), "or let it hang; `kill -CONT` brings it back");
    }
    entry(
        "waypost drain iad --for 1h --reason \"kernel update\"".to_owned(),
        "drain a site: it shows what that changes, and asks",
    );
    entry("waypost undrain iad".to_owned(), "and take it back");
    lines.push(format!("\n{PROMPT_HELP}\nCtrl-C ends the demo.\n"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_names_the_real_ports_and_paths() {
        let ports = Ports {
            dns: "127.0.0.1:5399".parse().unwrap(),
            admin: "127.0.0.1:8099".parse().unwrap(),
            smtp: Vec::new(),
        };
        let login = Login { name: "demo", password: "opensesame".to_owned(), hash: String::new() };
        let text = guide(Path::new("/opt/waypost"), Path::new("/tmp/x/waypost.toml"), &ports, &login, &[]);
        for part in [
            "dig @127.0.0.1 -p 5399 example.org MX +subnet=80.128.0.0/24",
            "alias waypost='/opt/waypost --config /tmp/x/waypost.toml'\n",
            "  waypost status\n",
            "admin API is on 127.0.0.1:8099",
            "dashboard is http://127.0.0.1:8099/",
            "sign in as demo with the password opensesame",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
