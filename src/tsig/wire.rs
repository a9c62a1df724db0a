//! Where the TSIG record lies in a message, read with bounds at every step.

use super::record::Tsig;
use crate::model::Name;

/// Where ARCOUNT lies in the header (RFC 1035 section 4.1.1).
const ARCOUNT: usize = 10;
const TYPE_TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;

/// The octets are no message, or the TSIG record is malformed, not the last record of the additional section, or there
/// are several (RFC 8945 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A message taken apart.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    /// The message before it was signed: without the TSIG record, with the original ID.
    pub(super) stripped: Vec<u8>,
    /// The TSIG record.
    pub(super) tsig: Tsig,
}

/// Finds the TSIG record of `message`, `None` where there is none.
pub(super) fn take_apart(message: &[u8]) -> Result<Option<Signed>, Malformed> {
    let mut octets = Octets { message, at: 4 };
    let mut counts = [0_u16; 4];
    for count in &mut counts {
        *count = octets.u16().ok_or(Malformed)?;
    }
    let [questions, answers, authorities, additionals] = counts;
    for _ in 0..questions {
        octets.skip_name().and_then(|()| octets.take(4)).ok_or(Malformed)?;
    }
    let records = u32::from(answers) + u32::from(authorities) + u32::from(additionals);
    let mut last = None;
    for at in 0..records {
        let start = octets.at;
        octets.skip_name().ok_or(Malformed)?;
        let rtype = octets.u16().ok_or(Malformed)?;
        let fixed = octets.take(6).ok_or(Malformed)?;
        let length = octets.u16().ok_or(Malformed)?;
        let rdata = octets.take(length.into()).ok_or(Malformed)?;
        if rtype != TYPE_TSIG {
            continue;
        }
        // CLASS ANY and TTL 0 (section 4.2).
        if at + 1 != records || additionals == 0 || fixed != [CLASS_ANY.to_be_bytes()[0], 0xff, 0, 0, 0, 0] {
            return Err(Malformed);
        }
        last = Some((start, rdata));
    }
    if octets.at != message.len() {
        return Err(Malformed);
    }
    let Some((start, rdata)) = last else { return Ok(None) };
    let owner = Octets { message, at: start }.name().ok_or(Malformed)?;
    let tsig = Tsig::read(owner, rdata).ok_or(Malformed)?;
    let mut stripped = message.get(..start).ok_or(Malformed)?.to_vec();
    put(&mut stripped, 0, tsig.original_id);
    put(&mut stripped, ARCOUNT, additionals.saturating_sub(1));
    Ok(Some(Signed { stripped, tsig }))
}

/// Appends `tsig` to `message`.
pub(super) fn append(message: &mut Vec<u8>, tsig: &Tsig) {
    let count = Octets { message, at: ARCOUNT }.u16().unwrap_or_default();
    put(message, ARCOUNT, count.saturating_add(1));
    message.extend_from_slice(tsig.owner.as_wire());
    message.extend(TYPE_TSIG.to_be_bytes());
    message.extend(CLASS_ANY.to_be_bytes());
    message.extend([0; 4]);
    let rdata = tsig.rdata();
    message.extend(u16::try_from(rdata.len()).unwrap_or_default().to_be_bytes());
    message.extend(rdata);
}

/// The ID of a message.
pub(super) fn id(message: &[u8]) -> u16 {
    Octets { message, at: 0 }.u16().unwrap_or_default()
}

fn put(message: &mut [u8], at: usize, value: u16) {
    if let Some(place) = message.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// A place in the octets of a message.
pub(super) struct Octets<'m> {
    pub(super) message: &'m [u8],
    pub(super) at: usize,
}

impl<'m> Octets<'m> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'m [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.message.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|octets| u16::from_be_bytes(*octets))
    }

    fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.take(1)?.first()? {
                0 => return Some(()),
                length @ 1..64 => self.take(usize::from(*length))?,
                0xc0.. => return self.take(1).map(|_| ()),
                _ => return None,
            };
        }
    }

    /// A name, which may end in a pointer backwards (RFC 1035 section 4.1.4).
    pub(super) fn name(&mut self) -> Option<Name> {
        let mut wire = Vec::with_capacity(64);
        let mut bound = self.at;
        loop {
            let length = *self.take(1)?.first()?;
            match length {
                0 => break,
                1..64 => {
                    wire.push(length);
                    wire.extend_from_slice(self.take(length.into())?);
                }
                0xc0.. => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(*self.take(1)?.first()?);
                    // Each jump goes further back, so that there is an end.
                    if target >= bound {
                        return None;
                    }
                    (self.at, bound) = (target, target);
                }
                _ => return None,
            }
            if wire.len() >= Name::MAX_OCTETS {
                return None;
            }
        }
        wire.push(0);
        Name::from_wire(&wire).ok()
    }
}
