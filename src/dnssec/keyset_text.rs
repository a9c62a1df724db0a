//! Keysets as text: TOML, one `[[key]]` for each key.
//!
//! Nothing that a message repeats can be a part of a private key: values are never quoted, and names of keys only where
//! they look like words.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use data_encoding::BASE64;
use jiff::Timestamp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bounds;
use super::key::{DnssecKey, KeyRole};
use super::keyset::{AtParent, Duty, End, KeptKey, Keyset};
use crate::config::{Diagnostic, Severity};

const TIMES: [&str; 7] = ["created", "published", "active", "offered", "ds", "retired", "removed"];
const OTHERS: [&str; 4] = ["role", "algorithm", "tag", "private"];
const RESTORE: &str = "restore the file from a backup or another node";
/// What stands above the keys of a file.
const HEAD: &str = "# DNSSEC keyset of Waypost. It holds private keys: mode 0600, the same file on every node.\n\
                    # 'waypost key rollover' changes the times; they are UTC.\n";

impl Keyset {
    /// Reads the text of a keyset. `file` names it in diagnostics.
    ///
    /// # Errors
    /// Every fault of the text. None of them repeats a private key.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut page = Page { file, text, faults: Vec::new() };
        if u64::try_from(text.len()).is_ok_and(|octets| octets > bounds::KEYSET_OCTETS) {
            let most = bounds::KEYSET_OCTETS >> 10;
            page.fault(None, "a text that is too long", format!("at most {most} KiB"), RESTORE);
            return Err(page.faults);
        }
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            // The library's message may quote the text; the place says enough.
            page.fault(error.span(), "text that is no TOML", "key = value lines below [[key]]", RESTORE);
        }
        if !page.faults.is_empty() {
            return Err(page.faults);
        }
        let keys = page.keys(document.get_ref());
        let keyset = Self::new(keys);
        match keyset {
            Ok(keyset) if page.faults.is_empty() => Ok(keyset),
            Ok(_) => Err(page.faults),
            Err(error) => {
                // What is missing may be what has faults.
                if page.faults.is_empty() {
                    page.fault(None, error.to_string(), "a csk, or a ksk and a zsk, each once", RESTORE);
                }
                Err(page.faults)
            }
        }
    }

    /// The text that [`Keyset::parse`] reads. It holds the private keys.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        for kept in self.keys() {
            let parent = kept.duty().parent();
            let times = [
                ("created", Some(kept.created())),
                ("published", Some(kept.published())),
                ("active", kept.duty().active()),
                ("offered", parent.map(|parent| parent.offered)),
                ("ds", parent.and_then(|parent| parent.ds)),
                ("retired", kept.end().map(|end| end.retired)),
                ("removed", kept.end().map(|end| end.removed)),
            ];
            // Writing to a String cannot fail.
            let _written = write!(
                text,
                "\n[[key]]\nrole = \"{}\"\nalgorithm = {}\ntag = {}\n",
                kept.duty().role().as_str(),
                DnssecKey::ALGORITHM,
                kept.key().tag()
            );
            for (name, time) in times {
                let Some(time) = time else { continue };
                let _written = writeln!(text, "{name} = {time}");
            }
            let _written = writeln!(text, "private = \"{}\"", BASE64.encode(&kept.document.0));
        }
        text
    }
}

type Entry<'d> = &'d Spanned<DeValue<'d>>;

/// A text and what was found wrong in it.
struct Page<'t> {
    file: &'t Path,
    text: &'t str,
    faults: Vec<Diagnostic>,
}

impl Page<'_> {
    fn fault(
        &mut self,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let before = span.and_then(|span| self.text.get(..span.start));
        let line = before.map_or(0, |before| before.matches('\n').count() + 1);
        let column = before.map_or(0, |before| before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        self.faults.push(Diagnostic {
            severity: Severity::Error,
            file: self.file.to_path_buf(),
            line,
            column,
            length: 0,
            what: what.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        });
    }

    /// The keys of the document that have no fault.
    fn keys(&mut self, document: &DeTable<'_>) -> Vec<KeptKey> {
        for name in document.keys().filter(|name| name.get_ref() != "key") {
            self.unknown(name.span(), name.get_ref(), "[[key]] sections only");
        }
        let Some(sections) = document.get("key") else { return Vec::new() };
        let Some(array) = sections.get_ref().as_array() else {
            self.fault(Some(sections.span()), "key that is no [[key]] section", "[[key]]", "use two brackets");
            return Vec::new();
        };
        let mut keys = Vec::new();
        for section in array {
            match section.get_ref().as_table() {
                Some(table) => keys.extend(self.key(section.span(), table)),
                None => self.fault(Some(section.span()), "a value in key", "[[key]] sections", "use two brackets"),
            }
        }
        keys
    }

    fn unknown(&mut self, span: Range<usize>, name: &str, expected: &str) {
        let is_word = name.len() <= 16 && name.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_');
        let what = if is_word { format!("unknown key {name}") } else { "an unknown key".to_owned() };
        self.fault(Some(span), what, expected, "delete it");
    }

    /// The key of one section, if that has no fault.
    fn key(&mut self, span: Range<usize>, table: &DeTable<'_>) -> Option<KeptKey> {
        let before = self.faults.len();
        for name in table.keys() {
            if !TIMES.contains(&name.get_ref().as_ref()) && !OTHERS.contains(&name.get_ref().as_ref()) {
                let known: Vec<&str> = OTHERS.into_iter().chain(TIMES).collect();
                self.unknown(name.span(), name.get_ref(), &format!("one of {}", known.join(", ")));
            }
        }
        let role = self.needed(&span, table, "role").and_then(|entry| self.role(entry));
        if let Some(entry) = self.needed(&span, table, "algorithm") {
            self.algorithm(entry);
        }
        let document = self.needed(&span, table, "private").and_then(|entry| self.private(entry));
        let tag = self.needed(&span, table, "tag").and_then(|entry| self.tag(entry));
        let created = self.needed(&span, table, "created").and_then(|entry| self.time("created", entry));
        let published = self.needed(&span, table, "published").and_then(|entry| self.time("published", entry));
        let role = role?;
        let duty = self.duty(&span, table, role);
        let end = self.end(&span, table);
        let (document, created, published, duty) = (document?, created?, published?, duty?);
        let Ok(mut kept) = KeptKey::new(&document, created, published, duty) else {
            let what = "private that is no key";
            self.fault(table.get("private").map(Spanned::span), what, "an ECDSA P-256 key (PKCS #8)", RESTORE);
            return None;
        };
        if tag.is_some_and(|tag| tag != kept.key().tag()) {
            let what = format!("a tag that is not that of the key, {}", kept.key().tag());
            self.fault(table.get("tag").map(Spanned::span), what, "the key's own tag", RESTORE);
        }
        kept.end = end;
        self.check_order(&span, table, &kept);
        (self.faults.len() == before).then_some(kept)
    }

    fn needed<'d>(&mut self, span: &Range<usize>, table: &'d DeTable<'d>, name: &str) -> Option<Entry<'d>> {
        let entry = table.get(name);
        if entry.is_none() {
            self.fault(Some(span.clone()), format!("[[key]] without {name}"), name, RESTORE);
        }
        entry
    }

    fn role(&mut self, entry: Entry<'_>) -> Option<KeyRole> {
        let role = entry.get_ref().as_str().and_then(KeyRole::from_word);
        if role.is_none() {
            self.fault(Some(entry.span()), "an unknown role", "csk, ksk or zsk in quotes", "write one of them");
        }
        role
    }

    fn algorithm(&mut self, entry: Entry<'_>) {
        if integer(entry) != Some(i64::from(DnssecKey::ALGORITHM)) {
            let expected = "13, ECDSA P-256 with SHA-256";
            self.fault(Some(entry.span()), "an algorithm that is not supported", expected, RESTORE);
        }
    }

    fn tag(&mut self, entry: Entry<'_>) -> Option<u16> {
        let tag = integer(entry).and_then(|tag| u16::try_from(tag).ok());
        if tag.is_none() {
            self.fault(Some(entry.span()), "a tag that is none", "a whole number from 0 to 65535", RESTORE);
        }
        tag
    }

    fn private(&mut self, entry: Entry<'_>) -> Option<Vec<u8>> {
        let document = entry.get_ref().as_str().and_then(|text| BASE64.decode(text.as_bytes()).ok());
        if document.is_none() {
            self.fault(Some(entry.span()), "private that is no base64", "a key (PKCS #8) in base64", RESTORE);
        }
        document
    }

    fn time(&mut self, name: &str, entry: Entry<'_>) -> Option<Timestamp> {
        let time = match entry.get_ref() {
            DeValue::Datetime(time) => time.to_string().parse().ok(),
            value => value.as_str().and_then(|text| text.parse().ok()),
        };
        if time.is_none() {
            let what = format!("{name} that is no time");
            self.fault(Some(entry.span()), what, "RFC 3339, as in 2026-05-01T12:00:00Z", "write it so");
        }
        time
    }

    fn optional(&mut self, table: &DeTable<'_>, name: &str) -> Option<Timestamp> {
        table.get(name).and_then(|entry| self.time(name, entry))
    }

    fn duty(&mut self, span: &Range<usize>, table: &DeTable<'_>, role: KeyRole) -> Option<Duty> {
        let foreign: &[(&str, &str)] = match role {
            KeyRole::Csk => &[],
            KeyRole::Ksk => &[("active", "it signs from published on")],
            KeyRole::Zsk => &[("offered", "the parent never points to it"), ("ds", "the parent never points to it")],
        };
        for (name, why) in foreign {
            if let Some(entry) = table.get(*name) {
                let what = format!("{name} of a {}", role.as_str());
                self.fault(Some(entry.span()), what, format!("none: {why}"), "delete it");
            }
        }
        let active = match role {
            KeyRole::Ksk => None,
            _ => self.needed(span, table, "active").and_then(|entry| self.time("active", entry)),
        };
        let offered = match role {
            KeyRole::Zsk => None,
            _ => self.needed(span, table, "offered").and_then(|entry| self.time("offered", entry)),
        };
        let ds = if role == KeyRole::Zsk { None } else { self.optional(table, "ds") };
        let parent = || Some(AtParent { offered: offered?, ds });
        match role {
            KeyRole::Csk => Some(Duty::Csk { active: active?, parent: parent()? }),
            KeyRole::Ksk => Some(Duty::Ksk { parent: parent()? }),
            KeyRole::Zsk => Some(Duty::Zsk { active: active? }),
        }
    }

    fn end(&mut self, span: &Range<usize>, table: &DeTable<'_>) -> Option<End> {
        match (self.optional(table, "retired"), self.optional(table, "removed")) {
            (Some(retired), Some(removed)) => Some(End { retired, removed }),
            (retired, removed) => {
                let both = table.contains_key("retired") == table.contains_key("removed");
                if !both && (retired.is_some() || removed.is_some()) {
                    let what = "only one of retired and removed";
                    self.fault(Some(span.clone()), what, "both or neither", "add the other, or delete the one");
                }
                None
            }
        }
    }

    fn check_order(&mut self, span: &Range<usize>, table: &DeTable<'_>, kept: &KeptKey) {
        let parent = kept.duty().parent();
        let end = kept.end();
        let pairs = [
            (("created", Some(kept.created())), ("published", Some(kept.published()))),
            (("published", Some(kept.published())), ("active", kept.duty().active())),
            (("published", Some(kept.published())), ("offered", parent.map(|parent| parent.offered))),
            (("published", Some(kept.published())), ("ds", parent.and_then(|parent| parent.ds))),
            (("published", Some(kept.published())), ("retired", end.map(|end| end.retired))),
            (("retired", end.map(|end| end.retired)), ("removed", end.map(|end| end.removed))),
        ];
        for ((earlier, first), (later, then)) in pairs {
            if first.zip(then).is_some_and(|(first, then)| then < first) {
                let at = table.get(later).map_or_else(|| span.clone(), Spanned::span);
                self.fault(Some(at), format!("{later} before {earlier}"), format!("{earlier} first"), "mend the times");
            }
        }
    }
}

fn integer(entry: Entry<'_>) -> Option<i64> {
    let integer = entry.get_ref().as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
