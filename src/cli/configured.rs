//! Where a node is, by its configuration.

use std::fs;
use std::path::{Path, PathBuf};

use super::arguments::Global;
use super::exit::Failure;
use crate::config;

/// Where the configuration is looked for.
pub(super) const CONFIGURATIONS: [&str; 2] = ["waypost.toml", "/etc/waypost/waypost.toml"];
/// The admin socket of a configuration that does not say.
const SOCKET: &str = "/run/waypost/admin.sock";
/// What a configuration without a socket says instead.
const OFF: &str = "none";

/// The configuration file that the options name, or the first that exists.
pub(super) fn configuration(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(file) = &global.config {
        return Ok(file.clone());
    }
    CONFIGURATIONS.iter().map(PathBuf::from).find(|file| file.exists()).ok_or_else(|| {
        Failure::Usage(format!(
            "there is neither {}; name the node's configuration with --config FILE, or the node with --node URL \
             --token-file FILE",
            CONFIGURATIONS.join(" nor ")
        ))
    })
}

/// The admin socket that a configuration names.
///
/// A configuration that is being edited may have errors; the node that still runs with the old one must be reachable
/// all the same, so the socket is then read from what can be read.
pub(super) fn socket_of(file: &Path) -> Result<PathBuf, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("the configuration '{}' cannot be read: {error}", file.display())))?;
    let off =
        || Failure::Usage(format!("'{}' turns the admin socket off; use --node URL --token-file FILE", file.display()));
    if let (Some(settings), _) = config::read(file, &text) {
        return settings.admin.socket.ok_or_else(off);
    }
    let document: toml::Table = text.parse().map_err(|_| {
        Failure::Usage(format!("'{0}' cannot be read; see: waypost check --config {0}", file.display()))
    })?;
    let named = document.get("admin").and_then(|admin| admin.get("socket")?.as_str()).unwrap_or(SOCKET);
    if named == OFF {
        return Err(off());
    }
    Ok(file.parent().unwrap_or(Path::new("")).join(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> PathBuf {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("waypost.toml");
        fs::write(&file, text).unwrap();
        let socket = socket_of(&file).unwrap();
        socket.strip_prefix(directory.path()).map(Path::to_path_buf).unwrap_or(socket)
    }

    #[test]
    fn a_configuration_with_errors_still_leads_to_the_node() {
        assert_eq!(socket("[admin]\nsocket = \"run/admin.sock\"\n[nonsense]"), Path::new("run/admin.sock"));
        assert_eq!(socket("[admin]\nsocket = \"/run/other.sock\"\n[nonsense]"), Path::new("/run/other.sock"));
        assert_eq!(socket("[nonsense]"), Path::new(SOCKET));
    }
}
