//! Dynamic updates (RFC 2136 section 3): what a key may change of a zone, and the zone that comes of it.

use std::fmt::Write;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use super::bounds::{MAX_CHANGES_TOLD, MAX_DATA_TOLD, MAX_TTL, MAX_UPDATE_RECORDS};
use super::draft::stands_beside_cname;
use super::overlay::{OverlaidSet, Overlay};
use super::tree::{Node, Zone};
use super::{prerequisites, present, rdata};
use crate::model::{Name, UpdateRule};

/// A request to change a zone, its signature verified.
#[derive(Clone, Copy, Debug)]
pub struct Update<'m> {
    /// The key that signed it.
    pub key: &'m Name,
    /// What must hold (section 2.4).
    pub prerequisites: &'m [Record],
    /// What to add and delete (section 2.5).
    pub updates: &'m [Record],
}

/// What an update made of a zone.
#[derive(Debug)]
pub struct Updated {
    /// The zone, still with its serial of before: see [`Zone::raised`].
    pub zone: Zone,
    /// The changes in words.
    pub changes: Vec<String>,
}

/// One step of an update.
enum Step {
    /// Add a record, or give its RRset this TTL.
    Add { owner: Name, rtype: RecordType, ttl: u32, data: RData },
    /// Delete a record.
    DeleteRecord { owner: Name, rtype: RecordType, data: RData },
    /// Delete an RRset.
    DeleteSet { owner: Name, rtype: RecordType },
    /// Delete all RRsets of a name.
    DeleteName { owner: Name },
}

impl Zone {
    /// The zone as `update` makes it; `None` where it changes nothing.
    ///
    /// A key changes what a rule of the zone's policy allows it, and nothing else. All RRsets of a name are deleted only
    /// if each is of a type that it may change.
    ///
    /// # Errors
    /// The RCODE of the reply. Nothing is changed then.
    pub fn updated(&self, update: Update<'_>) -> Result<Option<Updated>, ResponseCode> {
        if update.prerequisites.len() + update.updates.len() > MAX_UPDATE_RECORDS {
            return Err(ResponseCode::Refused);
        }
        prerequisites::check(self, update.prerequisites)?;
        let steps = update.updates.iter().map(|record| self.step(record)).collect::<Result<Vec<Step>, _>>()?;
        let rules: Vec<&UpdateRule> = self.policy().update.iter().filter(|rule| rule.key == *update.key).collect();
        let before = self.overlay();
        let mut draft = Draft { zone: self, overlay: before.clone() };
        if !steps.iter().all(|step| draft.allows(&rules, step)) {
            return Err(ResponseCode::Refused);
        }
        steps.into_iter().for_each(|step| draft.take(step));
        let zone = self.clone().with_overlay(draft.overlay);
        let after = zone.overlay();
        if after.outgrows(&before) {
            return Err(ResponseCode::Refused);
        }
        if after == before {
            return Ok(None);
        }
        let changes = changes(self, &zone, &[&before, &after]);
        Ok(Some(Updated { zone, changes }))
    }

    /// What a record of the update section says (section 3.4.1).
    fn step(&self, record: &Record) -> Result<Step, ResponseCode> {
        let owner = Name::from_rr(&record.name);
        if !owner.is_at_or_below(self.origin()) {
            return Err(ResponseCode::NotZone);
        }
        let (rtype, ttl) = (record.record_type(), record.ttl);
        let is_empty = matches!(record.data, RData::Update0(_));
        let data = || rdata::checked(rtype, &record.data).filter(|_| !is_empty).ok_or(ResponseCode::FormErr);
        match record.dns_class {
            DNSClass::IN if !is_meta(rtype) => {
                // RFC 2181 section 8.
                let ttl = if ttl > MAX_TTL { 0 } else { ttl };
                Ok(Step::Add { rtype, ttl, data: data()?, owner })
            }
            DNSClass::ANY if ttl == 0 && is_empty && rtype == RecordType::ANY => Ok(Step::DeleteName { owner }),
            DNSClass::ANY if ttl == 0 && is_empty && !is_meta(rtype) => Ok(Step::DeleteSet { owner, rtype }),
            DNSClass::NONE if ttl == 0 && !is_meta(rtype) => Ok(Step::DeleteRecord { rtype, data: data()?, owner }),
            _ => Err(ResponseCode::FormErr),
        }
    }
}

/// Types that no zone holds: OPT, and those of questions and signatures of messages.
pub(super) fn is_meta(rtype: RecordType) -> bool {
    matches!(u16::from(rtype), 0 | 41 | 128..=255)
}

/// A zone while an update is made.
struct Draft<'z> {
    zone: &'z Zone,
    overlay: Overlay,
}

impl Draft<'_> {
    /// Whether `rules` allow `step`.
    fn allows(&self, rules: &[&UpdateRule], step: &Step) -> bool {
        let may = |owner: &Name, rtype: RecordType| {
            rules.iter().any(|rule| rule.types.contains(&rtype) && rule.names.contains(owner))
        };
        match step {
            Step::Add { owner, rtype, .. }
            | Step::DeleteRecord { owner, rtype, .. }
            | Step::DeleteSet { owner, rtype } => may(owner, *rtype),
            Step::DeleteName { owner } => {
                rules.iter().any(|rule| rule.names.contains(owner))
                    && self.types(owner).into_iter().all(|rtype| may(owner, rtype))
            }
        }
    }

    /// Section 3.4.2.
    fn take(&mut self, step: Step) {
        match step {
            Step::Add { owner, rtype, ttl, data } => self.add(owner, rtype, ttl, data),
            Step::DeleteRecord { owner, rtype, data } => {
                let Some((ttl, mut rdata)) = self.set(&owner, rtype) else { return };
                rdata.retain(|present| *present != data);
                self.overlay.put(rtype, OverlaidSet { owner, ttl, rdata });
            }
            Step::DeleteSet { owner, rtype } => self.delete(owner, rtype),
            Step::DeleteName { owner } => {
                for rtype in self.types(&owner) {
                    self.delete(owner.clone(), rtype);
                }
            }
        }
    }

    fn add(&mut self, owner: Name, rtype: RecordType, ttl: u32, data: RData) {
        let others = self.types(&owner);
        // What may not stand beside a CNAME is ignored, and a CNAME that may not stand beside it (section 3.4.2.2).
        let is_barred = if rtype == RecordType::CNAME {
            others.iter().any(|other| !stands_beside_cname(*other))
        } else {
            !stands_beside_cname(rtype) && others.contains(&RecordType::CNAME)
        };
        if is_barred {
            return;
        }
        let mut rdata = self.set(&owner, rtype).map(|(_, rdata)| rdata).unwrap_or_default();
        if rtype == RecordType::CNAME {
            rdata.clear();
        }
        if !rdata.contains(&data) {
            rdata.push(data);
        }
        // All records of a set have one TTL (RFC 2181 section 5.2): the one told last.
        self.overlay.put(rtype, OverlaidSet { owner, ttl, rdata });
    }

    fn delete(&mut self, owner: Name, rtype: RecordType) {
        if let Some((ttl, _)) = self.set(&owner, rtype) {
            self.overlay.put(rtype, OverlaidSet { owner, ttl, rdata: Vec::new() });
        }
    }

    /// TTL and records of an RRset as the steps so far left it; `None` where there is none.
    fn set(&self, owner: &Name, rtype: RecordType) -> Option<(u32, Vec<RData>)> {
        match self.overlay.get(owner, rtype) {
            Some(set) => (!set.rdata.is_empty()).then(|| (set.ttl, set.rdata.clone())),
            None => {
                let set = self.zone.node(&owner.key())?.rrset(rtype)?;
                Some((set.ttl, set.rdata.clone()))
            }
        }
    }

    /// The types at a name as the steps so far left it.
    fn types(&self, owner: &Name) -> Vec<RecordType> {
        let served = self.zone.node(&owner.key()).map_or(&[][..], Node::rrsets).iter().map(|set| set.rtype);
        let mut types = self.overlay.types(owner);
        types.extend(served);
        types.sort_by_key(|rtype| u16::from(*rtype));
        types.dedup();
        types.retain(|rtype| self.set(owner, *rtype).is_some());
        types
    }
}

/// What differs between two zones where one of `overlays` has something to say, in words.
fn changes(before: &Zone, after: &Zone, overlays: &[&Overlay]) -> Vec<String> {
    let mut touched: Vec<(Name, RecordType)> =
        overlays.iter().flat_map(|overlay| overlay.sets()).map(|(rtype, set)| (set.owner.clone(), rtype)).collect();
    touched.sort_by_key(|(owner, rtype)| (owner.key(), u16::from(*rtype)));
    touched.dedup();
    let mut told = Vec::new();
    let mut untold = 0_usize;
    for (owner, rtype) in touched {
        let set = |zone: &Zone| {
            let set = zone.node(&owner.key()).and_then(|node| node.rrset(rtype));
            set.map(|set| (set.ttl, set.rdata.clone())).unwrap_or_default()
        };
        let ((old_ttl, old), (ttl, new)) = (set(before), set(after));
        let gone = old.iter().filter(|data| !new.contains(data)).map(|data| ("deleted", old_ttl, data));
        let came = new.iter().filter(|data| old_ttl != ttl || !old.contains(data)).map(|data| ("added", ttl, data));
        for (verb, ttl, data) in gone.chain(came) {
            if told.len() < MAX_CHANGES_TOLD {
                told.push(format!("{verb} {owner} {ttl} {}", shown(rtype, data)));
            } else {
                untold += 1;
            }
        }
    }
    if untold > 0 {
        told.push(format!("and {untold} more"));
    }
    told
}

/// A record's type and data as zone files have them, cut when long.
fn shown(rtype: RecordType, data: &RData) -> String {
    let wire = rdata::wire(data).unwrap_or_default();
    let (mnemonic, text) =
        present::of(rtype, &wire).unwrap_or_else(|| (format!("TYPE{}", u16::from(rtype)), present::generic(&wire)));
    let mut shown = format!("{mnemonic} ");
    shown.extend(text.chars().take(MAX_DATA_TOLD));
    if text.chars().nth(MAX_DATA_TOLD).is_some() {
        let _ = write!(shown, "…");
    }
    shown
}
