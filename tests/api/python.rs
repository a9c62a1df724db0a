//! Programs from PyPI, in an environment of their own that later runs find again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The versions that the tests were written with.
const PACKAGES: [&str; 2] = ["schemathesis==4.32.5", "oidc-provider-mock==0.3.4"];

/// The program `name` of the environment.
pub fn program(name: &str) -> PathBuf {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| {
        let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/api-venv");
        if !environment.join("bin/schemathesis").exists() || !environment.join("bin/oidc-provider-mock").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
            run(Command::new(environment.join("bin/pip")).args(["install", "--quiet"]).args(PACKAGES));
        }
        environment
    });
    environment.join("bin").join(name)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
