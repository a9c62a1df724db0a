//! In what Waypost differs from Knot where queries are damaged, and why that is well.

use std::collections::BTreeSet;

/// What is compared of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub rcode: u16,
    pub authoritative: bool,
    pub truncated: bool,
    pub answers: BTreeSet<String>,
}

/// A difference that is well, and why.
pub struct Explained {
    pub reason: &'static str,
    pub applies: fn(&Shape, Option<&Outcome>, Option<&Outcome>) -> bool,
}

/// What a query is, as far as it can be read.
#[derive(Debug, Default)]
pub struct Shape {
    opcode: u8,
    counts: [u16; 4],
    /// Type and class of a question that could be read.
    question: Option<(u16, u16)>,
    /// What could be read of the records behind it.
    records: Vec<Record>,
    /// Whether all that is announced is there and nothing is behind it.
    complete: bool,
}

#[derive(Debug)]
struct Record {
    section: usize,
    rtype: u16,
    class: u16,
    rdata: Vec<u8>,
}

impl Shape {
    pub fn of(packet: &[u8]) -> Self {
        let mut shape = Self::default();
        if packet.len() < 12 {
            return shape;
        }
        let number = |at: usize| packet.get(at..at + 2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]));
        shape.opcode = packet[2] >> 3 & 0xf;
        shape.counts = [4, 6, 8, 10].map(|at| number(at).unwrap());
        let mut at = 12;
        let mut read = || -> Option<()> {
            for _ in 0..shape.counts[0] {
                at = name_end(packet, at, false)?;
                shape.question = Some((number(at)?, number(at + 2)?));
                at += 4;
            }
            for section in 1..4 {
                for _ in 0..shape.counts[section] {
                    at = name_end(packet, at, true)?;
                    let (rtype, class, length) = (number(at)?, number(at + 2)?, usize::from(number(at + 8)?));
                    let rdata = packet.get(at + 10..at + 10 + length)?.to_vec();
                    at += 10 + length;
                    shape.records.push(Record { section, rtype, class, rdata });
                }
            }
            Some(())
        };
        let whole = read().is_some();
        shape.complete = whole && at == packet.len();
        shape
    }

    /// The options of every OPT.
    fn options(&self) -> Vec<(u16, Vec<u8>)> {
        let mut options = Vec::new();
        for Record { rdata, .. } in self.records.iter().filter(|record| record.rtype == 41) {
            let mut at = 0;
            while let Some(head) = rdata.get(at..at + 4) {
                let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
                let Some(data) = rdata.get(at + 4..at + 4 + length) else { break };
                options.push((u16::from_be_bytes([head[0], head[1]]), data.to_vec()));
                at += 4 + length;
            }
        }
        options
    }
}

/// Behind the name at `at`. A question has nothing before it that a pointer could point to.
fn name_end(packet: &[u8], mut at: usize, pointers: bool) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xc0 && pointers => return packet.get(at + 1).map(|_| at + 2),
            length if length < 0x40 => at += usize::from(length) + 1,
            _ => return None,
        }
    }
}

fn rcode(outcome: Option<&Outcome>) -> Option<u16> {
    outcome.map(|outcome| outcome.rcode)
}

/// Whether no server told any data: what differs is which error it is.
fn bare(ours: Option<&Outcome>, theirs: Option<&Outcome>) -> bool {
    [ours, theirs].into_iter().flatten().all(|outcome| outcome.answers.is_empty())
}

const FORMERR: Option<u16> = Some(1);
const NOTIMP: Option<u16> = Some(4);
const REFUSED: Option<u16> = Some(5);

pub const EXPLAINED: &[Explained] = &[
    Explained {
        reason: "a question that cannot be read: Knot is silent, Waypost says FORMERR (as NSD)",
        applies: |shape, ours, theirs| {
            (shape.question.is_none() || shape.counts[0] != 1 || !shape.complete)
                && rcode(ours) == FORMERR
                && theirs.is_none()
        },
    },
    Explained {
        reason: "an opcode without a meaning: NOTIMP before anything else is looked at; Knot tells what else is wrong",
        applies: |shape, ours, theirs| {
            !matches!(shape.opcode, 0 | 4 | 5) && rcode(ours) == NOTIMP && bare(ours, theirs)
        },
    },
    Explained {
        reason: "NOTIFY and UPDATE: neither is allowed to anyone here, and each server has its own way to say so",
        applies: |shape, ours, theirs| matches!(shape.opcode, 4 | 5) && bare(ours, theirs),
    },
    Explained {
        reason: "records that no query has (an answer, an authority, more than OPT and TSIG): FORMERR; Knot passes them over",
        applies: |shape, ours, _| {
            let [_, answers, authorities, additionals] = shape.counts;
            let strange = answers > 0 || authorities > 0 || additionals > 2;
            shape.opcode == 0 && strange && rcode(ours) == FORMERR
        },
    },
    Explained {
        reason: "OPT, TKEY and TSIG as question types: FORMERR, no zone has such records",
        applies: |shape, ours, _| matches!(shape.question, Some((41 | 249 | 250, _))) && rcode(ours) == FORMERR,
    },
    Explained {
        reason: "MAILB and MAILA as question types: NOTIMP, they are obsolete (RFC 6895 section 3.1)",
        applies: |shape, ours, _| matches!(shape.question, Some((253 | 254, _))) && rcode(ours) == NOTIMP,
    },
    Explained {
        reason: "another class than IN: REFUSED",
        applies: |shape, ours, _| shape.question.is_some_and(|(_, class)| class != 1) && rcode(ours) == REFUSED,
    },
    Explained {
        reason: "type 0: a type like any other that no name has; NOTIMP at Knot",
        applies: |shape, _, theirs| matches!(shape.question, Some((0, _))) && rcode(theirs) == NOTIMP,
    },
    Explained {
        reason: "ANY: one RRset of the name, whichever (RFC 8482 section 4.1)",
        applies: |shape, ours, theirs| {
            let one = |outcome: Option<&Outcome>| outcome.is_some_and(|outcome| !outcome.answers.is_empty());
            matches!(shape.question, Some((255, 1))) && one(ours) && one(theirs)
        },
    },
    Explained {
        reason: "transfers over UDP: NOTAUTH for zones of others, as over TCP; NOTIMP at Knot",
        applies: |shape, ours, theirs| matches!(shape.question, Some((251 | 252, _))) && bare(ours, theirs),
    },
    Explained {
        reason: "another version of EDNS: BADVERS, its options may mean anything; Knot reads them",
        applies: |_, ours, theirs| rcode(ours) == Some(16) && rcode(theirs) == FORMERR,
    },
    Explained {
        reason: "an additional record that is malformed in itself and means nothing: who looks at it says FORMERR",
        applies: |shape, ours, theirs| {
            let other = shape.records.iter().any(|record| record.section == 3 && !matches!(record.rtype, 41 | 250));
            other && (rcode(ours) == FORMERR) != (rcode(theirs) == FORMERR)
        },
    },
    Explained {
        reason: "less than 512 octets offered is 512 (RFC 6891 section 6.2.3); one octet is FORMERR at Knot",
        applies: |shape, _, theirs| {
            shape.records.iter().any(|record| record.rtype == 41 && record.class == 1) && rcode(theirs) == FORMERR
        },
    },
    Explained {
        reason: "client subnets are read strictly (RFC 7871 section 6)",
        applies: |shape, ours, _| shape.options().iter().any(|(code, _)| *code == 8) && rcode(ours) == FORMERR,
    },
];
