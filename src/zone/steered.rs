//! Steered sets: what a service steers, with every record attributed to endpoints.

use hickory_proto::rr::RecordType;

use crate::model::{EndpointIx, ServiceIx, SiteIx};

/// A steered set's position in [`super::Attribution::steered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SteeredIx(pub u32);

impl SteeredIx {
    /// The position as an index into a slice of steered sets.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// One distinct combination of service, type, TTL and what the records lead to.
///
/// RRsets of any number of owners and zones that lead to the same endpoints share one steered set: that is why a plan change
/// costs services x sites x views, however many domains are hosted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SteeredSet {
    /// The service that steers it.
    pub service: ServiceIx,
    /// A, AAAA, MX or SRV.
    pub rtype: RecordType,
    /// The declared TTL in seconds.
    pub ttl: u32,
    /// The site that all addresses of the owner are at, for A and AAAA: such a name is a host of that site. Its answers
    /// send nobody to the site who was not sent to the host already, by an MX record or by hand.
    pub host_of: Option<SiteIx>,
    /// One a record, parallel to [`super::RrSet::rdata`].
    pub members: Vec<Member>,
}

/// One record of a steered set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The endpoints behind the record: one for A and AAAA, the target's addresses for MX and SRV. None where no site
    /// holds the address or the target is not in our zones: such a record is neither monitored nor withdrawn.
    pub endpoints: Vec<EndpointIx>,
    /// The declared preference of an MX or priority of an SRV; 0 for addresses.
    pub preference: u16,
}
