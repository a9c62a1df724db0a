//! The files that monitors read when they probe: opened when a configuration is loaded, so that a wrong name is told at once
//! and not by what it makes of every site.

use crate::config::{Diagnostic, Severity};
use crate::model::{ProbeFileKind, Settings};
use crate::probe::{readable_anchors, readable_password};

/// What is wrong with them, where the configuration names them.
pub fn problems(settings: &Settings) -> Vec<Diagnostic> {
    let problem = |file: &crate::model::ProbeFile| {
        let (found, expected, remedy) = match file.holds {
            ProbeFileKind::Anchors => (
                readable_anchors(&file.path),
                "a file of certificates in PEM that the node may read",
                "correct the path, or leave ca out for the system's authorities",
            ),
            ProbeFileKind::Password => (
                readable_password(&file.path),
                "a file with a password in its one line that the node may read",
                "correct the path, or write the password into that file",
            ),
        };
        let why = found.err()?;
        Some(Diagnostic {
            severity: Severity::Error,
            file: settings.path.clone(),
            line: file.line,
            column: file.column,
            length: file.length,
            what: format!("{}: {why}", file.named),
            expected: expected.to_owned(),
            remedy: remedy.to_owned(),
        })
    };
    settings.probe_files.iter().filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config;

    /// A monitor with `lines`, in a configuration at `path`.
    fn found(path: &Path, lines: &str) -> Vec<String> {
        let text = format!("[node]\nname = \"ns1\"\n\n[monitor.mail]\n{lines}\n");
        let (settings, report) = config::read(path, &text);
        problems(&settings.unwrap_or_else(|| panic!("{report:?}"))).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_that_no_monitor_could_read_is_told_with_line_and_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("waypost.toml");
        let at = |name: &str| directory.path().join(name).display().to_string();
        let ca = "kind = \"smtp\"\nca = \"nope.pem\"";
        let told = found(&path, ca);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with(&format!(
                "{}:6:6: error: found ca = \"nope.pem\" in [monitor.mail]: ",
                at("waypost.toml")
            ))
        );
        assert!(told[0].contains(&format!("cannot read the CA file {}: No such file", at("nope.pem"))), "{told:?}");
        fs::write(at("nope.pem"), "no certificate\n").unwrap();
        assert!(found(&path, ca)[0].contains("no trust anchors in the CA file"), "{:?}", found(&path, ca));
        let login = "kind = \"imap\"\nlogin = { user = \"probe\", password_file = \"probe.pw\" }";
        assert!(found(&path, login)[0].contains("probe.pw: there is no such file"), "{:?}", found(&path, login));
        fs::write(at("probe.pw"), "secret\n").unwrap();
        assert_eq!(found(&path, login), [""; 0]);
    }

    #[test]
    fn what_nobody_opens_is_not_missed() {
        let told = found(Path::new("waypost.toml"), "kind = \"smtp\"\nverify = false\nca = \"nope.pem\"");
        assert_eq!(told, [""; 0]);
    }
}
