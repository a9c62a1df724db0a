//! Fingerprints: short words for long things, the same on every machine and in every version of the program.

use std::net::IpAddr;

/// FNV-1a of 64 bits. It tells things apart that differ by chance, not those that somebody makes alike on purpose.
#[derive(Clone, Debug)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    /// Of something of this `kind`; a change of what goes into it is a new kind.
    pub(super) fn of(kind: &str) -> Self {
        let mut fingerprint = Self(0xcbf2_9ce4_8422_2325);
        fingerprint.text(kind);
        fingerprint
    }

    /// A text, so that two of them are never taken for one.
    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len());
        self.octets(text.as_bytes());
    }

    /// An address, by its octets: how it is written has changed before.
    pub(super) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.octets(&address.octets()),
            IpAddr::V6(address) => self.octets(&address.octets()),
        }
    }

    /// A number.
    pub(super) fn number(&mut self, number: usize) {
        self.octets(&u64::try_from(number).unwrap_or(u64::MAX).to_le_bytes());
    }

    /// 16 hexadecimal digits.
    pub(super) fn finish(&self) -> String {
        format!("{:016x}", self.0)
    }

    fn octets(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_function_that_the_literature_knows() {
        let mut fingerprint = Fingerprint(0xcbf2_9ce4_8422_2325);
        fingerprint.octets(b"foobar");
        assert_eq!(fingerprint.finish(), "85944171f73967e8");
    }

    #[test]
    fn where_a_text_ends_matters() {
        let of = |texts: [&str; 2]| {
            let mut fingerprint = Fingerprint::of("test");
            texts.iter().for_each(|text| fingerprint.text(text));
            fingerprint.finish()
        };
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    }
}
