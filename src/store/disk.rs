//! How the database reaches its file; tests put a disk that fills up in its place.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{Builder, Database, StorageBackend};

use super::bounds::CACHE_BYTES;

/// Opens the database, again and again: redb refuses all work after a failed write until it is opened anew.
pub(super) trait Disk: Send + Sync {
    /// The database, made if missing. Writes to the file even if nothing is changed.
    fn open(&self) -> Result<Database, redb::Error>;
}

/// A file.
pub(super) struct DiskFile(pub(super) PathBuf);

impl Disk for DiskFile {
    fn open(&self) -> Result<Database, redb::Error> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.0)?;
        Ok(Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(FileBackend::new(file)?)?)
    }
}

/// The database in `file` as last committed, without writing an octet to it.
pub(super) fn open_untouched(file: &Path) -> Result<Database, redb::Error> {
    let file = OpenOptions::new().read(true).open(file)?;
    let length = file.metadata()?.len();
    let overlay = Overlay { file, written: Mutex::new(Written { length, pages: BTreeMap::new() }) };
    Ok(Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(overlay)?)
}

/// Granularity of [`Overlay`] in octets.
const PAGE: usize = 4096;

/// A file whose writes stay in memory: redb recovers a file that was not closed only by writing to it.
#[derive(Debug)]
struct Overlay {
    file: File,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    /// By number, each [`PAGE`] long.
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page called `number` as it was on disk; zeros beyond its end.
    fn on_disk(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut page = vec![0; PAGE];
        let mut filled = 0;
        while let Some(rest) = page.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = number.saturating_mul(PAGE as u64).saturating_add(filled as u64);
            match self.file.read_at(rest, at)? {
                0 => break,
                read => filled = filled.saturating_add(read),
            }
        }
        Ok(page)
    }
}

/// The pieces of `offset..offset + length`, one a page: page number and range within the page.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let end = offset.saturating_add(length as u64);
    let mut at = offset;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let number = at / PAGE as u64;
        let start = at % PAGE as u64;
        let stop = end.saturating_sub(at).saturating_add(start).min(PAGE as u64);
        at = at.saturating_add(stop.saturating_sub(start));
        // Both are at most PAGE.
        #[allow(clippy::cast_possible_truncation)]
        Some((number, start as usize..stop as usize))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        if offset.saturating_add(out.len() as u64) > written.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = out;
        for (number, range) in pieces(offset, rest.len()) {
            let Some((piece, after)) = std::mem::take(&mut rest).split_at_mut_checked(range.len()) else { break };
            match written.pages.get(&number).and_then(|page| page.get(range.clone())) {
                Some(octets) => piece.copy_from_slice(octets),
                None => piece.copy_from_slice(self.on_disk(number)?.get(range).unwrap_or_default()),
            }
            rest = after;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written();
        let kept = len.div_ceil(PAGE as u64);
        written.pages.retain(|number, _| *number < kept);
        written.length = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut rest = data;
        for (number, range) in pieces(offset, data.len()) {
            let Some((piece, after)) = rest.split_at_checked(range.len()) else { break };
            let mut written = self.written();
            let page = match written.pages.entry(number) {
                std::collections::btree_map::Entry::Occupied(page) => page.into_mut(),
                std::collections::btree_map::Entry::Vacant(slot) => slot.insert(self.on_disk(number)?),
            };
            if let Some(octets) = page.get_mut(range) {
                octets.copy_from_slice(piece);
            }
            rest = after;
        }
        Ok(())
    }
}
