//! Texts under the hash of what they hold: compressed, each kept once.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::node::loading::TEXT_FILE_BOUND;

/// The name of a text: SHA-256 of its octets, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Object(String);

/// Where texts lie.
pub(super) struct Objects(PathBuf);

impl Objects {
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self(directory.join("objects"))
    }

    pub(super) const fn directory(&self) -> &PathBuf {
        &self.0
    }

    fn file(&self, object: &Object) -> PathBuf {
        self.0.join(&object.0)
    }

    /// Whether the text called `object` is kept.
    pub(super) fn has(&self, object: &Object) -> bool {
        self.file(object).exists()
    }

    /// Keeps `text`, unless it is kept.
    pub(super) fn keep(&self, text: &str) -> io::Result<Object> {
        let object = Object(HEXLOWER.encode(&Sha256::digest(text.as_bytes())));
        let file = self.file(&object);
        if file.exists() {
            return Ok(object);
        }
        let unfinished = file.with_extension("new");
        let out = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&unfinished)?;
        let mut encoder = ZlibEncoder::new(out, Compression::default());
        encoder.write_all(text.as_bytes())?;
        encoder.finish()?.sync_data()?;
        fs::rename(&unfinished, &file)?;
        Ok(object)
    }

    /// The text called `object`; an error also where it is not what its name says.
    pub(super) fn read(&self, object: &Object) -> io::Result<String> {
        // A name from a damaged line must not lead elsewhere.
        if object.0.len() != 64 || !object.0.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its name is no hash"));
        }
        let mut text = String::new();
        ZlibDecoder::new(fs::File::open(self.file(object))?).take(TEXT_FILE_BOUND).read_to_string(&mut text)?;
        if HEXLOWER.encode(&Sha256::digest(text.as_bytes())) != object.0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not what was kept"));
        }
        Ok(text)
    }

    /// Takes out what is not `needed`; gives how many octets are left.
    pub(super) fn sweep(&self, needed: &BTreeSet<Object>) -> io::Result<u64> {
        let mut left = 0_u64;
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = Object(entry.file_name().to_string_lossy().into_owned());
            if needed.contains(&name) {
                left = left.saturating_add(entry.metadata()?.len());
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(left)
    }
}
