//! What an answer means, before it is a packet.

use std::borrow::Cow;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, Record, RecordType};

use crate::dnssec::Secure;
use crate::model::{Name, ServiceIx, SiteSet, Tier};
use crate::steer::ViewIx;
use crate::zone::{RrSet, SteeredIx};

/// An answer: which records go into which section, and what is said about it.
#[derive(Clone, Debug)]
pub struct Reply<'t> {
    /// RCODE.
    pub rcode: ResponseCode,
    /// AA: the first owner name of the answer is ours (RFC 1035 section 4.1.1).
    pub authoritative: bool,
    /// Answer section, a chain in its order.
    pub answer: Vec<Part<'t>>,
    /// Authority section: the SOA of a negative answer, the NS RRset of a referral, proofs of a signed zone.
    pub authority: Vec<Part<'t>>,
    /// Additional section: glue.
    pub additional: Vec<Glue<'t>>,
    /// The apex of the zone that the question's name lies in, where there is one.
    pub within: Option<&'t Name>,
    /// The widest prefix length around the client with the same answer; 0 where nothing was steered.
    pub scope: u8,
    /// Extended errors (RFC 8914).
    pub notes: Vec<Note>,
    /// Which sites the answer sends clients to, and for how long.
    pub named: Vec<Named<'t>>,
    /// What the answer begins with: the apex of a zone, and the RRset as declared in its tree. The same for every name
    /// that a wildcard or a DNAME stands for.
    pub stored: Option<(&'t Name, &'t RrSet)>,
}

impl Reply<'_> {
    /// An answer without records.
    #[must_use]
    pub const fn empty(rcode: ResponseCode) -> Self {
        Self {
            rcode,
            authoritative: false,
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            within: None,
            scope: 0,
            notes: Vec::new(),
            named: Vec::new(),
            stored: None,
        }
    }

    /// An answer without records, with a reason.
    #[must_use]
    pub fn noted(rcode: ResponseCode, note: Note) -> Self {
        Self { notes: vec![note], ..Self::empty(rcode) }
    }
}

/// One whole RRset of a section.
#[derive(Clone, Debug)]
pub struct Part<'t> {
    /// The owner. The name that was asked comes in lower case; a packet shows it in the case of its question, which it
    /// points to.
    pub owner: Name,
    /// The type.
    pub rtype: RecordType,
    /// TTL in seconds.
    pub ttl: u32,
    /// The records, never none.
    pub rdata: Cow<'t, [RData]>,
    /// Who signs the RRset, where signatures are wanted and the zone has them.
    pub signer: Option<Signer<'t>>,
}

/// Who signs an RRset of an answer.
#[derive(Clone, Debug)]
pub struct Signer<'t> {
    /// The signed zone.
    pub secure: &'t Secure,
    /// The wildcard that the RRset was made from: it is what the signature covers (RFC 4035 section 5.3.2).
    pub wildcard: Option<Name>,
    /// Whether the signatures alone were asked for.
    pub alone: bool,
}

impl Part<'_> {
    /// The RRset as records of the message library.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let owner = self.owner.to_rr();
        self.rdata.iter().map(move |rdata| Record::from_rdata(owner.clone(), self.ttl, rdata.clone()))
    }
}

/// An address RRset of a name server of a referral.
#[derive(Clone, Debug)]
pub struct Glue<'t> {
    /// The addresses.
    pub part: Part<'t>,
    /// In-domain glue: without it the child cannot be reached, so that a reply without it is truncated
    /// (RFC 9471 section 3.1). Sibling glue is left out where it does not fit.
    pub required: bool,
}

/// A steered RRset of an answer: which sites it sends clients to, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<'t> {
    /// Position of the RRset in [`Reply::answer`].
    pub part: usize,
    /// The steered set.
    pub set: SteeredIx,
    /// The records as declared.
    pub declared: Cow<'t, [RData]>,
    /// The service that steers it.
    pub service: ServiceIx,
    /// The client's view of it.
    pub view: ViewIx,
    /// The sites whose hosts or addresses were answered.
    pub sites: SiteSet,
    /// How long a cache may hold the answer, in seconds.
    pub ttl: u32,
    /// The resort that was used.
    pub tier: Tier,
    /// Whether nothing was usable, so that the declared RRset is served.
    pub last_resort: bool,
}

/// An extended error (RFC 8914): what a plain RCODE does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT, in plain words.
    pub text: Cow<'static, str>,
}

impl Note {
    /// The name lies in none of our zones (code 20).
    pub const NOT_AUTHORITATIVE: Self = Self::new(20, "");
    /// Zone transfers are not allowed (code 18).
    pub const PROHIBITED_TRANSFER: Self = Self::new(18, "zone transfer is not allowed");
    /// The zone is configured and its file could not be loaded (code 14, Not Ready).
    pub const NOT_LOADED: Self = Self::new(14, "the zone could not be loaded");
    /// Only class IN is served (code 21).
    pub const UNSUPPORTED_CLASS: Self = Self::new(21, "only class IN is served");

    const fn new(code: u16, text: &'static str) -> Self {
        Self { code, text: Cow::Borrowed(text) }
    }

    /// A steered RRset was served as declared because no site of its service is usable.
    ///
    /// Code 0 (Other): the registry has no code for it. The answer is neither stale (3, 19) nor forged (4) nor
    /// filtered (17): it is all that the zone declares.
    #[must_use]
    pub fn last_resort(service: &str) -> Self {
        Self { code: 0, text: format!("no site of {service} works for this: declared records served").into() }
    }
}
