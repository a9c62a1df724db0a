//! Type bitmaps of NSEC and NSEC3 records (RFC 4034 section 4.1.2).

use std::collections::BTreeSet;

/// The bitmap of `types` in wire format.
pub(super) fn encode(types: &BTreeSet<u16>) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = types.iter().copied().peekable();
    while let Some(&first) = rest.peek() {
        let [window, _] = first.to_be_bytes();
        let mut block = [0_u8; 32];
        let mut used = 0;
        while let Some(rtype) = rest.next_if(|rtype| rtype.to_be_bytes()[0] == window) {
            let [_, low] = rtype.to_be_bytes();
            let (octet, bit) = (usize::from(low / 8), low % 8);
            if let Some(octet) = block.get_mut(octet) {
                *octet |= 0x80 >> bit;
            }
            used = octet + 1;
        }
        octets.push(window);
        // At most 32.
        octets.push(u8::try_from(used).unwrap_or_default());
        octets.extend(block.iter().take(used));
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        // RFC 4034 section 4.3: A MX RRSIG NSEC TYPE1234.
        let expected = b"\x00\x06\x40\x01\x00\x00\x00\x03\
            \x04\x1b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20";
        assert_eq!(encode(&BTreeSet::from([1, 15, 46, 47, 1234])), expected);
        assert!(encode(&BTreeSet::new()).is_empty());
    }
}
