//! The peaks of the day across restarts: a small file in the state directory.
//!
//! Losing it costs no more than learning the peaks anew, so it is written now and then and never waited for. It is not in the
//! store: nothing in it has to agree with an order or a plan.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::ViewPeaks;

/// Name of the file.
const FILE: &str = "demand.json";
/// The largest file that is read: some 300 octets for each of as many views as are measured.
const OCTETS: u64 = 1 << 25;
/// Value of `schema`.
const SCHEMA: &str = "waypost.demand/1";

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    schema: String,
    /// When it was written, by the wall clock.
    written: Timestamp,
    views: Vec<ViewPeaks>,
}

/// The peaks that were kept in `directory`, with the whole hours since; none where there is no file.
///
/// # Errors
/// If there is one that cannot be read or makes no sense.
pub fn read(directory: &Path, now: Timestamp) -> io::Result<(Vec<ViewPeaks>, u64)> {
    let file = match fs::File::open(path(directory)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(OCTETS).read_to_string(&mut text)?;
    let document: Document = serde_json::from_str(&text)?;
    if document.schema != SCHEMA {
        return Err(io::Error::other(format!("schema '{}', expected '{SCHEMA}'", document.schema)));
    }
    // A clock that went back makes them no younger than new.
    let seconds = now.duration_since(document.written).as_secs();
    Ok((document.views, u64::try_from(seconds / 3_600).unwrap_or_default()))
}

/// Keeps `views` in `directory`, whole or not at all.
///
/// # Errors
/// If the system refuses.
pub fn write(directory: &Path, views: Vec<ViewPeaks>, now: Timestamp) -> io::Result<()> {
    let document = Document { schema: SCHEMA.to_owned(), written: now, views };
    let (file, draft) = (path(directory), path(directory).with_extension("new"));
    fs::write(&draft, serde_json::to_vec(&document)?)?;
    fs::rename(draft, file)
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{DEMAND_HOURS, ViewKey};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_written_is_read_with_its_age() {
        let directory = tempfile::tempdir().unwrap();
        let written = at("2026-05-01T12:00:00Z");
        assert_eq!(read(directory.path(), written).unwrap(), (Vec::new(), 0));
        let view = ViewKey { service: "mx".to_owned(), order: vec!["fra".to_owned()] };
        let views = vec![ViewPeaks { view, hours: [1.5; DEMAND_HOURS] }];
        write(directory.path(), views.clone(), written).unwrap();
        assert_eq!(read(directory.path(), at("2026-05-01T14:59:00Z")).unwrap(), (views.clone(), 2));
        assert_eq!(read(directory.path(), at("2026-05-01T11:00:00Z")).unwrap(), (views, 0));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_an_error_and_no_panic() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "{}", "[1]", "{\"schema\":\"x\",\"written\":\"2026-05-01T12:00:00Z\",\"views\":[]}", "\u{0}"] {
            fs::write(path(directory.path()), text).unwrap();
            assert!(read(directory.path(), at("2026-05-01T12:00:00Z")).is_err(), "{text:?}");
        }
    }
}
