//! A key directory and the program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub struct Scene {
    directory: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    #[track_caller]
    pub fn refused(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for said in said {
            assert!(self.stderr.contains(said), "no {said:?} in {self:?}");
        }
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

impl Scene {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn keys(&self) -> PathBuf {
        self.directory.path().join("keys")
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn file(&self, keyset: &str) -> PathBuf {
        self.keys().join(format!("{keyset}.keys"))
    }

    /// `waypost key LINE --dir KEYS`. Whatever it says, no private key is in it.
    #[track_caller]
    pub fn key(&self, line: &str) -> Ended {
        self.run(&format!("key {line} --dir {}", self.keys().display()))
    }

    /// `waypost LINE`.
    #[track_caller]
    pub fn run(&self, line: &str) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_waypost"))
            .args(line.split_whitespace())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ended =
            Ended { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) };
        for secret in self.secrets() {
            assert!(!ended.stdout.contains(&secret) && !ended.stderr.contains(&secret), "a private key: {ended:?}");
        }
        ended
    }

    /// The private keys of all files.
    fn secrets(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.keys()) else { return Vec::new() };
        let texts = entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
        let lines: Vec<String> =
            texts.flat_map(|text| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>()).collect();
        let values = lines.iter().filter_map(|line| line.strip_prefix("private = \"")?.strip_suffix('"'));
        // The second half: the first is the same in every PKCS #8 document.
        values.map(|value| value[value.len() / 2..value.len() / 2 + 20].to_owned()).collect()
    }

    /// Makes everything in the file of `keyset` happen earlier, as if so much time had passed.
    pub fn pass(&self, keyset: &str, time: SignedDuration) {
        let file = self.file(keyset);
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some((name, value)) if value.parse::<Timestamp>().is_ok() => {
                format!("{name} = {}", value.parse::<Timestamp>().unwrap() - time)
            }
            _ => line.to_owned(),
        });
        fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    }

    pub fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    pub fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What `key list KEYSET -o json` says of that keyset.
    #[track_caller]
    pub fn keyset(&self, keyset: &str) -> Value {
        self.key(&format!("list {keyset} -o json")).well().json()["keysets"][0].clone()
    }

    /// Role and state of each key, in the order of the file.
    #[track_caller]
    pub fn states(&self, keyset: &str) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keyset = self.keyset(keyset);
        keyset["keys"].as_array().unwrap().iter().map(|key| (text(&key["role"]), text(&key["state"]))).collect()
    }
}

pub const fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}
