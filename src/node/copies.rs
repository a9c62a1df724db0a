//! The last copies of transferred zones on disk, so that a start needs no primary (RFC 1034 section 4.3.5).
//!
//! Each zone has a master file and a small note beside it that says when the copy was last known to be current. Both are
//! written whole or not at all.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::loading::{TEXT_FILE_BOUND, read_text};
use crate::config::Report;
use crate::model::{Name, Settings};
use crate::zone::{self, Include, Zone};

/// The longest part of a file name that is made of a zone's name; longer ones end in a digest.
const NAME_OCTETS: usize = 160;
/// Octets of the digest that tells long names apart.
const DIGEST_OCTETS: usize = 16;

/// What is known of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When a primary last said that it is current, or gave it.
    pub checked: Timestamp,
    /// The serial of the copy that this is said of.
    pub serial: u32,
    /// The unique label of the catalog's member that it is of, in hexadecimal; empty for a zone of the configuration. The
    /// copy of another is of another zone (RFC 9432 section 5.4).
    #[serde(default)]
    pub member: String,
}

/// The directory of the copies.
#[must_use]
pub fn directory(settings: &Settings) -> PathBuf {
    settings.state.path.join("secondary")
}

/// The file that holds the copy of a zone.
#[must_use]
pub fn file(directory: &Path, origin: &Name) -> PathBuf {
    directory.join(format!("{}.zone", stem(origin)))
}

fn note_file(directory: &Path, origin: &Name) -> PathBuf {
    directory.join(format!("{}.checked", stem(origin)))
}

/// A file name for any zone: in lower case, without anything that a file system or a shell takes for more than a letter.
fn stem(origin: &Name) -> String {
    let mut stem = String::new();
    for (ix, label) in origin.labels().enumerate() {
        if ix > 0 {
            stem.push('.');
        }
        for octet in label.to_ascii_lowercase() {
            match octet {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => stem.push(char::from(octet)),
                // Writing to a string cannot fail.
                _ => {
                    let _ = write!(stem, "%{octet:02X}");
                }
            }
        }
    }
    if stem.is_empty() {
        // The root; no other name is written with this sign.
        return "@".to_owned();
    }
    if stem.len() > NAME_OCTETS {
        let digest = Sha256::digest(origin.key());
        let digest = data_encoding::HEXLOWER.encode(digest.get(..DIGEST_OCTETS).unwrap_or(&digest));
        // All of it is ASCII, and no other name has this sign either.
        stem.truncate(NAME_OCTETS);
        let _ = write!(stem, "~{digest}");
    }
    stem
}

/// The copy of a zone and what is known of it; `None` where there is none.
///
/// # Errors
/// Why there is one that cannot be used.
pub fn read(directory: &Path, origin: &Name) -> Result<Option<(Zone, Note)>, String> {
    let path = file(directory, origin);
    let written = match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let text = read_text(&path).map_err(|problem| format!("{}: {problem}", path.display()))?;
    let (zone, found) = zone::load(origin, &path, &text, &Nothing);
    let Some(zone) = zone else { return Err(errors(&found)) };
    let note = fs::read_to_string(note_file(directory, origin)).ok();
    let note = note.and_then(|text| serde_json::from_str::<Note>(&text).ok());
    let serial = zone.serial();
    let note = match note {
        Some(note) if note.serial == serial => note,
        // The copy is later than the note: the node ended between the two.
        other => Note {
            checked: Timestamp::try_from(written).unwrap_or(Timestamp::UNIX_EPOCH),
            serial,
            member: other.map(|note| note.member).unwrap_or_default(),
        },
    };
    Ok(Some((zone, note)))
}

/// Writes the copy of a zone, durably.
///
/// # Errors
/// If the disk does not take it; the copy before it is still there then.
pub fn write(directory: &Path, zone: &Zone, note: &Note) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let text = zone::write(zone);
    if text.len() as u64 > TEXT_FILE_BOUND {
        let what = format!("more than {} MiB, which would not be read again", TEXT_FILE_BOUND >> 20);
        return Err(io::Error::new(ErrorKind::FileTooLarge, what));
    }
    replace(&file(directory, zone.origin()), text.as_bytes(), Sync::Wait)?;
    write_note(directory, zone.origin(), note)?;
    // What was renamed is there after a power cut only if its directory is.
    File::open(directory)?.sync_all()
}

/// Writes what is known of a copy.
///
/// # Errors
/// If the disk does not take it.
pub fn write_note(directory: &Path, origin: &Name, note: &Note) -> io::Result<()> {
    let text = serde_json::to_string(note).map_err(io::Error::other)?;
    // A note that a power cut takes is made good by the time of the copy.
    replace(&note_file(directory, origin), text.as_bytes(), Sync::Leave)
}

/// Removes the copy of a zone.
///
/// # Errors
/// If it is still there.
pub fn remove(directory: &Path, origin: &Name) -> io::Result<()> {
    for path in [file(directory, origin), note_file(directory, origin)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether to wait until the disk has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    Wait,
    Leave,
}

fn replace(path: &Path, octets: &[u8], sync: Sync) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(octets)?;
    if sync == Sync::Wait {
        file.sync_all()?;
    }
    fs::rename(&temporary, path)
}

fn errors(report: &Report) -> String {
    report.errors().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Copies include nothing.
struct Nothing;

impl Include for Nothing {
    fn read(&self, _: &Path) -> Result<String, String> {
        Err("copies of transferred zones include nothing".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn zone(serial: u32) -> Zone {
        let text = format!("$TTL 60\n@ SOA ns h {serial} 1 2 3 4\n@ NS ns\nns A 192.0.2.1\n");
        zone::load(&name("example"), Path::new("zone"), &text, &Nothing).0.unwrap()
    }

    #[test]
    fn file_names_are_those_of_their_zones_where_that_is_safe() {
        let directory = Path::new("/d");
        for (zone, expected) in [
            ("Example.ORG", "/d/example.org.zone"),
            (".", "/d/@.zone"),
            ("0/25.2.0.192.in-addr.arpa", "/d/0%2F25.2.0.192.in-addr.arpa.zone"),
            ("a\\.b.example", "/d/a%2Eb.example.zone"),
            ("_x.\\000.example", "/d/_x.%00.example.zone"),
        ] {
            assert_eq!(file(directory, &name(zone)), Path::new(expected));
        }
    }

    #[test]
    fn a_copy_is_read_as_it_was_written_with_when_it_was_current() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("secondary");
        assert!(read(&place, &name("example")).unwrap().is_none());
        let note = Note { checked: "2026-01-02T03:04:05Z".parse().unwrap(), serial: 7, member: "6d31".to_owned() };
        write(&place, &zone(7), &note).unwrap();
        let (read_back, noted) = read(&place, &name("EXAMPLE")).unwrap().unwrap();
        assert_eq!((read_back.serial(), &noted), (7, &note));
        // A note of another version says nothing of this one.
        write_note(&place, &name("example"), &Note { serial: 6, ..note.clone() }).unwrap();
        let (_, noted) = read(&place, &name("example")).unwrap().unwrap();
        assert!(noted.checked > note.checked && noted.member == note.member);
        fs::write(file(&place, &name("example")), "half").unwrap();
        assert!(read(&place, &name("example")).unwrap_err().contains("example.zone"));
        remove(&place, &name("example")).unwrap();
        remove(&place, &name("example")).unwrap();
        assert!(read(&place, &name("example")).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_name_has_a_file_of_its_own(
            names in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 1..64), 0..5), 2..6),
        ) {
            let mut stems = HashSet::new();
            let mut keys = HashSet::new();
            for labels in names {
                let mut wire = Vec::new();
                for label in &labels {
                    wire.push(u8::try_from(label.len()).unwrap());
                    wire.extend(label);
                }
                wire.push(0);
                let Ok(name) = Name::from_wire(&wire) else { continue };
                let stem = stem(&name);
                prop_assert!(stem.len() <= 200 && !stem.contains(['/', '\0']) && !stem.starts_with('.'));
                prop_assert_eq!(keys.insert(name.key()), stems.insert(stem));
            }
        }
    }
}
