//! Master files (RFC 1035 section 5, RFC 2308 section 4): directives, owners, classes, TTLs, types and includes.

use std::path::{Path, PathBuf};

use domain::base::iana::Rtype;
use hickory_proto::rr::{RData, RecordType};

use super::bounds::{MAX_FILE_OCTETS, MAX_INCLUDE_DEPTH, MAX_TTL};
use super::draft::{Draft, Record};
use super::findings::{Finding, Findings, Source, quote};
use super::lexer::{Entry, Fault, Lexer, Spot, Token};
use super::rdata::RdataReader;
use super::tree::{Place, Zone};
use super::{form, relative, ttl};
use crate::config::{Report, Severity};
use crate::model::Name;

/// Reads the files that `$INCLUDE` names.
pub trait Include {
    /// The text of `path`, which is absolute or starts with the directory of the including file.
    ///
    /// # Errors
    /// Why it cannot be read, in an operator's words.
    fn read(&self, path: &Path) -> Result<String, String>;
}

/// Reads the zone of apex `origin` from the master file `text`.
///
/// `file` names the text in diagnostics, and `$INCLUDE` is relative to its directory. The report holds every mistake
/// with its line and remedy; the zone is given only when none of them is an error.
pub fn load(origin: &Name, file: &Path, text: &str, include: &dyn Include) -> (Option<Zone>, Report) {
    let mut master = Master {
        include,
        draft: Draft::new(origin.clone()),
        findings: Findings::default(),
        rdata: RdataReader::new(),
        files: vec![file.to_path_buf()],
        octets_left: MAX_FILE_OCTETS,
        default_ttl: None,
        last_ttl: None,
        tried: Tried::default(),
    };
    let start =
        Context { source: Source { file, text }, file: 0, depth: 0, origin: origin.clone(), owner: Owner::None };
    master.read(start);
    master.finish(file)
}

/// The reader of one zone.
struct Master<'i> {
    include: &'i dyn Include,
    draft: Draft,
    findings: Findings,
    rdata: RdataReader,
    files: Vec<PathBuf>,
    octets_left: usize,
    /// `$TTL`.
    default_ttl: Option<u32>,
    /// The last TTL stated on a record.
    last_ttl: Option<u32>,
    tried: Tried,
}

/// What the file tried to say, so that one mistake is not also reported as something missing.
#[derive(Default)]
struct Tried {
    soa: bool,
    ns: bool,
    /// Where a SOA stands that is not of this zone.
    foreign_soa: Option<Name>,
}

/// Where reading stands in one file.
struct Context<'t> {
    source: Source<'t>,
    file: u32,
    depth: usize,
    origin: Name,
    owner: Owner,
}

/// Whose record an indented entry is.
#[derive(Clone)]
enum Owner {
    /// There was no entry yet.
    None,
    /// Of the entry before.
    Known(Name),
    /// Of the entry before, which was refused: what follows cannot be placed.
    Refused,
}

impl Master<'_> {
    /// Reads one file to its end.
    fn read(&mut self, mut context: Context<'_>) {
        let Some(left) = self.octets_left.checked_sub(context.source.text.len()) else {
            let what = format!("more than {MAX_FILE_OCTETS} octets with all included files");
            let finding = Finding::error(what, "a smaller zone", "split the zone by delegation");
            self.findings.push_line(context.source.file, 0, finding);
            (self.tried.soa, self.tried.ns) = (true, true);
            return;
        };
        self.octets_left = left;
        let mut lexer = Lexer::new(context.source.text);
        let mut tokens = Vec::new();
        while let Some(entry) = lexer.next_entry(&mut tokens) {
            let is_directive = tokens.first().is_some_and(|token| token.raw.starts_with('$') && !token.quoted);
            if is_directive && entry.fault.is_none() {
                self.directive(&mut context, &tokens);
            } else {
                self.entry(&mut context, &entry, &tokens);
            }
        }
    }

    fn push(&mut self, context: &Context<'_>, spot: Spot, finding: Finding) {
        self.findings.push(context.source, spot, finding);
    }

    /// Reads `$ORIGIN`, `$TTL` or `$INCLUDE`.
    fn directive(&mut self, context: &mut Context<'_>, tokens: &[Token<'_>]) {
        let Some((word, arguments)) = tokens.split_first() else { return };
        let name = word.raw.to_ascii_uppercase();
        let (most, form) = match name.as_str() {
            "$ORIGIN" => (1, "$ORIGIN example.org."),
            "$TTL" => (1, "$TTL 1h"),
            "$INCLUDE" => (2, "$INCLUDE hosts.zone"),
            "$GENERATE" => {
                let remedy = "write the records out; 'named-compilezone -o - ORIGIN FILE' of BIND does so";
                let finding = Finding::error("$GENERATE, which is BIND's own", "records", remedy);
                return self.push(context, word.spot, finding);
            }
            _ => {
                let what = format!("the directive {}", quote(word.raw));
                let finding = Finding::error(what, "$ORIGIN, $TTL or $INCLUDE", "remove or correct it");
                return self.push(context, word.spot, finding);
            }
        };
        let Some(first) = arguments.first() else {
            let finding = Finding::error(format!("{name} without a value"), form, format!("write it as in {form}"));
            return self.push(context, word.spot, finding);
        };
        if let Some(extra) = arguments.get(most) {
            let what = format!("{} after {name}", quote(extra.raw));
            let finding = Finding::error(what, form, format!("write it as in {form}"));
            return self.push(context, extra.spot, finding);
        }
        match name.as_str() {
            "$ORIGIN" => match relative::absolute(first, &context.origin) {
                Ok(origin) => context.origin = origin,
                Err(finding) => self.push(context, first.spot, finding),
            },
            "$TTL" => match ttl::seconds(first.raw) {
                Ok(seconds) => self.default_ttl = Some(seconds),
                Err(why) => {
                    self.default_ttl = Some(0);
                    self.push(context, first.spot, bad_ttl(first.raw, why));
                }
            },
            _ => self.include(context, first, arguments.get(1)),
        }
    }

    fn include(&mut self, context: &Context<'_>, path: &Token<'_>, origin: Option<&Token<'_>>) {
        let origin = match origin.map(|token| (token, relative::absolute(token, &context.origin))) {
            None => context.origin.clone(),
            Some((_, Ok(origin))) => origin,
            Some((token, Err(finding))) => return self.push(context, token.spot, finding),
        };
        if context.depth >= MAX_INCLUDE_DEPTH {
            let what = format!("$INCLUDE {} levels deep", context.depth + 1);
            let expected = format!("at most {MAX_INCLUDE_DEPTH} levels");
            let finding = Finding::error(what, expected, "check whether the file includes itself");
            return self.push(context, path.spot, finding);
        }
        let file = context.source.file.parent().unwrap_or_else(|| Path::new("")).join(path.raw);
        let text = match self.include.read(&file) {
            Ok(text) => text,
            Err(why) => {
                let what = format!("$INCLUDE of {}: {why}", file.display());
                let finding = Finding::error(what, "a file that can be read", "correct the path or the permissions");
                return self.push(context, path.spot, finding);
            }
        };
        self.files.push(file.clone());
        self.read(Context {
            source: Source { file: &file, text: &text },
            file: u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX),
            depth: context.depth + 1,
            origin,
            owner: context.owner.clone(),
        });
    }

    /// Reads a record.
    fn entry(&mut self, context: &mut Context<'_>, entry: &Entry, tokens: &[Token<'_>]) {
        let rest = match (entry.indented, tokens.split_first()) {
            (false, Some((owner, rest))) => {
                context.owner = match relative::absolute(owner, &context.origin) {
                    Ok(name) => {
                        self.check_owner(context, owner, &name);
                        Owner::Known(name)
                    }
                    Err(finding) => {
                        self.push(context, owner.spot, finding);
                        Owner::Refused
                    }
                };
                rest
            }
            _ => tokens,
        };
        if let Some((fault, spot)) = entry.fault {
            let says = |word: &str| tokens.iter().any(|token| token.raw.eq_ignore_ascii_case(word));
            // What an open parenthesis swallows may hold anything.
            self.tried.soa |= says("SOA") || fault == Fault::OpenParenthesis;
            self.tried.ns |= says("NS") || fault == Fault::OpenParenthesis;
            return self.push(context, spot, bad_shape(fault));
        }
        let end = tokens.last().or(tokens.first()).map(|token| token.spot);
        let (Some(end), Some((stated_ttl, rtype, data))) = (end, self.head(context, tokens, rest)) else { return };
        self.tried.soa |= rtype == Rtype::SOA;
        self.tried.ns |= rtype == Rtype::NS;
        let start = rest.first().map_or(end, |token| token.spot);
        let rdata = match self.rdata.read(rtype, data, &context.origin) {
            Ok(rdata) => rdata,
            Err(fault) => {
                let spot = fault.token.and_then(|ix| data.get(ix)).map_or(end, |token| token.spot);
                return self.push(context, spot, fault.finding);
            }
        };
        let owner = match context.owner.clone() {
            Owner::Known(owner) => owner,
            Owner::Refused => return,
            Owner::None => {
                let remedy = "write the owner at the start of the line, @ for the zone itself";
                let finding = Finding::error("an indented record before any owner", "an owner", remedy);
                return self.push(context, start, finding);
            }
        };
        let Some(ttl) = self.ttl(context, start, stated_ttl, &rdata) else { return };
        if !owner.is_at_or_below(self.draft.origin()) {
            if rtype == Rtype::SOA {
                self.tried.soa = false;
                self.tried.foreign_soa.get_or_insert_with(|| owner.clone());
            }
            self.tried.ns &= rtype != Rtype::NS;
            let expected = format!("names at or below {}", self.draft.origin());
            let remedy = "remove it, or move it to the file of its zone; it is ignored here";
            let finding = Finding::warning(format!("{owner}, which is not in this zone"), expected, remedy);
            return self.push(context, start, finding);
        }
        if let Some(finding) = relative::target(&rdata).and_then(|name| relative::suspicion(&name, &context.origin)) {
            self.push(context, end, finding);
        }
        let place = Place { file: context.file, line: u32::try_from(start.line).unwrap_or(u32::MAX) };
        let rtype = RecordType::from(rtype.to_int());
        if let Err(finding) = self.draft.add(Record { owner, rtype, ttl, rdata, place }) {
            self.push(context, start, finding);
        }
    }

    fn check_owner(&mut self, context: &Context<'_>, token: &Token<'_>, owner: &Name) {
        if !token.raw.ends_with('.')
            && let Some(finding) = relative::suspicion(owner, &context.origin)
            // Reverse zones have owners of numbers.
            && !owner.labels().any(|label| label.eq_ignore_ascii_case(b"in-addr"))
        {
            self.push(context, token.spot, finding);
        }
    }

    /// TTL, class and type in front of the data (RFC 1035 section 5.1: TTL and class in any order), and the data.
    fn head<'a, 't>(
        &mut self,
        context: &Context<'_>,
        tokens: &[Token<'t>],
        rest: &'a [Token<'t>],
    ) -> Option<(Option<u32>, Rtype, &'a [Token<'t>])> {
        let (mut ttl, mut has_class, mut rest) = (None, false, rest);
        loop {
            let Some((token, after)) = rest.split_first() else {
                let spot = tokens.last()?.spot;
                let remedy = "write owner, TTL, class, type and data, as in: www 1h IN A 192.0.2.1";
                self.push(context, spot, Finding::error("an entry without a type", "a record type", remedy));
                return None;
            };
            if ttl.is_none() && token.raw.starts_with(|first: char| first.is_ascii_digit()) {
                match ttl::seconds(token.raw) {
                    Ok(seconds) => ttl = Some(seconds),
                    Err(why) => {
                        self.push(context, token.spot, bad_ttl(token.raw, why));
                        return None;
                    }
                }
            } else if !has_class && let Some(is_internet) = class(token.raw) {
                if !is_internet {
                    let what = format!("class {}", quote(token.raw));
                    let finding = Finding::error(what, "class IN", "write IN, or leave the class out");
                    self.push(context, token.spot, finding);
                    return None;
                }
                has_class = true;
            } else {
                return match rtype(token.raw) {
                    Ok(rtype) => Some((ttl, rtype, after)),
                    Err(finding) => {
                        self.push(context, token.spot, finding);
                        None
                    }
                };
            }
            rest = after;
        }
    }

    /// The TTL of a record: its own, that of `$TTL` (RFC 2308 section 4), the last stated, or the SOA's minimum.
    fn ttl(&mut self, context: &Context<'_>, spot: Spot, stated: Option<u32>, rdata: &RData) -> Option<u32> {
        if stated.is_some() {
            self.last_ttl = stated;
            return stated;
        }
        if let Some(ttl) = self.default_ttl.or(self.last_ttl) {
            return Some(ttl);
        }
        let remedy = "put $TTL 1h at the top of the file";
        if let RData::SOA(soa) = rdata {
            let what = format!("no TTL; the SOA's minimum of {} s is used", soa.minimum);
            self.last_ttl = Some(soa.minimum.min(MAX_TTL));
            self.push(context, spot, Finding::warning(what, "a TTL on the record or a $TTL above it", remedy));
            return self.last_ttl;
        }
        self.push(context, spot, Finding::error("no TTL", "a TTL on the record or a $TTL above it", remedy));
        // Said once is enough.
        self.last_ttl = Some(0);
        None
    }

    /// Checks what only the whole file shows.
    fn finish(mut self, file: &Path) -> (Option<Zone>, Report) {
        let origin = self.draft.origin().clone();
        let has = |rtype| self.draft.apex().is_some_and(|apex| apex.rrset(rtype).is_some());
        let (has_soa, has_ns) = (has(RecordType::SOA), has(RecordType::NS));
        if !has_soa && !self.tried.soa {
            let finding = match &self.tried.foreign_soa {
                Some(foreign) => Finding::error(
                    format!("the SOA of {foreign} in the file of {origin}"),
                    format!("a SOA at {origin}"),
                    format!("set origin to {foreign} in the configuration, or name the right file"),
                ),
                None => Finding::error(
                    format!("no SOA at {origin}"),
                    "exactly one",
                    format!("add '@ 1h {}' as the first record", form::of(Rtype::SOA).1),
                ),
            };
            self.findings.push_line(file, 0, finding);
        }
        if !has_ns && !self.tried.ns && self.tried.foreign_soa.is_none() {
            let what = format!("no NS at {origin}");
            let remedy = "add an NS record for every name server of the zone, as in '@ NS ns1.example.org.'";
            self.findings.push_line(file, 0, Finding::error(what, "at least one", remedy));
        }
        for (place, target) in self.draft.name_servers_without_address() {
            let what = format!("the name server {target} without an address");
            let finding = Finding::warning(what, "an A or AAAA record in this zone", "add its address");
            let named_in = usize::try_from(place.file).ok().and_then(|ix| self.files.get(ix));
            let line = usize::try_from(place.line).unwrap_or(0);
            self.findings.push_line(named_in.map_or(file, PathBuf::as_path), line, finding);
        }
        let zone = if self.findings.has_errors() { None } else { self.draft.finish(self.files) };
        (zone, self.findings.finish(file))
    }
}

/// Whether a word is a class, and whether it is the Internet's.
fn class(word: &str) -> Option<bool> {
    let word = word.to_ascii_uppercase();
    match word.as_str() {
        "IN" | "CLASS1" => Some(true),
        "CH" | "CHAOS" | "HS" | "HESIOD" | "CS" => Some(false),
        _ => word.strip_prefix("CLASS").filter(|number| number.parse::<u16>().is_ok()).map(|_| false),
    }
}

fn rtype(word: &str) -> Result<Rtype, Finding> {
    match word.parse::<Rtype>() {
        Ok(rtype) if form::is_meta(rtype) => {
            let what = format!("the type {}, which only questions have", quote(word));
            Err(Finding::error(what, "a type that zones hold", "remove the record"))
        }
        Ok(rtype) => Ok(rtype),
        Err(_) => {
            let remedy = match form::guess(word) {
                Some(known) => format!("did you mean {known}?"),
                None => "write owner, TTL, class, type and data, as in: www 1h IN A 192.0.2.1".to_owned(),
            };
            Err(Finding::error(format!("{} where the type stands", quote(word)), "a record type", remedy))
        }
    }
}

fn bad_ttl(word: &str, why: ttl::TtlError) -> Finding {
    let expected = format!("a TTL from 0 to {MAX_TTL} seconds");
    Finding::error(format!("the TTL {}, {why}", quote(word)), expected, "write seconds, or units as in 1h30m")
}

fn bad_shape(fault: Fault) -> Finding {
    let (what, expected, remedy) = match fault {
        Fault::OpenQuote => ("a quote that is not closed", "a closing quote on the same line", "close the quote"),
        Fault::OpenParenthesis => (
            "a parenthesis that is not closed; what follows in the file was not checked",
            "a closing parenthesis",
            "close it after the last value of the record",
        ),
        Fault::StrayParenthesis => (
            "a closing parenthesis without an opening one",
            "( before the first line break of the record",
            "remove it, or open it on the record's first line",
        ),
        Fault::TrailingBackslash => {
            ("a backslash at the end of a line", "a character behind it", "remove it; only ( ) continue a line")
        }
        Fault::TooManyTokens => ("too many values in one entry", "at most 65535 octets of data", "split the record"),
    };
    Finding { severity: Severity::Error, ..Finding::error(what, expected, remedy) }
}
