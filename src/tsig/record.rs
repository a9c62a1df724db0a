//! The TSIG record (RFC 8945 section 4.2).

use super::wire::Octets;
use crate::model::Name;

/// The fields of a TSIG record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tsig {
    /// NAME: the key.
    pub(super) owner: Name,
    /// Algorithm Name.
    pub(super) algorithm: Name,
    /// Time Signed, in seconds since 1970; 48 bits.
    pub(super) time: u64,
    /// Fudge, in seconds.
    pub(super) fudge: u16,
    /// MAC.
    pub(super) mac: Vec<u8>,
    /// Original ID.
    pub(super) original_id: u16,
    /// Error.
    pub(super) error: u16,
    /// Other Data: with BADTIME the server's time.
    pub(super) other: Vec<u8>,
}

impl Tsig {
    /// The record owned by `owner` with this RDATA, which has to be used up.
    pub(super) fn read(owner: Name, rdata: &[u8]) -> Option<Self> {
        let mut octets = Octets { message: rdata, at: 0 };
        let algorithm = octets.uncompressed_name()?;
        let time = octets.u48()?;
        let fudge = octets.u16()?;
        let mac_octets = octets.u16()?;
        let mac = octets.take(mac_octets.into())?.to_vec();
        let (original_id, error) = (octets.u16()?, octets.u16()?);
        let other_octets = octets.u16()?;
        let other = octets.take(other_octets.into())?.to_vec();
        (octets.at == rdata.len()).then_some(Self { owner, algorithm, time, fudge, mac, original_id, error, other })
    }

    /// The RDATA.
    pub(super) fn rdata(&self) -> Vec<u8> {
        let mut rdata = self.algorithm.as_wire().to_vec();
        rdata.extend(self.timers());
        rdata.extend(length(&self.mac));
        rdata.extend_from_slice(&self.mac);
        rdata.extend(self.original_id.to_be_bytes());
        rdata.extend(self.error.to_be_bytes());
        rdata.extend(length(&self.other));
        rdata.extend_from_slice(&self.other);
        rdata
    }

    /// Time Signed and Fudge: what a MAC covers besides the later messages of a stream (section 5.3.1).
    pub(super) fn timers(&self) -> [u8; 8] {
        let [_, _, t0, t1, t2, t3, t4, t5] = self.time.to_be_bytes();
        let [f0, f1] = self.fudge.to_be_bytes();
        [t0, t1, t2, t3, t4, t5, f0, f1]
    }

    /// The TSIG variables, names in canonical form: what a MAC covers besides a message (section 4.3.3).
    pub(super) fn variables(&self) -> Vec<u8> {
        let mut variables = self.owner.key().into_vec();
        // CLASS ANY, TTL 0.
        variables.extend([0, 0xff, 0, 0, 0, 0]);
        variables.extend(self.algorithm.key());
        variables.extend(self.timers());
        variables.extend(self.error.to_be_bytes());
        variables.extend(length(&self.other));
        variables.extend_from_slice(&self.other);
        variables
    }

    /// Whether `now` is within the fudge of the time signed (section 5.2.3).
    pub(super) fn is_timely(&self, now: u64) -> bool {
        self.time.abs_diff(now) <= self.fudge.into()
    }
}

/// Six octets of a time in seconds since 1970.
pub(super) fn u48(time: u64) -> [u8; 6] {
    let [_, _, rest @ ..] = time.to_be_bytes();
    rest
}

/// The length of a field that came in, or is made, with 16 bits for it.
pub(super) fn length(field: &[u8]) -> [u8; 2] {
    u16::try_from(field.len()).unwrap_or_default().to_be_bytes()
}

impl Octets<'_> {
    fn u48(&mut self) -> Option<u64> {
        let &[a, b, c, d, e, f] = self.take(6)?.first_chunk()?;
        Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    fn uncompressed_name(&mut self) -> Option<Name> {
        let start = self.at;
        loop {
            match self.take(1)?.first()? {
                0 => return Name::from_wire(self.message.get(start..self.at)?).ok(),
                length @ 1..64 => self.take(usize::from(*length))?,
                _ => return None,
            };
        }
    }
}
