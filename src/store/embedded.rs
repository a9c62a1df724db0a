//! The embedded store: one redb file in the state directory.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard};

use jiff::Timestamp;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::bounds::{EVENTS_PER_READ, FILE, SCHEMA};
use super::chained::{self, journal};
use super::disk::{Disk, DiskFile, open_untouched};
use super::secret::{self, KeptToken};
use super::tables::{
    COPIES, EPOCH, INTENTS, JOURNAL, LAST_EVENT, META, REVISION, SCHEMA_KEY, TOKENS, VERDICTS, ZONES, count, counter,
    documents, put, scope_key, verdict_key,
};
use super::{ChainState, Changed, Secret, Snapshot, Store, StoreError, stamped};
use crate::model::{EndpointKey, Event, Intent, Link, Scope, Token, Verdict, ZoneState};

/// A store in one database file.
///
/// Every commit is synced, and carries what is needed to open the file at once after a crash. A write that
/// fails leaves the file as it was; the next call opens it again, so the store works as soon as space returns.
pub struct Embedded {
    file: PathBuf,
    disk: Box<dyn Disk>,
    /// `None` after a failure, until the file could be opened again.
    database: Mutex<Option<Database>>,
    /// Copy of the tokens, so that a full or slow disk does not stand between an operator and the node.
    tokens: RwLock<Vec<KeptToken>>,
}

/// Why a transaction ended without a commit.
pub(super) enum Fault {
    /// For a reason of ours: the database is as good as before.
    Ours(StoreError),
    /// A document is not what this version writes.
    Document(serde_json::Error),
    /// The database failed and must be opened again.
    Database(redb::Error),
}

/// A verdict as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptVerdict {
    endpoint: EndpointKey,
    monitor: String,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Embedded {
    /// Opens `waypost.redb` in `directory`; both are made if missing, for their owner only.
    ///
    /// # Errors
    /// If the directory or the file cannot be made, opened or read, or another process has it open.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let file = directory.join(FILE);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| failure(directory, redb::Error::Io(error)))?;
        // It is as good as a new one, but somebody may know that it was none.
        if file.metadata().is_ok_and(|found| found.len() == 0) {
            let file = file.display();
            tracing::warn!(
                "'{file}' is there and empty: what it held, if anything, is lost; the node starts as a new one"
            );
        }
        Self::on_disk(file.clone(), Box::new(DiskFile(file)))
    }

    pub(super) fn on_disk(file: PathBuf, disk: Box<dyn Disk>) -> Result<Self, StoreError> {
        let store = Self { file, disk, database: Mutex::new(None), tokens: RwLock::default() };
        match store.read(layout)? {
            Some(SCHEMA) => {}
            Some(found) => return Err(StoreError::Schema { file: store.file, found, expected: SCHEMA }),
            None => store.write(lay_out)?,
        }
        let kept = store.read(|transaction| documents(&transaction.open_table(TOKENS)?))?;
        *store.kept_tokens() = kept;
        Ok(store)
    }

    fn kept_tokens(&self) -> RwLockWriteGuard<'_, Vec<KeptToken>> {
        self.tokens.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, work: impl Fn(&ReadTransaction) -> Result<T, Fault>) -> Result<T, StoreError> {
        match self.with_database(|database| work(&database.begin_read()?)) {
            // Opening for writing takes space. Who only wants to know what was ordered does not need it.
            Err(error @ (StoreError::Full { .. } | StoreError::Denied { .. })) => contained(|| {
                let database = open_untouched(&self.file).map_err(Fault::Database)?;
                work(&database.begin_read()?)
            })
            .map_err(|_| error),
            done => done,
        }
    }

    /// Runs `work` in a transaction that is durable when this returns, or never was.
    fn write<T>(&self, work: impl FnOnce(&WriteTransaction) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.with_database(|database| {
            let mut transaction = database.begin_write()?;
            // Without it the first start after a crash would read the whole file before the first answer.
            transaction.set_quick_repair(true);
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }

    fn with_database<T>(&self, work: impl FnOnce(&Database) -> Result<T, Fault>) -> Result<T, StoreError> {
        let mut slot = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match slot.take() {
            Some(database) => database,
            None => contained(|| self.disk.open().map_err(Fault::Database)).map_err(|fault| self.error(fault))?,
        };
        match contained(|| work(&database)) {
            Ok(done) => {
                *slot = Some(database);
                Ok(done)
            }
            Err(Fault::Database(error)) => {
                // Closing tries to write once more; whatever comes of that, the next call opens the file anew.
                let _closed = contained(|| {
                    drop(database);
                    Ok(())
                });
                Err(failure(&self.file, error))
            }
            Err(fault) => {
                *slot = Some(database);
                Err(self.error(fault))
            }
        }
    }

    fn error(&self, fault: Fault) -> StoreError {
        match fault {
            Fault::Ours(error) => error,
            Fault::Document(error) => StoreError::Corrupt {
                file: self.file.clone(),
                detail: format!("a document in it cannot be read: {error}"),
            },
            Fault::Database(error) => failure(&self.file, error),
        }
    }
}

/// Runs `work`, with a panic of the database on a damaged file turned into an error.
fn contained<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Fault::Database(redb::Error::Corrupted("its pages contradict each other".into()))))
}

/// The layout of the tables; `None` of a new file.
fn layout(transaction: &ReadTransaction) -> Result<Option<u64>, Fault> {
    match transaction.open_table(META) {
        Ok(meta) => Ok(Some(counter(&meta, SCHEMA_KEY)?)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes the tables of a new file.
fn lay_out(transaction: &WriteTransaction) -> Result<(), Fault> {
    transaction.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
    for table in [INTENTS, VERDICTS, TOKENS, ZONES] {
        transaction.open_table(table)?;
    }
    transaction.open_table(JOURNAL)?;
    Ok(())
}

/// How zones were served.
fn zones(transaction: &ReadTransaction) -> Result<Vec<ZoneState>, Fault> {
    match transaction.open_table(ZONES) {
        Ok(table) => documents(&table),
        Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// What an error of the database means for whoever runs the node.
fn failure(file: &Path, error: redb::Error) -> StoreError {
    let file = file.to_path_buf();
    match error {
        redb::Error::Io(source) => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { file },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::Denied { file, source },
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                StoreError::Corrupt { file, detail: source.to_string() }
            }
            _ => StoreError::Io { file, detail: source.to_string() },
        },
        redb::Error::DatabaseAlreadyOpen => StoreError::Locked { file },
        redb::Error::Corrupted(detail) => StoreError::Corrupt { file, detail },
        error @ (redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableDoesNotExist(_)) => StoreError::Corrupt { file, detail: error.to_string() },
        error => StoreError::Io { file, detail: error.to_string() },
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Document(error)
    }
}

macro_rules! database_faults {
    ($($error:ty),*) => { $(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Database(error.into())
            }
        }
    )* };
}
database_faults!(redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);

impl Store for Embedded {
    fn load(&self) -> Result<Snapshot, StoreError> {
        self.read(|transaction| {
            let meta = transaction.open_table(META)?;
            let verdicts: Vec<KeptVerdict> = documents(&transaction.open_table(VERDICTS)?)?;
            Ok(Snapshot {
                intents: documents(&transaction.open_table(INTENTS)?)?,
                revision: counter(&meta, REVISION)?,
                verdicts: verdicts.into_iter().map(|kept| (kept.endpoint, kept.monitor, kept.verdict)).collect(),
                zones: zones(transaction)?,
                epoch: counter(&meta, EPOCH)?,
                next_event: counter(&meta, LAST_EVENT)?.saturating_add(1),
            })
        })
    }

    fn begin_epoch(&self) -> Result<u64, StoreError> {
        self.write(|transaction| count(transaction, EPOCH))
    }

    fn change_intents(
        &self,
        expected: u64,
        put_intent: Option<Intent>,
        clear: Option<&Scope>,
        event: Event,
    ) -> Result<Changed, StoreError> {
        self.write(|transaction| {
            let found = counter(&transaction.open_table(META)?, REVISION)?;
            if found != expected {
                return Err(Fault::Ours(StoreError::Conflict { expected, found }));
            }
            let revision = count(transaction, REVISION)?;
            if let Some(scope) = clear {
                transaction.open_table(INTENTS)?.remove(scope_key(scope).as_str())?;
            }
            let intent = put_intent.map(|intent| Intent { revision, ..intent });
            if let Some(intent) = &intent {
                put(transaction, INTENTS, &scope_key(&intent.scope), intent)?;
            }
            let event = journal(transaction, stamped(event, revision))?;
            Ok(Changed { revision, intent, event })
        })
    }

    fn save_verdicts(&self, verdicts: &[(EndpointKey, String, Verdict)]) -> Result<(), StoreError> {
        if verdicts.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            for (endpoint, monitor, verdict) in verdicts {
                let kept =
                    KeptVerdict { endpoint: endpoint.clone(), monitor: monitor.clone(), verdict: verdict.clone() };
                put(transaction, VERDICTS, &verdict_key(endpoint, monitor), &kept)?;
            }
            Ok(())
        })
    }

    fn save_zones(&self, zones: &[ZoneState], event: Option<Event>) -> Result<Option<Event>, StoreError> {
        if zones.is_empty() && event.is_none() {
            return Ok(None);
        }
        self.write(|transaction| {
            for zone in zones {
                put(transaction, ZONES, &zone.source, zone)?;
            }
            event.map(|event| journal(transaction, event)).transpose()
        })
    }

    fn keep_copy(&self, name: &str, text: &str, events: Vec<Event>) -> Result<Vec<Event>, StoreError> {
        self.write(|transaction| {
            transaction.open_table(COPIES)?.insert(name, text)?;
            events.into_iter().map(|event| journal(transaction, event)).collect()
        })
    }

    fn copy(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|transaction| match transaction.open_table(COPIES) {
            Ok(table) => Ok(table.get(name)?.map(|text| text.value().to_owned())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        })
    }

    fn append(&self, events: &[Event]) -> Result<Vec<u64>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|transaction| events.iter().map(|event| Ok(journal(transaction, event.clone())?.id)).collect())
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(JOURNAL)?;
            let mut events = Vec::new();
            for entry in table.range(after.saturating_add(1)..)?.take(limit.min(EVENTS_PER_READ)) {
                let (id, document) = entry?;
                match serde_json::from_str(document.value()) {
                    Ok(event) => events.push(event),
                    // Of a kind that another version knows; the rest of the journal is still worth reading.
                    Err(error) => tracing::warn!(event = id.value(), %error, "an event of the journal cannot be read"),
                }
            }
            Ok(events)
        })
    }

    fn chain(&self) -> Result<ChainState, StoreError> {
        self.read(chained::state)
    }

    fn links(&self, after: u64, limit: usize) -> Result<Vec<Link>, StoreError> {
        self.read(|transaction| chained::links(transaction, after, limit.min(EVENTS_PER_READ)))
    }

    fn first_since(&self, time: Timestamp) -> Result<u64, StoreError> {
        self.read(|transaction| chained::first_since(transaction, time))
    }

    fn cut(&self, below: u64) -> Result<u64, StoreError> {
        self.write(|transaction| chained::cut(transaction, below))
    }

    fn put_token(&self, token: Token, secret: &Secret, event: Event) -> Result<Event, StoreError> {
        let name = token.name.clone();
        let kept = KeptToken::new(token, secret);
        let event = self.write(|transaction| {
            if transaction.open_table(TOKENS)?.get(name.as_str())?.is_some() {
                return Err(Fault::Ours(StoreError::Exists { name: name.clone() }));
            }
            put(transaction, TOKENS, &name, &kept)?;
            journal(transaction, event)
        })?;
        let mut all = self.kept_tokens();
        all.push(kept);
        all.sort_by(|a, b| a.token.name.cmp(&b.token.name));
        Ok(event)
    }

    fn revoke_token(&self, name: &str, event: Event) -> Result<Option<Event>, StoreError> {
        let event = self.write(|transaction| {
            if transaction.open_table(TOKENS)?.remove(name)?.is_none() {
                return Ok(None);
            }
            journal(transaction, event).map(Some)
        })?;
        if event.is_some() {
            self.kept_tokens().retain(|kept| kept.token.name != name);
        }
        Ok(event)
    }

    fn tokens(&self) -> Vec<Token> {
        let kept = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|kept| kept.token.clone()).collect()
    }

    fn verify_token(&self, presented: &str, now: Timestamp) -> Option<Token> {
        secret::find(&self.tokens.read().unwrap_or_else(PoisonError::into_inner), presented, now)
    }
}
