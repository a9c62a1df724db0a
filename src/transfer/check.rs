//! One check of one zone: its primaries are asked in order, and the first that has a later version gives it.

use std::path::Path;
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::time::timeout;

use super::assembly::{Assembly, Transferred};
use super::bounds::{DETAIL, TRANSFER, UDP_TRIES, UDP_WAIT, WARNINGS};
use super::message::{Opcode, RawRecord, Reply, rcode_word};
use super::records::{applied, soa_of, transferred};
use super::schedule::is_after;
use super::slots::Slots;
use super::stats::Stats;
use super::wire::Inquiry;
use crate::model::{Name, Peer};
use crate::tsig::Key;
use crate::zone::{self, TransferredRecord, Zone};

/// What the room asks of whoever started it.
pub trait Surroundings: Send + Sync {
    /// The key called `name`.
    fn key(&self, name: &Name) -> Option<Key>;

    /// The version of a zone that is held, for differences to start from.
    fn zone(&self, origin: &Name) -> Option<Zone>;
}

/// What a zone is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is served.
    Zone,
    /// It lists zones (RFC 9432).
    Catalog,
}

/// What to check.
pub(super) struct Job {
    pub(super) origin: Name,
    pub(super) kind: Kind,
    /// In the order in which they are asked.
    pub(super) primaries: Vec<Peer>,
    /// The serial that is held.
    pub(super) serial: Option<u32>,
    pub(super) surroundings: Arc<dyn Surroundings>,
    pub(super) slots: Arc<Slots>,
    pub(super) stats: Arc<Stats>,
}

/// How a check ended.
pub(super) enum Verdict {
    /// What is held is current, says a primary.
    Current,
    /// This primary gave a version.
    Version(Box<Zone>, Peer),
    /// Why none gave any.
    Failed(String),
}

/// A version, or the word that there is no later one.
enum Fetched {
    Current,
    Version(Box<Zone>),
}

impl Job {
    /// Checks the zone.
    pub(super) async fn run(&self) -> Verdict {
        let mut is_current = false;
        let mut troubles = Vec::new();
        for peer in &self.primaries {
            match self.ask(peer).await {
                Ok(Fetched::Version(zone)) => return Verdict::Version(zone, peer.clone()),
                // Another may have a later one.
                Ok(Fetched::Current) => is_current = true,
                Err(trouble) => troubles.push(format!("{}: {trouble}", peer.address)),
            }
        }
        if is_current { Verdict::Current } else { Verdict::Failed(shown(&troubles.join("; "))) }
    }

    /// Asks one primary for its serial, and for the zone if that is later.
    async fn ask(&self, peer: &Peer) -> Result<Fetched, String> {
        let key = match &peer.key {
            None => None,
            Some(name) => Some(self.surroundings.key(name).ok_or_else(|| {
                format!("the key {name} could not be read at the start or at the last reload; mend its file and reload")
            })?),
        };
        let inquiry = |rtype, soa| Inquiry {
            address: peer.address,
            key: key.clone(),
            opcode: Opcode::Query,
            zone: self.origin.clone(),
            rtype,
            soa,
        };
        let Some(ours) = self.serial else { return self.transfer(peer, inquiry(RecordType::AXFR, None), None).await };
        let theirs = self.serial_at(&inquiry(RecordType::SOA, None)).await?;
        if theirs == ours {
            return Ok(Fetched::Current);
        }
        if !is_after(theirs, ours) {
            return Err(format!("its serial {theirs} is before ours, {ours}; raise it there"));
        }
        if let Some(held) = self.surroundings.zone(&self.origin).filter(|zone| zone.serial() == ours)
            && let Some(soa) = soa_of(&held)
        {
            match self.transfer(peer, inquiry(RecordType::IXFR, Some(soa)), Some(held)).await {
                Ok(Fetched::Version(zone)) => return Ok(Fetched::Version(zone)),
                // RFC 1995 section 4: a whole transfer does where differences do not.
                Ok(Fetched::Current) => {}
                Err(trouble) => {
                    tracing::debug!(zone = %self.origin, %trouble, "IXFR failed; trying AXFR");
                }
            }
        }
        self.transfer(peer, inquiry(RecordType::AXFR, None), None).await
    }

    /// The serial that a primary has, over UDP, or over TCP where nothing comes back.
    async fn serial_at(&self, inquiry: &Inquiry) -> Result<u32, String> {
        let _slot = self.slots.check().await;
        for _ in 0..UDP_TRIES {
            match inquiry.ask_udp(UDP_WAIT).await {
                Ok(reply) if reply.truncated => break,
                Ok(reply) => return self.serial_of(&reply),
                Err(trouble) => tracing::debug!(zone = %self.origin, primary = %inquiry.address, %trouble, "SOA query"),
            }
        }
        let reply = inquiry.ask_tcp().await?;
        self.serial_of(&reply)
    }

    fn serial_of(&self, reply: &Reply) -> Result<u32, String> {
        if reply.rcode != ResponseCode::NoError {
            return Err(format!("it answers {} to a query for the SOA", rcode_word(reply.rcode)));
        }
        if !reply.authoritative {
            return Err("it is not authoritative for the zone".to_owned());
        }
        let soa = reply.answers.iter().find(|record| record.is_soa_of(&self.origin));
        soa.and_then(RawRecord::serial).ok_or_else(|| "it answers without a SOA of the zone".to_owned())
    }

    /// Transfers the zone; `held` is what differences start from.
    async fn transfer(&self, peer: &Peer, inquiry: Inquiry, held: Option<Zone>) -> Result<Fetched, String> {
        let permits = self.slots.transfer(peer.address.ip()).await;
        let content = timeout(TRANSFER, self.receive(&inquiry, held.as_ref().map(|held| held.serial()))).await;
        let content = content.map_err(|_| format!("the transfer took more than {} s", TRANSFER.as_secs()))??;
        drop(permits);
        let (origin, kind, address) = (self.origin.clone(), self.kind, peer.address);
        let made = tokio::task::spawn_blocking(move || {
            let records = match (content, held) {
                (Transferred::Current(_), _) => return Ok(Fetched::Current),
                (Transferred::Whole(records), _) => transferred(records),
                (Transferred::Differences(differences), Some(held)) => applied(&held, differences)?,
                (Transferred::Differences(_), None) => return Err("differences that were not asked for".to_owned()),
            };
            let zone = made(&origin, records, &format!("transfer of {origin} from {address}"))?;
            if kind == Kind::Catalog {
                zone::catalog(&zone)?;
            }
            Ok(Fetched::Version(Box::new(zone)))
        });
        made.await.map_err(|error| format!("the zone could not be made: {error}"))?
    }

    async fn receive(&self, inquiry: &Inquiry, from: Option<u32>) -> Result<Transferred, String> {
        let mut assembly = Assembly::new(&self.origin, from);
        let mut stream = inquiry.open().await?;
        loop {
            let octets = stream.receive().await.map_err(|trouble| match assembly.count() {
                0 => format!("no transfer: {trouble}"),
                count => format!("the transfer ended after {count} records: {trouble}"),
            })?;
            self.stats.count_octets(octets.len());
            if let Some(content) = assembly.take(&octets).map_err(|fault| format!("no transfer: {fault}"))? {
                stream.finish()?;
                return Ok(content);
            }
        }
    }
}

/// The zone of `records`, under the rules of zone files.
fn made(origin: &Name, records: Vec<TransferredRecord>, label: &str) -> Result<Zone, String> {
    let (zone, report) = zone::from_records(origin, records, Path::new(label));
    for warning in report.warnings().take(WARNINGS) {
        tracing::warn!("{warning}");
    }
    zone.ok_or_else(|| {
        let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
        format!("the zone breaks the rules of zones, so none of it is taken: {}", errors.join("; "))
    })
}

/// A trouble as it is kept: what other servers make of it has an end.
fn shown(trouble: &str) -> String {
    match trouble.char_indices().nth(DETAIL) {
        Some((end, _)) => format!("{}…", trouble.get(..end).unwrap_or_default()),
        None => trouble.to_owned(),
    }
}
