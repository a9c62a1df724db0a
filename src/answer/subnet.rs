//! EDNS Client Subnet (RFC 7871), read and written by ourselves: the message library checks neither the number of
//! address octets nor host bits nor the scope.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A checked client subnet of a query.
///
/// The scope of the reply is the one steering gives: the widest block around the subnet's base address in which all
/// clients get the same answer. It may be longer than the source prefix (RFC 7871 section 7.2.1): the resolver learns
/// that the prefix it sent was too short to tell, and caches what it got for that prefix all the same. It is never
/// shortened to the source prefix, because that would claim an answer for clients whose answer differs.
/// Source prefix 0 gets scope 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientSubnet {
    address: IpAddr,
    source_prefix: u8,
}

/// Why an option is refused with FORMERR (RFC 7871 section 7.1.2 and section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// Shorter than family and prefix lengths.
    #[error("the option is shorter than 4 octets")]
    Short,
    /// Neither IPv4 nor IPv6.
    #[error("family {0} is neither 1 (IPv4) nor 2 (IPv6)")]
    Family(u16),
    /// Longer than the family's addresses.
    #[error("source prefix length {0} is longer than the family's addresses")]
    Prefix(u8),
    /// Only replies carry a scope.
    #[error("scope prefix length {0} in a query; it must be 0")]
    Scope(u8),
    /// More or fewer address octets than the source prefix needs.
    #[error("{found} address octets where the source prefix needs {needed}")]
    Octets {
        /// In the option.
        found: usize,
        /// By the source prefix length.
        needed: usize,
    },
    /// Bits beyond the source prefix are set.
    #[error("address bits beyond the source prefix are set")]
    HostBits,
}

impl ClientSubnet {
    /// The option's code (RFC 7871 section 6).
    pub const CODE: u16 = 8;

    /// A subnet for explanations and tests; bits of `address` beyond `source_prefix` are cleared.
    ///
    /// # Errors
    /// If the prefix is longer than the family's addresses.
    pub fn new(address: IpAddr, source_prefix: u8) -> Result<Self, SubnetError> {
        let net = ipnet::IpNet::new(address, source_prefix).map_err(|_| SubnetError::Prefix(source_prefix))?;
        Ok(Self { address: net.network(), source_prefix })
    }

    /// Reads the option's data from a query.
    ///
    /// # Errors
    /// If RFC 7871 has it refused.
    pub fn from_option(data: &[u8]) -> Result<Self, SubnetError> {
        let (&[family_high, family_low, source_prefix, scope], octets) =
            data.split_first_chunk::<4>().ok_or(SubnetError::Short)?;
        let width = match u16::from_be_bytes([family_high, family_low]) {
            1 => 32,
            2 => 128,
            other => return Err(SubnetError::Family(other)),
        };
        if source_prefix > width {
            return Err(SubnetError::Prefix(source_prefix));
        }
        if scope != 0 {
            return Err(SubnetError::Scope(scope));
        }
        let needed = usize::from(source_prefix).div_ceil(8);
        if octets.len() != needed {
            return Err(SubnetError::Octets { found: octets.len(), needed });
        }
        let mut whole = [0_u8; 16];
        for (to, from) in whole.iter_mut().zip(octets) {
            *to = *from;
        }
        let address = if width == 32 {
            let [a, b, c, d, ..] = whole;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        } else {
            IpAddr::V6(Ipv6Addr::from(whole))
        };
        let subnet = Self::new(address, source_prefix)?;
        if subnet.address == address { Ok(subnet) } else { Err(SubnetError::HostBits) }
    }

    /// The option's data for the reply: family, source prefix and address echoed, with `scope`. The first octets of the
    /// array, and how many.
    #[must_use]
    pub fn to_octets(&self, scope: u8) -> ([u8; 20], u8) {
        let mut data = [0; 20];
        let family = if self.address.is_ipv4() { 1 } else { 2 };
        let address = match self.address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        // No bit is set behind the source prefix.
        let octets = [0, family, self.source_prefix, scope].into_iter().chain(address.to_be_bytes());
        for (place, octet) in data.iter_mut().zip(octets) {
            *place = octet;
        }
        (data, 4 + self.source_prefix.div_ceil(8))
    }

    /// The same as [`Self::to_octets`].
    #[must_use]
    pub fn to_option(&self, scope: u8) -> Vec<u8> {
        let (octets, length) = self.to_octets(scope);
        octets.into_iter().take(length.into()).collect()
    }

    /// The base address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits of the client's address the resolver tells.
    #[must_use]
    pub const fn source_prefix(&self) -> u8 {
        self.source_prefix
    }
}

impl fmt::Display for ClientSubnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.source_prefix)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn well_formed_options_are_echoed_with_the_scope() {
        for (query, reply) in [
            (&[0, 1, 24, 0, 192, 0, 2][..], &[0, 1, 24, 16, 192, 0, 2][..]),
            (&[0, 1, 0, 0], &[0, 1, 0, 16]),
            (&[0, 1, 21, 0, 192, 0, 8], &[0, 1, 21, 16, 192, 0, 8]),
            (&[0, 2, 20, 0, 0x20, 0x01, 0x10], &[0, 2, 20, 16, 0x20, 0x01, 0x10]),
        ] {
            assert_eq!(ClientSubnet::from_option(query).unwrap().to_option(16), reply);
        }
    }

    #[test]
    fn malformed_options_are_refused() {
        for (query, why) in [
            (&[0, 1, 24][..], SubnetError::Short),
            (&[0, 0, 0, 0], SubnetError::Family(0)),
            (&[0, 3, 0, 0], SubnetError::Family(3)),
            (&[0, 1, 33, 0, 1, 2, 3, 4, 128], SubnetError::Prefix(33)),
            (&[0, 2, 129, 0], SubnetError::Prefix(129)),
            (&[0, 1, 24, 24, 192, 0, 2], SubnetError::Scope(24)),
            (&[0, 1, 24, 0, 192, 0], SubnetError::Octets { found: 2, needed: 3 }),
            (&[0, 1, 24, 0, 192, 0, 2, 0], SubnetError::Octets { found: 4, needed: 3 }),
            (&[0, 1, 21, 0, 192, 0, 9], SubnetError::HostBits),
        ] {
            assert_eq!(ClientSubnet::from_option(query), Err(why));
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_a_subnet_or_an_error(data in prop::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(subnet) = ClientSubnet::from_option(&data) {
                prop_assert_eq!(subnet.to_option(0), data);
            }
        }
    }
}
