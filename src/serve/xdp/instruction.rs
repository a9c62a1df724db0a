//! Instructions of eBPF (RFC 9669), as far as the program needs them: steps with labels, and the words the kernel takes.
//!
//! Written in Rust so that no compiler for another machine is needed to build Waypost. Pure.

use std::os::fd::RawFd;

/// A register.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Register {
    /// The result of a call, and of the program.
    R0,
    /// The first argument; the program's context at its start.
    R1,
    R2,
    R3,
    /// Kept over calls.
    R6,
    R7,
    R8,
    /// The end of the stack, never written.
    R10,
}
use Register::{R0, R1, R2, R3, R6, R7, R8, R10};

/// How much is loaded or stored.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Size {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
}

/// A helper of the kernel, by its number in `linux/bpf.h`.
#[derive(Clone, Copy)]
#[repr(i32)]
pub(super) enum Helper {
    MapLookup = 1,
    RedirectMap = 51,
}

/// A step of a program. `L` names its labels.
#[derive(Clone, Copy)]
pub(super) enum Step<L> {
    /// The first becomes the second.
    Copy(Register, Register),
    /// It becomes the number.
    Set(Register, i32),
    /// The number is added.
    Add(Register, i32),
    /// Only these bits stay.
    And(Register, i32),
    /// The first becomes what stands so many octets behind the second.
    Load(Size, Register, Register, i16),
    /// What stands so many octets behind the first becomes the second.
    Store(Size, Register, i16, Register),
    /// What stands so many octets behind it becomes the number.
    StoreNumber(Size, Register, i16, i32),
    /// It becomes the map behind the descriptor.
    Map(Register, RawFd),
    /// Calls the kernel.
    Call(Helper),
    /// Goes on at the label if the lower half of the register is not the number.
    UnlessIs(Register, u32, L),
    /// Goes on at the label if the lower half of the register has any of these bits.
    IfAny(Register, u32, L),
    /// Goes on at the label if the register is null.
    IfNull(Register, L),
    /// Goes on at the label if the first is greater than the second.
    IfGreater(Register, Register, L),
    /// Goes on at the label if the first is at most the second.
    IfAtMost(Register, Register, L),
    /// Goes on at the label.
    Go(L),
    /// The label stands here.
    At(L),
    /// The program ends with what is in `R0`.
    Exit,
}

/// An instruction as the kernel takes it.
pub(super) type Instruction = [u8; 8];

/// Classes, modes and operations (RFC 9669 sections 4 and 5).
const LOAD_WIDE: u8 = 0x18;
const LOAD: u8 = 0x61;
const STORE_NUMBER: u8 = 0x62;
const STORE: u8 = 0x63;
const ADD: u8 = 0x07;
const AND: u8 = 0x57;
const SET: u8 = 0xb7;
const COPY: u8 = 0xbf;
const GO: u8 = 0x05;
const IF_NULL: u8 = 0x15;
const IF_GREATER: u8 = 0x2d;
const IF_AT_MOST: u8 = 0xbd;
/// Those that look at the lower half only: a number of 32 bits would be extended by its sign otherwise.
const UNLESS_IS: u8 = 0x56;
const IF_ANY: u8 = 0x46;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// The wide number is the descriptor of a map.
const MAP_BY_DESCRIPTOR: u8 = 1;

/// The instructions of `steps`. Every label must stand exactly once, behind all that lead to it; `None` otherwise.
pub(super) fn assemble<L: Copy + PartialEq>(steps: &[Step<L>]) -> Option<Vec<Instruction>> {
    let mut code = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        // The distance is counted from the next instruction.
        let to = |label: L| distance(steps.get(at + 1..)?, label);
        let instruction = match *step {
            Step::Copy(to, from) => encode(COPY, to, from, 0, 0),
            Step::Set(to, number) => encode(SET, to, R0, 0, number),
            Step::Add(to, number) => encode(ADD, to, R0, 0, number),
            Step::And(to, bits) => encode(AND, to, R0, 0, bits),
            Step::Load(size, to, base, offset) => encode(LOAD | size as u8, to, base, offset, 0),
            Step::Store(size, base, offset, from) => encode(STORE | size as u8, base, from, offset, 0),
            Step::StoreNumber(size, base, offset, number) => {
                encode(STORE_NUMBER | size as u8, base, R0, offset, number)
            }
            Step::Map(to, descriptor) => {
                let mut first = encode(LOAD_WIDE, to, R0, 0, descriptor);
                let [_, registers, ..] = &mut first;
                *registers |= MAP_BY_DESCRIPTOR << 4;
                code.push(first);
                [0; 8]
            }
            Step::Call(helper) => encode(CALL, R0, R0, 0, helper as i32),
            Step::UnlessIs(left, number, label) => encode(UNLESS_IS, left, R0, to(label)?, number.cast_signed()),
            Step::IfAny(left, bits, label) => encode(IF_ANY, left, R0, to(label)?, bits.cast_signed()),
            Step::IfNull(left, label) => encode(IF_NULL, left, R0, to(label)?, 0),
            Step::IfGreater(left, right, label) => encode(IF_GREATER, left, right, to(label)?, 0),
            Step::IfAtMost(left, right, label) => encode(IF_AT_MOST, left, right, to(label)?, 0),
            Step::Go(label) => encode(GO, R0, R0, to(label)?, 0),
            Step::Exit => encode(EXIT, R0, R0, 0, 0),
            Step::At(_) => continue,
        };
        code.push(instruction);
    }
    Some(code)
}

/// How many instructions stand before the label.
fn distance<L: Copy + PartialEq>(steps: &[Step<L>], label: L) -> Option<i16> {
    let end = steps.iter().position(|step| matches!(step, Step::At(here) if *here == label))?;
    let length = |step: &Step<L>| match step {
        Step::At(_) => 0,
        Step::Map(..) => 2,
        _ => 1,
    };
    i16::try_from(steps.get(..end)?.iter().map(length).sum::<usize>()).ok()
}

fn encode(operation: u8, destination: Register, source: Register, offset: i16, number: i32) -> Instruction {
    let number_of = |register: Register| match register {
        R0 => 0,
        R1 => 1,
        R2 => 2,
        R3 => 3,
        R6 => 6,
        R7 => 7,
        R8 => 8,
        R10 => 10,
    };
    // On machines whose first octet is the greatest, the two registers stand the other way round.
    let registers = if cfg!(target_endian = "little") {
        number_of(source) << 4 | number_of(destination)
    } else {
        number_of(destination) << 4 | number_of(source)
    };
    let [o0, o1] = offset.to_ne_bytes();
    let [n0, n1, n2, n3] = number.to_ne_bytes();
    [operation, registers, o0, o1, n0, n1, n2, n3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn steps_become_the_words_of_the_standard() {
        let steps = [
            Step::Load(Size::Half, R1, R7, 12),
            Step::UnlessIs(R1, 0x0800, 'p'),
            Step::Store(Size::Word, R10, -8, R1),
            Step::Map(R1, 5),
            Step::Call(Helper::MapLookup),
            Step::At('p'),
            Step::Set(R0, 2),
            Step::Exit,
        ];
        let words: Vec<u64> = assemble(&steps).unwrap().into_iter().map(u64::from_le_bytes).collect();
        let expected = [
            0x0000_0000_000c_7169,
            0x0000_0800_0004_0156,
            0x0000_0000_fff8_1a63,
            0x0000_0005_0000_1118,
            0,
            0x0000_0001_0000_0085,
            0x0000_0002_0000_00b7,
            0x0000_0000_0000_0095,
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn there_is_no_way_back_and_none_to_nowhere() {
        assert_eq!(assemble(&[Step::At('a'), Step::Go('a')]), None);
        assert_eq!(assemble(&[Step::Go('b'), Step::At('a'), Step::Exit]), None);
    }
}
