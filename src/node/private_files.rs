//! Files that only their owner may read: written whole or not at all, and never lost on the way.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// Permissions of what is written.
const MODE: u32 = 0o600;
/// What stands between the name of a file and the time at which it was put aside.
const ASIDE: &str = ".conflict-";

/// Whether a file that is there is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// No: that is an error.
    Kept,
    /// Yes, by one step.
    Replaced,
}

/// Whom a file belongs to that is written by root; others can write for themselves alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The owner of its directory.
    OfDirectory,
    /// The owner of the file that it replaces; of the directory, where there is none.
    AsBefore,
}

/// Writes `text` as the file at `path`.
///
/// # Errors
/// If the system refuses; [`io::ErrorKind::AlreadyExists`] if a file is there that shall be kept.
pub fn put(path: &Path, text: &str, earlier: Earlier, owner: Owner) -> io::Result<()> {
    let directory = directory_of(path);
    let model = match owner {
        Owner::AsBefore if path.exists() => path,
        Owner::AsBefore | Owner::OfDirectory => directory,
    };
    let passing = with_ending(path, &format!(".{}.tmp", std::process::id()));
    // Left behind by a process of this number that was killed.
    let _gone = fs::remove_file(&passing);
    let written = write_whole(&passing, model, text).and_then(|()| match earlier {
        Earlier::Replaced => fs::rename(&passing, path),
        // Unlike a rename, a link replaces nothing.
        Earlier::Kept => fs::hard_link(&passing, path),
    });
    let _gone = fs::remove_file(&passing);
    written.and_then(|()| sync(directory))
}

/// Gives the file at `path` a second name, by which it stays when the first gets another content. Returns it.
///
/// # Errors
/// If the system refuses, or there is such a name already.
pub fn put_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let aside = with_ending(path, &format!("{ASIDE}{}", now.strftime("%Y%m%dT%H%M%S%.3fZ")));
    fs::hard_link(path, &aside)?;
    Ok(aside)
}

/// Files of `directory` that were put aside from one whose name `is_ours`.
///
/// # Errors
/// If the directory cannot be read.
pub fn aside(directory: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let original = name.to_str().and_then(|name| name.split_once(ASIDE));
        if original.is_some_and(|(original, _)| is_ours(original)) {
            found.push(directory.join(name));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Deletes the file at `path`.
///
/// # Errors
/// If the system refuses.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync(directory_of(path))
}

/// What root makes in a directory of the node's user is for that user.
///
/// # Errors
/// If the system refuses.
pub fn give_to_owner_of(path: &Path, model: &Path) -> io::Result<()> {
    let (made, wanted) = (fs::metadata(path)?, fs::metadata(model)?);
    if made.uid() == wanted.uid() {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(wanted.uid()), Some(wanted.gid()))
}

/// The directory that the file at `path` lies in.
pub fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_whole(path: &Path, model: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    give_to_owner_of(path, model)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    fn now() -> Timestamp {
        "2026-05-01T12:00:00.5Z".parse().unwrap()
    }

    #[test]
    fn a_file_is_replaced_whole_and_its_earlier_content_can_stay_beside_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("cookies");
        put(&path, "one", Earlier::Kept, Owner::AsBefore).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(put(&path, "two", Earlier::Kept, Owner::AsBefore).unwrap_err().kind(), ErrorKind::AlreadyExists);
        let beside = put_aside(&path, now()).unwrap();
        assert_eq!(beside, place.path().join("cookies.conflict-20260501T120000.500Z"));
        put_aside(&path, now()).unwrap_err();
        put(&path, "two", Earlier::Replaced, Owner::AsBefore).unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap(), fs::read_to_string(&beside).unwrap()),
            ("two".into(), "one".into())
        );
        assert_eq!(aside(place.path(), |name| name == "cookies").unwrap(), std::slice::from_ref(&beside));
        assert!(aside(place.path(), |name| name == "cookie").unwrap().is_empty());
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_file_keeps_its_owner() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("cookies");
        put(&path, "one", Earlier::Kept, Owner::AsBefore).unwrap();
        if std::os::unix::fs::chown(&path, Some(54_321), Some(54_321)).is_err() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        put(&path, "two", Earlier::Replaced, Owner::AsBefore).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().uid(), 54_321);
        put(&path, "three", Earlier::Replaced, Owner::OfDirectory).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().uid(), fs::metadata(place.path()).unwrap().uid());
    }
}
