//! The keysets that the zones of the node need: which, from where, and when they change.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::keyset_files;
use super::loading::Marks;
use crate::config::{Diagnostic, Severity};
use crate::dnssec::{Keyset, KeysetName};
use crate::model::{Name, Settings, ZonePolicy};

/// The keysets in use, by name.
#[derive(Clone, Debug, Default)]
pub struct Keys(HashMap<KeysetName, Arc<Keyset>>);

impl Keys {
    /// The keyset that signs the zone `origin`, if one does and could be read.
    #[must_use]
    pub fn of_zone(&self, origin: &Name, policy: &ZonePolicy) -> Option<&Arc<Keyset>> {
        self.0.get(&keyset_name(origin, policy)?.ok()?)
    }

    /// These, and in place of each of `wanted` that is missing what `earlier` has: keys that were good once go on
    /// signing.
    #[must_use]
    pub fn or_as_before<'n>(mut self, earlier: &Self, wanted: impl IntoIterator<Item = &'n KeysetName>) -> Self {
        for name in wanted {
            if let Some(keyset) = earlier.0.get(name) {
                self.0.entry(name.clone()).or_insert_with(|| Arc::clone(keyset));
            }
        }
        self
    }

    /// The first moment after `now` at which any zone is to be signed with other keys.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.values().filter_map(|keyset| keyset.next_change(now)).min()
    }

    /// All keysets by name.
    pub fn iter(&self) -> impl Iterator<Item = (&KeysetName, &Arc<Keyset>)> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The keyset that signs the zone `origin`; `None` if it is not signed.
///
/// # Errors
/// If the policy names one that cannot exist.
#[must_use]
pub fn keyset_name(origin: &Name, policy: &ZonePolicy) -> Option<Result<KeysetName, String>> {
    let signing = policy.dnssec.as_ref()?;
    Some(match &signing.keyset {
        Some(name) => name.parse().map_err(|_| name.clone()),
        None => Ok(KeysetName::of_zone(origin)),
    })
}

/// The keysets that `zones` need, each once, and names that none can have.
#[must_use]
pub fn wanted<'z>(
    zones: impl IntoIterator<Item = (&'z Name, &'z ZonePolicy)>,
) -> (BTreeSet<KeysetName>, BTreeSet<String>) {
    let mut names = (BTreeSet::new(), BTreeSet::new());
    for name in zones.into_iter().filter_map(|(origin, policy)| keyset_name(origin, policy)) {
        match name {
            Ok(name) => names.0.insert(name),
            Err(bad) => names.1.insert(bad),
        };
    }
    names
}

/// Reads the keysets that `zones` need, as of `now`.
///
/// The errors say which could not be read; the warnings, which have times that leave a zone without its keys. Nothing
/// is read where no zone is signed.
#[must_use]
pub fn read<'z>(
    settings: &Settings,
    zones: impl IntoIterator<Item = (&'z Name, &'z ZonePolicy)>,
    now: Timestamp,
) -> (Keys, Vec<Diagnostic>) {
    let directory = &settings.dnssec.keys;
    let (names, bad) = wanted(zones);
    let mut found: Vec<Diagnostic> = bad
        .iter()
        .map(|name| {
            let what = format!("\"{}\" as keyset of a [[zone]]", name.escape_debug());
            let expected = "a-z, 0-9, '_', '-' and single dots inside";
            about(directory, Severity::Error, what, expected, "choose another name for the keyset")
        })
        .collect();
    let mut keys = HashMap::with_capacity(names.len());
    for name in names {
        match keyset_files::read(directory, &name) {
            Ok(keyset) => {
                let path = keyset_files::path_of(directory, &name);
                found.extend(keyset.faults(now).into_iter().map(|fault| {
                    about(
                        &path,
                        Severity::Warning,
                        fault.to_string(),
                        "keys whose times follow on each other",
                        fault.remedy(),
                    )
                }));
                keys.insert(name, Arc::new(keyset));
            }
            Err(problem) => {
                for diagnostic in problem.diagnostics() {
                    // What is wrong with the directory is wrong once.
                    if !found.contains(&diagnostic) {
                        found.push(diagnostic);
                    }
                }
            }
        }
    }
    (Keys(keys), found)
}

/// The files of `names` and their directory by what tells that they changed.
///
/// When their inodes changed rather than their contents: a `chmod` that makes a file fit for use has to be seen too.
#[must_use]
pub fn marks<'n>(directory: &Path, names: impl IntoIterator<Item = &'n KeysetName>) -> Marks {
    let file_mark = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        let (seconds, nanoseconds) =
            (u64::try_from(metadata.ctime()).ok()?, u32::try_from(metadata.ctime_nsec()).ok()?);
        Some((SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds), metadata.len()))
    };
    // Files of other zones come and go: of the directory only the mode counts.
    let directory_mark = fs::metadata(directory).ok().map(|found| (SystemTime::UNIX_EPOCH, u64::from(found.mode())));
    let mut marks: Marks = names
        .into_iter()
        .map(|name| keyset_files::path_of(directory, name))
        .map(|path| (path.clone(), file_mark(&path)))
        .collect();
    if !marks.is_empty() {
        marks.insert(directory.to_path_buf(), directory_mark);
    }
    marks
}

fn about(path: &Path, severity: Severity, what: String, expected: &str, remedy: &str) -> Diagnostic {
    Diagnostic {
        severity,
        file: path.to_path_buf(),
        line: 0,
        column: 0,
        length: 0,
        what,
        expected: expected.to_owned(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use aws_lc_rs::rand::SystemRandom;

    use super::*;
    use crate::dnssec::DnssecKey;
    use crate::dnssec::lifecycle::{Division, Policy, begin};
    use crate::model::{Denial, ZoneSigning};
    use crate::node::keyset_files::{Earlier, Problem, make_directory, path_of, write};

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn keyset(began: Timestamp) -> Keyset {
        let mut source = || DnssecKey::generate(&SystemRandom::new());
        begin(Division::Combined, &mut source, began, &Policy::default()).unwrap()
    }

    fn signed(keyset: Option<&str>) -> ZonePolicy {
        let keyset = keyset.map(ToOwned::to_owned);
        ZonePolicy { dnssec: Some(ZoneSigning { keyset, denial: Denial::Nsec }), ..ZonePolicy::default() }
    }

    fn zone(name: &str) -> Name {
        name.parse().unwrap()
    }

    fn settings(directory: &Path) -> Settings {
        let text = format!("[node]\nname = \"a\"\n[dnssec]\nkeys = \"{}\"\n", directory.join("keys").display());
        crate::config::read(Path::new("waypost.toml"), &text).0.unwrap()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    struct Scene {
        _temporary: tempfile::TempDir,
        settings: Settings,
    }

    impl Scene {
        fn new(names: &[&str]) -> Self {
            let temporary = tempfile::tempdir().unwrap();
            let settings = settings(temporary.path());
            make_directory(&settings.dnssec.keys).unwrap();
            for name in names {
                write(&settings.dnssec.keys, &name.parse().unwrap(), &keyset(now()), Earlier::Kept).unwrap();
            }
            Self { _temporary: temporary, settings }
        }

        fn directory(&self) -> &Path {
            &self.settings.dnssec.keys
        }

        fn file(&self, name: &str) -> std::path::PathBuf {
            path_of(self.directory(), &name.parse().unwrap())
        }

        fn read(&self, zones: &[(Name, ZonePolicy)]) -> (Keys, Vec<String>) {
            let (keys, found) = read(&self.settings, zones.iter().map(|(origin, policy)| (origin, policy)), now());
            (keys, found.iter().map(ToString::to_string).collect())
        }
    }

    #[test]
    fn each_zone_has_its_keyset_and_many_share_one() {
        let scene = Scene::new(&["example.org", "hosted"]);
        let zones = [
            (zone("Example.org."), signed(None)),
            (zone("a.example."), signed(Some("hosted"))),
            (zone("b.example."), signed(Some("hosted"))),
            (zone("plain.example."), ZonePolicy::default()),
        ];
        let (keys, found) = scene.read(&zones);
        assert_eq!(found, [""; 0]);
        assert_eq!(keys.len(), 2);
        let of = |ix: usize| keys.of_zone(&zones[ix].0, &zones[ix].1);
        assert!(Arc::ptr_eq(of(1).unwrap(), of(2).unwrap()));
        assert!(of(0).is_some() && of(3).is_none());
        assert_eq!(keys.next_change(now()), Some("2026-05-02T13:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_others_may_read_is_refused_with_the_remedy() {
        let scene = Scene::new(&["example.org"]);
        let zones = [(zone("example.org."), signed(None)), (zone("b.example."), signed(None))];
        let file = scene.file("example.org");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::metadata(scene.directory()).unwrap().permissions().mode() & 0o7777, 0o700);
        for mode in [0o644, 0o640, 0o620, 0o601] {
            set_mode(&file, mode);
            let (keys, found) = scene.read(&zones[..1]);
            assert!(keys.is_empty(), "{mode:o}");
            assert!(found[0].contains(&format!("mode {mode:04o}")), "{found:?}");
            assert!(found[0].contains(&format!("chmod 600 {}", file.display())), "{found:?}");
        }
        set_mode(&file, 0o400);
        assert_eq!(scene.read(&zones[..1]).0.len(), 1);
        set_mode(scene.directory(), 0o750);
        let (keys, found) = scene.read(&zones);
        assert!(keys.is_empty());
        assert_eq!(found.len(), 1, "once for all keysets: {found:?}");
        assert!(found[0].contains("chmod 700"), "{found:?}");
    }

    #[test]
    fn what_is_missing_broken_or_no_file_is_named() {
        let scene = Scene::new(&["broken", "pipe", "long"]);
        fs::write(scene.file("broken"), "[[key]]\nrole = \"csk\"\n").unwrap();
        fs::write(scene.file("long"), "#".repeat(1 << 20)).unwrap();
        fs::remove_file(scene.file("pipe")).unwrap();
        fs::create_dir(scene.file("pipe")).unwrap();
        let zones =
            ["broken", "pipe", "long", "nowhere", "../etc"].map(|name| (zone("example.org."), signed(Some(name))));
        let (keys, found) = scene.read(&zones);
        assert!(keys.is_empty());
        let found = found.join("\n");
        for said in [
            "broken.keys:1:1: error: found [[key]] without private",
            "pipe.keys: error: found something that is no file",
            "long.keys: error: found a text that is too long",
            "waypost key generate --keyset nowhere",
            "\"../etc\" as keyset of a [[zone]]",
        ] {
            assert!(found.contains(said), "{said}: {found}");
        }
        let (keys, found) = read(&settings(Path::new("/nonexistent")), [(&zone("a."), &signed(None))], now());
        assert!(keys.is_empty() && found.len() == 1, "{found:?}");
        let (_, found) = read(&settings(Path::new("/nonexistent")), [(&zone("a."), &ZonePolicy::default())], now());
        assert_eq!(found, [], "nobody needs a key");
    }

    #[test]
    fn wrong_times_are_a_warning() {
        let scene = Scene::new(&[]);
        let early = keyset("2030-01-01T00:00:00Z".parse().unwrap());
        write(scene.directory(), &"example.org".parse().unwrap(), &early, Earlier::Kept).unwrap();
        let zones = [(zone("example.org."), signed(None))];
        let (keys, found) = read(&scene.settings, zones.iter().map(|(origin, policy)| (origin, policy)), now());
        assert_eq!(keys.len(), 1);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|found| found.severity == Severity::Warning), "{found:?}");
    }

    #[test]
    fn keys_that_were_good_once_stay() {
        let scene = Scene::new(&["example.org", "gone"]);
        let zones = [(zone("example.org."), signed(None)), (zone("b."), signed(Some("gone")))];
        let (before, _) = scene.read(&zones);
        fs::write(scene.file("example.org"), "").unwrap();
        let (after, found) = scene.read(&zones[..1]);
        assert!(after.is_empty() && found.len() == 1);
        let (names, _) = wanted(zones[..1].iter().map(|(origin, policy)| (origin, policy)));
        let after = after.or_as_before(&before, &names);
        assert_eq!(after.len(), 1, "only what is wanted still");
        assert!(after.of_zone(&zones[0].0, &zones[0].1).is_some());
    }

    #[test]
    fn every_change_of_a_file_shows_in_its_mark() {
        let scene = Scene::new(&["example.org"]);
        let name: KeysetName = "example.org".parse().unwrap();
        let mut seen = vec![marks(scene.directory(), [&name])];
        let mut changed = |scene: &Scene| {
            let now = marks(scene.directory(), [&name]);
            assert!(!seen.contains(&now));
            seen.push(now);
        };
        std::thread::sleep(Duration::from_millis(20));
        set_mode(&scene.file("example.org"), 0o640);
        changed(&scene);
        std::thread::sleep(Duration::from_millis(20));
        write(scene.directory(), &name, &keyset(now()), Earlier::Replaced).unwrap();
        changed(&scene);
        set_mode(scene.directory(), 0o755);
        changed(&scene);
        fs::remove_file(scene.file("example.org")).unwrap();
        changed(&scene);
        assert!(marks(scene.directory(), []).is_empty());
    }

    #[test]
    fn a_keyset_is_not_overwritten_by_a_new_one() {
        let scene = Scene::new(&["example.org"]);
        let before = fs::read(scene.file("example.org")).unwrap();
        let name = "example.org".parse().unwrap();
        let refused = write(scene.directory(), &name, &keyset(now()), Earlier::Kept);
        assert!(matches!(refused, Err(Problem::Exists(_))), "{refused:?}");
        assert_eq!(fs::read(scene.file("example.org")).unwrap(), before);
        assert_eq!(fs::read_dir(scene.directory()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn what_root_writes_belongs_to_the_owner_of_the_directory() {
        let scene = Scene::new(&["example.org"]);
        let user = 54_321;
        if std::os::unix::fs::chown(scene.directory(), Some(user), Some(user)).is_err() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        let name = "example.org".parse().unwrap();
        write(scene.directory(), &name, &keyset(now()), Earlier::Replaced).unwrap();
        let metadata = fs::metadata(scene.file("example.org")).unwrap();
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (user, user, 0o600));
    }
}
