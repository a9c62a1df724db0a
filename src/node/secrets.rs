//! Secrets on disk: TSIG keys, the secrets of DNS Cookies, and the key under which secrets are shared.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use super::loading::Fallback;
use crate::config::{Diagnostic, Report, Severity};
use crate::model::{KeySource, NotifyTarget, Settings};
use crate::serve::Secrets;
use crate::store::sealed::{ClusterKeys, KeyFileFault};
use crate::tsig::Key;

/// The largest file of a secret that is read, in octets.
const FILE_BOUND: u64 = 64 << 10;
/// The shortest TSIG secret, in octets: RFC 8945 section 8 wants at least 128 bits.
const KEY_LEAST: usize = 16;
/// The most cookie secrets: one that makes cookies, the one before and the one to come.
const COOKIE_SECRETS: usize = 3;
/// Permissions that nobody but the owner may have.
const OTHERS: u32 = 0o077;
/// What a file of cookie secrets holds.
const COOKIES: &str = "one to three secrets, each a line of 32 hexadecimal digits";

/// Secrets as they were read.
#[derive(Clone)]
pub struct LoadedSecrets {
    /// Those that could be used.
    pub secrets: Arc<Secrets>,
    /// What is wrong with the others, where the node starts without them.
    pub troubles: Vec<String>,
}

/// Reads the secrets that `settings` name. `None` where those in use stay: for changes that nobody ordered.
pub fn load(settings: &Settings, fallback: Fallback<'_>, report: &mut Report) -> Option<LoadedSecrets> {
    let mut problems = Vec::new();
    match fallback {
        Fallback::LastGood(..) => None,
        Fallback::Nothing => {
            let secrets = Arc::new(read(settings, &mut problems));
            // Read anew whenever it is used, which tells of a bad one; who loads or checks by hand shall hear of it at once.
            let shared = settings.secrets.shared_under.as_deref().map(cluster_keys);
            problems.extend(shared.and_then(Result::err).map(|problem| *problem));
            // So are those of notifications.
            problems.extend(settings.notify.iter().filter_map(of_target));
            for problem in problems {
                report.push(problem);
            }
            Some(LoadedSecrets { secrets, troubles: Vec::new() })
        }
        Fallback::Start => {
            let secrets = Arc::new(read(settings, &mut problems));
            Some(LoadedSecrets { secrets, troubles: problems.iter().map(ToString::to_string).collect() })
        }
    }
}

fn read(settings: &Settings, problems: &mut Vec<Diagnostic>) -> Secrets {
    let mut note = |problem: Box<Diagnostic>| problems.push(*problem);
    let keyring = settings.keys.iter().filter_map(|source| key(source).map_err(&mut note).ok()).collect();
    let file = settings.cookies.secrets.as_deref();
    let cookies = file.and_then(|file| cookies(file).map_err(&mut note).ok()).unwrap_or_default();
    Secrets { keyring, cookies }
}

fn key(source: &KeySource) -> Result<Key, Box<Diagnostic>> {
    let path = &source.secret;
    let expected = "a secret in base64, at least 16 octets of it";
    let remedy = format!(
        "make one with: (umask 077; head -c 32 /dev/urandom | base64 > {}); the other server needs the same",
        path.display()
    );
    let wrong = |what: String| Box::new(problem(path, 0, what, expected, remedy.clone()));
    let text = private_text(path, expected, &remedy)?;
    let digits: String = text.split_ascii_whitespace().collect();
    let secret = BASE64
        .decode(digits.as_bytes())
        .map_err(|error| wrong(format!("no base64 for key {}: {}", source.name, error.kind)))?;
    if secret.len() < KEY_LEAST {
        return Err(wrong(format!("a secret of {} octets for key {}", secret.len(), source.name)));
    }
    Ok(Key::new(source.name.clone(), source.algorithm, &secret))
}

/// Reads the secrets of DNS Cookies.
///
/// # Errors
/// If there are none, or anybody but their owner may read them.
pub fn cookies(path: &Path) -> Result<Vec<[u8; 16]>, Box<Diagnostic>> {
    cookie_secrets(path, &cookie_text(path)?)
}

/// Reads the text of the file of cookie secrets, whatever it says.
///
/// # Errors
/// If it is not there, or anybody but its owner may read it.
pub fn cookie_text(path: &Path) -> Result<String, Box<Diagnostic>> {
    private_text(path, COOKIES, &cookie_remedy(path))
}

fn cookie_remedy(path: &Path) -> String {
    format!(
        "make one with: (umask 077; head -c 16 /dev/urandom | od -An -tx1 | tr -d ' ' > {}); all nodes need the same",
        path.display()
    )
}

/// The cookie secrets that `text` holds; `path` names it in diagnostics.
///
/// # Errors
/// What is wrong with it; never what stands there.
pub fn cookie_secrets(path: &Path, text: &str) -> Result<Vec<[u8; 16]>, Box<Diagnostic>> {
    let wrong = |line: usize, what: &str| Box::new(problem(path, line, what, COOKIES, cookie_remedy(path)));
    let mut secrets = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let decoded = HEXLOWER_PERMISSIVE.decode(line.trim().as_bytes()).ok();
        match decoded.and_then(|octets| octets.try_into().ok()) {
            // What stands there is not repeated: it may be a secret all the same.
            None => return Err(wrong(at + 1, "a line that is no cookie secret")),
            Some(_) if secrets.len() == COOKIE_SECRETS => return Err(wrong(at + 1, "a fourth cookie secret")),
            Some(secret) => secrets.push(secret),
        }
    }
    if secrets.is_empty() { Err(wrong(0, "no cookie secret in the file")) } else { Ok(secrets) }
}

/// Reads the key under which secrets travel through the store that the nodes share.
///
/// # Errors
/// If it is none, or anybody but its owner may read it.
pub fn cluster_keys(path: &Path) -> Result<ClusterKeys, Box<Diagnostic>> {
    let expected = "one to three keys, each a line of 32 octets in base64";
    let shown = path.display();
    let remedy = format!("make one with 'waypost key cluster {shown}' at one node, and copy it to all others");
    let text = private_text(path, expected, &remedy)?;
    ClusterKeys::parse(&text).map_err(|fault| {
        let line = match fault {
            KeyFileFault::NoKey { line } | KeyFileFault::TooMany { line } => line,
            KeyFileFault::Empty => 0,
        };
        Box::new(problem(path, line, fault.to_string(), expected, remedy))
    })
}

/// What is wrong with the file of the secret of a target of notifications.
fn of_target(target: &NotifyTarget) -> Option<Diagnostic> {
    let path = target.way.secret_file()?;
    let what = crate::notify::Secret::read(path).err()?;
    let expected = "the secret in the first line of a file that only its owner may read";
    let remedy = format!("write it with: (umask 077; cat > {}), for target {}", path.display(), target.name);
    Some(problem(path, 0, what, expected, remedy))
}

/// The text of a file that only its owner may read.
fn private_text(path: &Path, expected: &str, remedy: &str) -> Result<String, Box<Diagnostic>> {
    let wrong = |what: String, remedy: String| Box::new(problem(path, 0, what, expected, remedy));
    let unreadable = |error: std::io::Error| wrong(error.to_string(), remedy.to_owned());
    let file = File::open(path).map_err(unreadable)?;
    // Of the open file: what is judged is what is read.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & OTHERS != 0 {
        let what = format!("a secret that group or others may use (mode {:04o})", mode & 0o7777);
        let remedy = format!("chmod 0600 {}; if anyone else could have read it, make another", path.display());
        return Err(wrong(what, remedy));
    }
    let mut text = String::new();
    let read = file.take(FILE_BOUND + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(read).is_ok_and(|read| read > FILE_BOUND) {
        return Err(wrong(format!("more than {} KiB", FILE_BOUND >> 10), remedy.to_owned()));
    }
    Ok(text)
}

fn problem(path: &Path, line: usize, what: impl Into<String>, expected: &str, remedy: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: path.to_path_buf(),
        line,
        column: usize::from(line > 0),
        length: 0,
        what: what.into(),
        expected: expected.to_owned(),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::config;
    use crate::model::{Name, TsigAlgorithm};

    /// A configuration beside files of secrets.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str, mode: u32) {
            fs::write(self.path(name), text).unwrap();
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn settings(&self) -> Settings {
            let text = "[node]\nname = \"ns1\"\n[cookies]\nsecrets = \"cookies\"\n";
            let (settings, report) = config::read(&self.path("waypost.toml"), text);
            let mut settings = settings.unwrap_or_else(|| panic!("{report}"));
            settings.keys = vec![KeySource {
                name: "xfer".parse().unwrap(),
                algorithm: TsigAlgorithm::HmacSha256,
                secret: self.path("key"),
            }];
            settings
        }

        fn read(&self) -> (Secrets, Vec<Diagnostic>) {
            let mut problems = Vec::new();
            let secrets = read(&self.settings(), &mut problems);
            (secrets, problems)
        }
    }

    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZg==\n";
    const COOKIES: &str = "000102030405060708090a0b0c0d0e0f\n\nFFfefdfcfbfaf9f8f7f6f5f4f3f2f1f0\n";

    #[test]
    fn secrets_are_read_from_private_files() {
        let place = Place::new();
        place.write("key", KEY, 0o600);
        place.write("cookies", COOKIES, 0o400);
        let (secrets, problems) = place.read();
        assert!(problems.is_empty(), "{problems:?}");
        assert!(secrets.keyring.get(&"xfer".parse::<Name>().unwrap()).is_some());
        assert_eq!((secrets.cookies.len(), secrets.cookies[0][15], secrets.cookies[1][0]), (2, 15, 255));
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_remedy_and_never_repeated() {
        let place = Place::new();
        let cases: [(&str, u32, &str, u32, &[&str]); 8] = [
            (KEY, 0o640, COOKIES, 0o600, &["mode 0640", "chmod 0600"]),
            (KEY, 0o600, COOKIES, 0o604, &["mode 0604", "chmod 0600"]),
            ("c2hvcnQ=", 0o600, COOKIES, 0o600, &["5 octets for key xfer.", "umask 077"]),
            ("0123456789abcdef!", 0o600, COOKIES, 0o600, &["no base64 for key xfer.", "base64"]),
            (KEY, 0o600, "000102030405060708090a0b0c0d0e\n", 0o600, &["cookies:1:1", "no cookie secret", "od -An"]),
            (KEY, 0o600, "\n\n", 0o600, &["no cookie secret in the file"]),
            (KEY, 0o600, "zz0102030405060708090a0b0c0d0e0f\n", 0o600, &["cookies:1:1", "32 hexadecimal"]),
            (KEY, 0o600, &format!("{COOKIES}{COOKIES}"), 0o600, &["cookies:6:1", "a fourth cookie secret"]),
        ];
        for (key, key_mode, cookies, cookie_mode, words) in cases {
            place.write("key", key, key_mode);
            place.write("cookies", cookies, cookie_mode);
            let (secrets, problems) = place.read();
            let [problem] = problems.as_slice() else { panic!("{words:?}: {problems:?}") };
            let said = problem.to_string();
            for word in words {
                assert!(said.contains(word), "{word}: {said}");
            }
            for secret in [key, cookies].into_iter().flat_map(str::split_whitespace) {
                assert!(!said.contains(secret), "{said}");
            }
            // The other one is used all the same.
            assert_ne!(secrets.keyring.is_empty(), secrets.cookies.is_empty());
        }
        fs::remove_file(place.path("key")).unwrap();
        place.write("cookies", COOKIES, 0o600);
        assert!(place.read().1[0].what.contains("No such file"));
    }

    #[test]
    fn the_key_of_the_cluster_is_looked_at_with_the_others_and_never_repeated() {
        let place = Place::new();
        place.write("key", KEY, 0o600);
        place.write("cookies", COOKIES, 0o600);
        let mut settings = place.settings();
        settings.secrets.shared_under = Some(place.path("cluster.key"));
        let key = ClusterKeys::generate().unwrap();
        let cases = [
            (key.reveal().to_owned(), 0o600, ""),
            (key.reveal().to_owned(), 0o640, "mode 0640"),
            (format!("\n{}x\n", key.reveal().trim_end()), 0o600, "cluster.key:2:1"),
            (key.reveal().repeat(4), 0o600, "a fourth key"),
            (String::new(), 0o600, "waypost key cluster"),
        ];
        for (text, mode, words) in cases {
            place.write("cluster.key", &text, mode);
            let mut report = Report::new();
            load(&settings, Fallback::Nothing, &mut report);
            let said = report.to_string();
            assert_eq!(report.errors().count(), usize::from(!words.is_empty()), "{said}");
            assert!(said.contains(words) && !said.contains(key.reveal().trim_end()), "{words}: {said}");
        }
    }

    #[test]
    fn a_start_goes_on_without_them_and_a_reload_does_not() {
        let place = Place::new();
        place.write("key", KEY, 0o644);
        place.write("cookies", COOKIES, 0o600);
        let mut report = Report::new();
        let loaded = load(&place.settings(), Fallback::Start, &mut report).unwrap();
        assert!(report.is_empty() && loaded.secrets.keyring.is_empty());
        assert!(loaded.troubles[0].contains("chmod"), "{:?}", loaded.troubles);
        load(&place.settings(), Fallback::Nothing, &mut report);
        assert!(report.has_errors());
    }
}
