//! The shelf: the files of this node that the nodes share, where they lie and what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::config::Diagnostic;
use crate::dnssec::{Keyset, KeysetName};
use crate::model::Settings;
use crate::node::keyset_files::{self, Problem};
use crate::node::private_files::{self, Earlier, Owner};
use crate::node::{secrets, signing};
use crate::store::mirror::{Digest, Local, Need, Replaced};
use crate::store::sealed::SecretText;

/// What the nodes call a file that they share, wherever it lies on each of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SharedName {
    /// The secrets of DNS Cookies.
    Cookies,
    /// A keyset of DNSSEC.
    Keyset(KeysetName),
}

impl SharedName {
    const COOKIES: &str = "cookies";
    const KEYSETS: &str = "dnssec/";

    /// The file that a record of the store is about; `None` for what a later version of the program may share.
    #[must_use]
    pub fn of_record(name: &str) -> Option<Self> {
        if name == Self::COOKIES {
            return Some(Self::Cookies);
        }
        name.strip_prefix(Self::KEYSETS)?.parse().ok().map(Self::Keyset)
    }
}

impl fmt::Display for SharedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookies => f.write_str(Self::COOKIES),
            Self::Keyset(name) => write!(f, "{}{}", Self::KEYSETS, name.as_str()),
        }
    }
}

/// A file as it was found.
#[derive(Clone, Debug)]
pub struct Here {
    /// What it comes to.
    pub local: Local,
    /// What it holds, where that can be used.
    pub text: Option<SecretText>,
    /// What is wrong with it, where it cannot be used.
    pub trouble: Option<String>,
}

impl Here {
    const MISSING: Self = Self { local: Local::Missing, text: None, trouble: None };

    fn text(text: String) -> Self {
        Self { local: Local::Text(Digest::of(&text)), text: Some(SecretText::new(text)), trouble: None }
    }

    fn unfit(trouble: String) -> Self {
        Self { local: Local::Unfit, text: None, trouble: Some(trouble) }
    }
}

/// Why a file was left as it was.
#[derive(Debug)]
pub enum Left {
    /// Somebody changed it since it was looked at.
    Changed,
    /// What is to lie there cannot be used, or the system refuses.
    Refused(String),
}

/// Where the shared files of a node lie.
#[derive(Clone, Debug)]
pub struct Shelf {
    cookies: Option<PathBuf>,
    keys: PathBuf,
    needed: BTreeSet<KeysetName>,
}

impl Shelf {
    /// As `settings` say.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            cookies: settings.cookies.secrets.clone(),
            keys: settings.dnssec.keys.clone(),
            needed: signing::keysets(settings),
        }
    }

    /// Whether the configuration names the file.
    #[must_use]
    pub fn need(&self, name: &SharedName) -> Need {
        match name {
            SharedName::Keyset(name) if !self.needed.contains(name) => Need::Spare,
            SharedName::Keyset(_) | SharedName::Cookies => Need::Needed,
        }
    }

    /// Looks at all files that lie here, and at those of `others` that have a place here; `had` are the ones that were here
    /// once. Blocks.
    #[must_use]
    pub fn look(
        &self,
        others: impl IntoIterator<Item = SharedName>,
        had: impl Fn(&SharedName) -> bool,
    ) -> BTreeMap<SharedName, Here> {
        let mut names: BTreeSet<SharedName> = others.into_iter().collect();
        names.extend(self.needed.iter().cloned().map(SharedName::Keyset));
        names.insert(SharedName::Cookies);
        let listed = keyset_files::list(&self.keys);
        names.extend(listed.iter().flatten().cloned().map(SharedName::Keyset));
        let mut found = BTreeMap::new();
        for name in names {
            let here = match (&name, &self.cookies, &listed) {
                (SharedName::Cookies, None, _) => continue,
                (SharedName::Cookies, Some(path), _) => cookies(path),
                (SharedName::Keyset(keyset), _, Ok(_)) => self.keyset(keyset),
                // A directory that is gone was not emptied: a disk is missing.
                (SharedName::Keyset(_), _, Err(Problem::Missing(_))) if !had(&name) => Here::MISSING,
                (SharedName::Keyset(_), _, Err(problem)) => Here::unfit(words(problem)),
            };
            found.insert(name, here);
        }
        found
    }

    fn keyset(&self, name: &KeysetName) -> Here {
        match keyset_files::read_text(&self.keys, name) {
            Ok(text) => match Keyset::parse(&keyset_files::path_of(&self.keys, name), &text) {
                Ok(_) => Here::text(text),
                Err(faults) => Here::unfit(first(&faults)),
            },
            Err(Problem::Missing(_)) => Here::MISSING,
            Err(problem) => Here::unfit(words(&problem)),
        }
    }

    /// Puts `text` in the place of the file, which is still as it was `seen`. Returns where the earlier text lies, where it
    /// is kept. Blocks.
    ///
    /// # Errors
    /// If it is not as it was seen, the text cannot be used, or the system refuses; then nothing is changed.
    pub fn take_over(
        &self,
        name: &SharedName,
        text: &SecretText,
        seen: Local,
        replaced: Replaced,
        now: Timestamp,
    ) -> Result<Option<PathBuf>, Left> {
        match name {
            SharedName::Cookies => {
                let path = self.cookies.as_deref().ok_or(Left::Changed)?;
                secrets::cookie_secrets(path, text.reveal()).map_err(|problem| Left::Refused(unusable(&problem)))?;
                unchanged(seen, &cookies(path))?;
                let aside = aside(path, seen, replaced, now)?;
                private_files::put(path, text.reveal(), Earlier::Replaced, Owner::AsBefore)
                    .map_err(|error| Left::Refused(refused(path, &error)))?;
                Ok(aside)
            }
            SharedName::Keyset(keyset) => {
                let path = keyset_files::path_of(&self.keys, keyset);
                let faulty = |faults: Vec<Diagnostic>| faults.first().map_or_else(String::new, unusable);
                Keyset::parse(&path, text.reveal()).map_err(|faults| Left::Refused(faulty(faults)))?;
                keyset_files::make_directory(&self.keys).map_err(|problem| Left::Refused(words(&problem)))?;
                let _alone = self.lock(keyset)?;
                unchanged(seen, &self.keyset(keyset))?;
                let aside = aside(&path, seen, replaced, now)?;
                keyset_files::replace_text(&self.keys, keyset, text.reveal())
                    .map_err(|problem| Left::Refused(words(&problem)))?;
                Ok(aside)
            }
        }
    }

    /// Deletes the file, which is still as it was `seen`; otherwise like [`Self::take_over`].
    ///
    /// # Errors
    /// If it is not as it was seen, or the system refuses; then nothing is changed.
    pub fn remove(
        &self,
        name: &SharedName,
        seen: Local,
        replaced: Replaced,
        now: Timestamp,
    ) -> Result<Option<PathBuf>, Left> {
        // Who has a place for cookie secrets needs them.
        let SharedName::Keyset(keyset) = name else { return Err(Left::Changed) };
        let path = keyset_files::path_of(&self.keys, keyset);
        let _alone = self.lock(keyset)?;
        unchanged(seen, &self.keyset(keyset))?;
        let aside = aside(&path, seen, replaced, now)?;
        private_files::remove(&path).map_err(|error| Left::Refused(refused(&path, &error)))?;
        Ok(aside)
    }

    /// No 'waypost key' changes keysets meanwhile.
    fn lock(&self, keyset: &KeysetName) -> Result<File, Left> {
        keyset_files::lock(&self.keys, keyset).map_err(|problem| Left::Refused(words(&problem)))
    }

    /// Files that were put aside and wait for an operator. What cannot be read is told elsewhere. Blocks.
    #[must_use]
    pub fn aside(&self) -> Vec<PathBuf> {
        let keysets = private_files::aside(&self.keys, |name| KeysetName::of_file(name).is_some());
        let cookies = self.cookies.as_deref().and_then(|path| {
            let ours = path.file_name()?.to_str()?;
            private_files::aside(private_files::directory_of(path), |name| name == ours).ok()
        });
        keysets.unwrap_or_default().into_iter().chain(cookies.unwrap_or_default()).collect()
    }
}

fn cookies(path: &Path) -> Here {
    // Where the system does not let us look, the file is not known to be missing.
    if fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Here::MISSING;
    }
    let text = secrets::cookie_text(path);
    match text.and_then(|text| secrets::cookie_secrets(path, &text).map(|_| text)) {
        Ok(text) => Here::text(text),
        Err(problem) => Here::unfit(problem.to_string()),
    }
}

fn unchanged(seen: Local, here: &Here) -> Result<(), Left> {
    if here.local == seen { Ok(()) } else { Err(Left::Changed) }
}

/// Keeps what lies at `path`, where that is to be kept and anything is there.
fn aside(path: &Path, seen: Local, replaced: Replaced, now: Timestamp) -> Result<Option<PathBuf>, Left> {
    match (replaced, seen) {
        (Replaced::Dropped, _) | (_, Local::Missing) => Ok(None),
        (Replaced::Aside, Local::Text(_) | Local::Unfit) => {
            private_files::put_aside(path, now).map(Some).map_err(|error| Left::Refused(refused(path, &error)))
        }
    }
}

/// The first of the diagnostics of `problem`: the others are consequences, or shown by `waypost check`.
fn words(problem: &Problem) -> String {
    match problem {
        Problem::Missing(one) | Problem::Denied(one) | Problem::Exists(one) => one.to_string(),
        Problem::Faulty(all) => first(all),
    }
}

fn first(faults: &[Diagnostic]) -> String {
    faults.first().map(ToString::to_string).unwrap_or_default()
}

/// What is wrong with a text that came from elsewhere: not with the file that it would become.
fn unusable(fault: &Diagnostic) -> String {
    format!("{}, where {} is expected", fault.what, fault.expected)
}

fn refused(path: &Path, error: &io::Error) -> String {
    format!(
        "{} cannot be written: {error}; the user that runs the node needs write access to it and to its directory",
        path.display()
    )
}
