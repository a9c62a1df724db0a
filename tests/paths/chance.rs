//! Queries by chance: the same ones for the same seed.

use crate::world::{LABELS, NAMES, ORIGINS};

/// xorshift64* (Vigna 2016).
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(((self.next() >> 32) * u64::try_from(bound).unwrap()) >> 32).unwrap()
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}

const TYPES: [u16; 22] = [1, 1, 1, 28, 15, 15, 15, 2, 5, 6, 12, 16, 33, 39, 43, 46, 47, 48, 65, 255, 0, 4711];

/// A name in wire format.
fn name(chance: &mut Chance) -> Vec<u8> {
    let mut text = match chance.below(8) {
        0..=3 => chance.pick(&NAMES).to_owned(),
        4..=6 => chance.pick(&ORIGINS).to_owned(),
        _ => "elsewhere.test".to_owned(),
    };
    for _ in 0..chance.pick(&[0, 0, 0, 1, 1, 1, 2, 3]) {
        text = format!("{}.{text}", chance.pick(&LABELS));
    }
    if chance.one_in(200) {
        text = format!("{}{text}", "x.".repeat(chance.below(100)));
    }
    if chance.one_in(50) {
        // As long as names can be, of few labels.
        for _ in 0..=chance.below(3) {
            text = format!("{}.{text}", "l".repeat(1 + chance.below(63)));
        }
    }
    let mut wire = Vec::new();
    for label in text.split('.') {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend_from_slice(label.as_bytes());
    }
    if chance.one_in(4) {
        for octet in &mut wire {
            if chance.one_in(2) {
                octet.make_ascii_uppercase();
            }
        }
    }
    wire.push(0);
    // Some are too long, and no names.
    wire.truncate(256);
    wire
}

fn option(code: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&code.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
}

/// The data of a client subnet, mostly well-formed.
fn subnet(chance: &mut Chance) -> Vec<u8> {
    let (family, width) = chance.pick(&[(1_u8, 32_u8), (1, 32), (2, 128)]);
    let prefix = chance.pick(&[0, 8, 16, 20, 24, 24, 24, 32]);
    let mut address = match chance.below(3) {
        0 => vec![203, 0, 113, 7],
        1 => vec![192, 0, 2, 200],
        _ => chance.octets(4),
    };
    address.resize(16, 0);
    address.truncate(usize::from(prefix.min(width)).div_ceil(8));
    if let Some(last) = address.last_mut()
        && !prefix.is_multiple_of(8)
    {
        *last &= 0xff << (8 - prefix % 8);
    }
    let mut data = vec![0, family, prefix, 0];
    data.extend(address);
    if chance.one_in(20) {
        let at = chance.below(data.len());
        data[at] ^= 1 << chance.below(8);
    }
    data
}

fn opt(chance: &mut Chance) -> Vec<u8> {
    let mut options = Vec::new();
    if chance.one_in(3) {
        options.extend(option(8, &subnet(chance)));
    }
    if chance.one_in(4) {
        options.extend(option(3, b""));
    }
    if chance.one_in(4) {
        let length = chance.pick(&[8, 8, 24, 24, 16, 40, 7, 41]);
        options.extend(option(10, &chance.octets(length)));
    }
    if chance.one_in(8) {
        let (code, length) = (chance.pick(&[11, 12, 15, 65_001]), chance.below(30));
        options.extend(option(code, &chance.octets(length)));
    }
    let payload: u16 = chance.pick(&[0, 512, 512, 600, 700, 1232, 1232, 1232, 1400, 4096, 65_535]);
    let version = u8::from(chance.one_in(40));
    let flags = chance.pick(&[0_u8, 0, 0x80, 0x80, 0x40, 0xff]);
    let mut record = vec![0, 0, 41];
    record.extend(payload.to_be_bytes());
    record.extend([0, version, flags, 0]);
    record.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
    record.extend(options);
    record
}

/// A query, or something that was one.
pub fn query(chance: &mut Chance) -> Vec<u8> {
    let mut packet = chance.octets(2);
    packet.extend([chance.pick(&[0_u8, 1, 1, 1]), chance.pick(&[0_u8, 0, 0x10, 0x20, 0xff]), 0, 1, 0, 0, 0, 0, 0, 0]);
    packet.extend(name(chance));
    packet.extend(chance.pick(&TYPES).to_be_bytes());
    packet.extend([0, if chance.one_in(100) { chance.pick(&[0, 3, 254, 255]) } else { 1 }]);
    if chance.one_in(2) {
        packet[11] = 1;
        packet.extend(opt(chance));
    }
    if chance.one_in(25) {
        for _ in 0..=chance.below(3) {
            let at = chance.below(packet.len());
            packet[at] ^= 1 << chance.below(8);
        }
    }
    if chance.one_in(100) {
        packet.truncate(chance.below(packet.len()));
    }
    packet
}
