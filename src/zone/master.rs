//! Master files (RFC 1035 section 5, RFC 2308 section 4): directives, owners, classes, TTLs, types and includes.

use std::path::{Path, PathBuf};

use domain::base::iana::Rtype;
use hickory_proto::rr::{RData, RecordType};

use super::bounds::{MAX_FILE_OCTETS, MAX_GENERATED, MAX_INCLUDE_DEPTH, MAX_INCLUDES, MAX_TTL};
use super::completeness::{self, Tried};
use super::draft::{Draft, Record};
use super::findings::{Finding, Findings, Source, quote};
use super::generate::Generate;
use super::head::Head;
use super::lexer::{Entry, Fault, Lexer, Spot, Token};
use super::rdata::RdataReader;
use super::tree::{Place, Zone};
use super::{relative, ttl};
use crate::config::Report;
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
        generated_left: MAX_GENERATED,
        default_ttl: None,
        last_ttl: None,
        tried: Tried::default(),
    };
    let start = Context {
        source: Source { file, text },
        file: 0,
        depth: 0,
        origin: origin.clone(),
        owner: Owner::None,
        directive: None,
    };
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
    /// Records that `$GENERATE` may still make.
    generated_left: usize,
    /// `$TTL`.
    default_ttl: Option<u32>,
    /// The last TTL stated on a record.
    last_ttl: Option<u32>,
    tried: Tried,
}

/// Where reading stands in one file.
struct Context<'t> {
    source: Source<'t>,
    file: u32,
    depth: usize,
    origin: Name,
    owner: Owner,
    /// Where the directive stands that made this text; findings point there.
    directive: Option<(Source<'t>, Spot)>,
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
        let (source, spot) = context.directive.unwrap_or((context.source, spot));
        self.findings.push(source, spot, finding);
    }

    /// Reads `$ORIGIN`, `$TTL`, `$INCLUDE` or `$GENERATE`.
    fn directive(&mut self, context: &mut Context<'_>, tokens: &[Token<'_>]) {
        let Some((word, arguments)) = tokens.split_first() else { return };
        let name = word.raw.to_ascii_uppercase();
        let (most, form) = match name.as_str() {
            "$ORIGIN" => (1, "$ORIGIN example.org."),
            "$TTL" => (1, "$TTL 1h"),
            "$INCLUDE" => (2, "$INCLUDE hosts.zone"),
            "$GENERATE" => return self.generate(context, word, arguments),
            _ => {
                let what = format!("the directive {}", quote(word.raw));
                let finding = Finding::error(what, "$ORIGIN, $TTL, $INCLUDE or $GENERATE", "remove or correct it");
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
                    self.push(context, first.spot, why.finding(first.raw));
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
        if self.files.len() > MAX_INCLUDES {
            let what = format!("more than {MAX_INCLUDES} files with $INCLUDE");
            let finding = Finding::error(what, "fewer files", "check whether the files include each other");
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
            directive: None,
        });
    }

    /// Makes the records of `$GENERATE`. A mistake in them is reported once, at the directive.
    fn generate(&mut self, context: &Context<'_>, word: &Token<'_>, arguments: &[Token<'_>]) {
        let generate = match Generate::read(arguments) {
            Ok(generate) => generate,
            Err((spot, finding)) => return self.push(context, spot.unwrap_or(word.spot), finding),
        };
        let count = generate.range.len();
        let Some(left) = self.generated_left.checked_sub(count) else {
            let what = format!("{count} records where {} are left", self.generated_left);
            let expected = format!("at most {MAX_GENERATED} records by $GENERATE in a zone");
            return self.push(context, word.spot, Finding::error(what, expected, "write the records out"));
        };
        self.generated_left = left;
        for number in generate.range.numbers() {
            let line = match generate.line(number) {
                Ok(line) => line,
                Err(finding) => return self.push(context, word.spot, finding),
            };
            let mut generated = Context {
                source: Source { file: context.source.file, text: &line },
                file: context.file,
                depth: context.depth,
                origin: context.origin.clone(),
                owner: Owner::None,
                directive: Some((context.source, word.spot)),
            };
            let mut tokens = Vec::new();
            let Some(entry) = Lexer::new(&line).next_entry(&mut tokens) else { continue };
            let errors = self.findings.errors();
            self.entry(&mut generated, &entry, &tokens);
            if self.findings.errors() > errors {
                return;
            }
        }
    }

    /// Reads a record.
    fn entry(&mut self, context: &mut Context<'_>, entry: &Entry, tokens: &[Token<'_>]) {
        let rest = match (entry.indented, tokens.split_first()) {
            (false, Some((owner, rest))) => {
                context.owner = match relative::absolute(owner, &context.origin) {
                    Ok(name) => {
                        if let Some(finding) = relative::forgotten_dot(owner, &name, &context.origin) {
                            self.push(context, owner.spot, finding);
                        }
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
            return self.push(context, spot, fault.finding());
        }
        let Some(end) = tokens.last().map(|token| token.spot) else { return };
        let head = match Head::read(rest) {
            Ok(head) => head,
            Err((spot, finding)) => return self.push(context, spot.unwrap_or(end), finding),
        };
        let (rtype, data) = (head.rtype, head.data);
        let may_be_apex = !matches!(&context.owner, Owner::Known(owner) if owner != self.draft.origin());
        self.tried.soa |= rtype == Rtype::SOA && may_be_apex;
        self.tried.ns |= rtype == Rtype::NS && may_be_apex;
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
        let Some(ttl) = self.ttl(context, start, head.ttl, &rdata) else { return };
        if !owner.is_at_or_below(self.draft.origin()) {
            if rtype == Rtype::SOA {
                self.tried.foreign_soa.get_or_insert_with(|| owner.clone());
            }
            let expected = format!("names at or below {}", self.draft.origin());
            let remedy = "remove it, or move it to the file of its zone; it is ignored here";
            let finding = Finding::warning(format!("{owner}, which is not in this zone"), expected, remedy);
            return self.push(context, start, finding);
        }
        // The target is the last token of the types that have one.
        if let (Some(target), Some(token)) = (relative::target(&rdata), data.last()) {
            let dot = relative::forgotten_dot(token, &target, &context.origin);
            if let Some(finding) = dot.or_else(|| relative::address_as_name(token)) {
                self.push(context, token.spot, finding);
            }
        }
        let line = context.directive.map_or(start, |(_, spot)| spot).line;
        let place = Place { file: context.file, line: u32::try_from(line).unwrap_or(u32::MAX) };
        let rtype = RecordType::from(rtype.to_int());
        if let Err(finding) = self.draft.add(Record { owner, rtype, ttl, rdata, place }) {
            self.push(context, start, finding);
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
        completeness::check(&self.draft, &self.tried, &mut self.findings, &self.files);
        let zone = if self.findings.has_errors() { None } else { self.draft.finish(self.files) };
        (zone, self.findings.finish(file))
    }
}
