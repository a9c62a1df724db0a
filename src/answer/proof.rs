//! Proofs of a signed zone: that what was not answered does not exist (RFC 4035 section 3.1.3, RFC 5155 section 7.2).

use std::borrow::Cow;

use super::lookup::{Found, next_closer};
use super::{Part, Reply, Signer};
use crate::dnssec::{Chain, Proof, Secure};
use crate::model::Name;

/// Collects the proofs of one zone in the authority section of a reply.
pub(super) struct Prover<'t, 'r> {
    /// The keys and the chain of the zone.
    pub(super) secure: &'t Secure,
    /// Where the proofs go.
    pub(super) reply: &'r mut Reply<'t>,
}

impl Prover<'_, '_> {
    /// The name exists, or a wildcard stands for it, without the type that was asked for (sections 3.1.3.1 and
    /// 3.1.3.4; RFC 5155 sections 7.2.3 and 7.2.5).
    pub(super) fn no_data(&mut self, found: &Found<'_>, key: &[u8]) {
        let Some(encloser) = found.encloser else {
            let own = self.secure.chain().about(key);
            return self.add(own);
        };
        self.no_closer(key, encloser);
        if matches!(self.secure.chain(), Chain::Nsec3 { .. }) {
            self.about(key.get(key.len() - encloser..).unwrap_or_default());
        }
        self.about(&[b"\x01*", key.get(key.len() - encloser..).unwrap_or_default()].concat());
    }

    /// Neither the name nor a wildcard that could stand for it exists; the closest encloser is the last `encloser`
    /// octets of the name (section 3.1.3.2; RFC 5155 section 7.2.2).
    pub(super) fn no_name(&mut self, key: &[u8], encloser: usize) {
        let above = key.get(key.len() - encloser..).unwrap_or_default();
        self.no_closer(key, encloser);
        if matches!(self.secure.chain(), Chain::Nsec3 { .. }) {
            self.about(above);
        }
        self.about(&[b"\x01*", above].concat());
    }

    /// Nothing closer to the name exists than the wildcard that was answered (section 3.1.3.3; RFC 5155 section 7.2.6).
    pub(super) fn no_closer(&mut self, key: &[u8], encloser: usize) {
        match self.secure.chain() {
            Chain::Nsec(_) => self.about(key),
            Chain::Nsec3 { .. } => self.about(next_closer(key, encloser)),
        }
    }

    /// The zone cut has no DS (section 3.1.4; RFC 5155 section 7.2.7).
    pub(super) fn no_ds(&mut self, cut: &Name) {
        self.about(&cut.key());
    }

    fn about(&mut self, key: &[u8]) {
        let proof = self.secure.chain().about(key);
        self.add(proof);
    }

    fn add(&mut self, proof: Option<Proof>) {
        let Some(Proof { owner, rtype, rdata }) = proof else { return };
        let is_known = |part: &Part<'_>| part.rtype == rtype && part.owner == owner;
        if self.reply.authority.iter().any(is_known) {
            return;
        }
        self.reply.authority.push(Part {
            owner,
            rtype,
            ttl: self.secure.ttl(),
            rdata: Cow::Owned(vec![rdata]),
            signer: Some(Signer { secure: self.secure, wildcard: None, alone: false }),
        });
    }
}
