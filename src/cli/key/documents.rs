//! What `key` prints for programs.

use std::path::Path;
use utoipa::ToSchema;

use jiff::Timestamp;
use serde::Serialize;

use super::super::document::Document;
use super::words::next;
use crate::admin::api::words::moment;
use crate::dnssec::{DnssecKey, KeptKey, Keyset, KeysetName};

/// One or more keysets.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct Keysets {
    pub(super) schema: &'static str,
    pub(super) time: String,
    pub(super) keysets: Vec<KeysetDocument>,
}

impl Keysets {
    pub(in super::super) const SCHEMA: &'static str = "waypost.keysets/1";
}

impl Document for Keysets {
    const LIST: Option<(&'static str, &'static str)> = Some(("keysets", "waypost.keyset/1"));

    fn names(&self) -> Vec<String> {
        self.keysets.iter().map(|keyset| keyset.name.clone()).collect()
    }
}

/// A keyset. It never holds private keys.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct KeysetDocument {
    name: String,
    file: String,
    /// What is wrong with its times.
    faults: Vec<String>,
    /// The key whose DS is not known to be at the parent.
    awaited: Option<AwaitedDocument>,
    keys: Vec<KeyDocument>,
    coming: Vec<ComingDocument>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AwaitedDocument {
    tag: u16,
    from: String,
    replaces: Vec<u16>,
}

#[derive(Debug, Serialize, ToSchema)]
struct KeyDocument {
    tag: u16,
    role: &'static str,
    algorithm: u8,
    state: &'static str,
    created: String,
    published: String,
    active: Option<String>,
    offered: Option<String>,
    ds: Option<String>,
    retired: Option<String>,
    removed: Option<String>,
    next: Option<NextDocument>,
}

#[derive(Debug, Serialize, ToSchema)]
struct NextDocument {
    /// Absent where it waits for the parent.
    time: Option<String>,
    what: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct ComingDocument {
    time: String,
    tag: u16,
    what: &'static str,
}

impl KeysetDocument {
    pub(super) fn of(name: &KeysetName, file: &Path, keyset: &Keyset, now: Timestamp) -> Self {
        let awaited = keyset.awaited(now).map(|awaited| AwaitedDocument {
            tag: awaited.key.tag(),
            from: moment(awaited.from),
            replaces: awaited.replaces,
        });
        let coming = keyset.coming(now).into_iter().map(|coming| ComingDocument {
            time: moment(coming.time),
            tag: coming.tag,
            what: coming.turn.as_str(),
        });
        Self {
            name: name.to_string(),
            file: file.to_string_lossy().into_owned(),
            faults: keyset.faults(now).iter().map(ToString::to_string).collect(),
            awaited,
            keys: keyset.keys().iter().map(|key| KeyDocument::of(keyset, key, now)).collect(),
            coming: coming.collect(),
        }
    }
}

impl KeyDocument {
    fn of(keyset: &Keyset, key: &KeptKey, now: Timestamp) -> Self {
        let parent = key.duty().parent();
        Self {
            tag: key.key().tag(),
            role: key.duty().role().as_str(),
            algorithm: DnssecKey::ALGORITHM,
            state: keyset.use_of(key, now).as_str(),
            created: moment(key.created()),
            published: moment(key.published()),
            active: key.duty().active().map(moment),
            offered: parent.map(|parent| moment(parent.offered)),
            ds: parent.and_then(|parent| parent.ds).map(moment),
            retired: key.end().map(|end| moment(end.retired)),
            removed: key.end().map(|end| moment(end.removed)),
            next: next(keyset, key, now).map(|(time, what)| NextDocument { time: time.map(moment), what }),
        }
    }
}

/// The records for the parent of one zone.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct DsDocument {
    pub(super) schema: &'static str,
    pub(super) zone: String,
    pub(super) keyset: String,
    pub(super) tag: u16,
    pub(super) algorithm: u8,
    pub(super) digest_type: u8,
    pub(super) digest: String,
    /// The parent should not have the DS before.
    pub(super) not_before: Option<String>,
    pub(super) ds: String,
    pub(super) cdnskey: String,
    pub(super) dnskey: Vec<String>,
}

impl DsDocument {
    pub(in super::super) const SCHEMA: &'static str = "waypost.ds/1";
}

impl Document for DsDocument {
    fn names(&self) -> Vec<String> {
        vec![self.ds.clone()]
    }
}
