//! The fields of the page on which orders are given, and what they ask for.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::admin::api::{Begin, Expiry, OrderRequest};
use crate::admin::words::moment;
use crate::admin::{Command, Deed, Problem, orders};
use crate::model::{IntentKind, Reach, Scope, Share};

/// What somebody chose and typed, as the browser sends it. What is left out is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    pub(super) site: String,
    pub(super) service: String,
    /// `drain`, `isolate`, `pin`, `undrain`.
    pub(super) kind: String,
    /// In percent.
    pub(super) share: String,
    /// `now` or `at`.
    pub(super) start: String,
    pub(super) at: String,
    /// `for`, `until`, `cleared`, or empty: nothing was chosen yet.
    pub(super) ends: String,
    #[serde(rename = "for")]
    pub(super) span: String,
    pub(super) until: String,
    pub(super) reason: String,
    /// The client whose answers are shown.
    pub(super) client: String,
    pub(super) force: String,
    /// The site's name, where it has to be typed.
    pub(super) confirm: String,
    /// What the preview showed that this was typed under.
    pub(super) seen: String,
    /// `preview` or `order`.
    pub(super) step: String,
}

/// What is done to a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Drain,
    Isolate,
    Pin,
    Undrain,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Drain, Self::Isolate, Self::Pin, Self::Undrain];

    /// The word that operators type.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Isolate => "isolate",
            Self::Pin => "pin",
            Self::Undrain => "undrain",
        }
    }

    /// What it does.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Drain => "clients go elsewhere; used only when nothing else works",
            Self::Isolate => "not used at all, not even as a last resort",
            Self::Pin => "counts as up, whatever its health",
            Self::Undrain => "lifts a drain, isolate or pin",
        }
    }
}

/// What was asked for, as far as it can be read.
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) deed: Result<Deed, Problem>,
    /// The command line that does the same; `None` where the fields cannot be read.
    pub(super) line: Option<String>,
    /// Whether a reason and an end were given, which an order needs; a preview and a lifting do not.
    pub(super) complete: bool,
}

impl Fields {
    pub(super) fn kind(&self) -> Kind {
        Kind::ALL.into_iter().find(|kind| kind.word() == self.kind).unwrap_or(Kind::Drain)
    }

    pub(super) fn scope(&self) -> Scope {
        let service = Some(self.service.clone()).filter(|service| !service.is_empty());
        Scope { site: self.site.clone(), service }
    }

    /// What is asked for at `now`.
    pub(super) fn asked(&self, now: Timestamp) -> Asked {
        let (kind, scope) = (self.kind(), self.scope());
        let has_reason = !self.reason.trim().is_empty();
        if kind == Kind::Undrain {
            let deed = orders::text(&self.reason).map(|_| Deed::Lift(scope));
            let line = deed.is_ok().then(|| self.line(kind, None));
            return Asked { kind, deed, line, complete: true };
        }
        let request = self.request(kind, scope);
        let line = request.as_ref().ok().map(|request| self.line(kind, Some(request)));
        let deed = request.and_then(|request| orders::command(request, now)).map(give);
        Asked { kind, deed, line, complete: has_reason && !self.ends.is_empty() }
    }

    fn request(&self, kind: Kind, scope: Scope) -> Result<OrderRequest, Problem> {
        let kind = match kind {
            Kind::Isolate => IntentKind::Isolate,
            Kind::Pin => IntentKind::Pin,
            Kind::Drain | Kind::Undrain => IntentKind::Drain { share: self.share()? },
        };
        // What would happen does not hang on the reason, so it is shown before there is one.
        let reason = if self.reason.trim().is_empty() { "…".to_owned() } else { self.reason.clone() };
        let begin = if self.start == "at" { Some(Begin::At(time("begins", &self.at)?)) } else { None };
        let expiry = match self.ends.as_str() {
            "for" => Some(Expiry::ForSeconds(seconds(&self.span)?)),
            "until" => Some(Expiry::Until(time("ends", &self.until)?)),
            "cleared" => Some(Expiry::UntilCleared),
            _ => None,
        };
        let force = !self.force.is_empty();
        let reach = Reach::Everywhere;
        Ok(OrderRequest { scope, kind, reason, expiry, begin, steps: None, dry_run: false, force, reach })
    }

    fn share(&self) -> Result<Share, Problem> {
        let typed = self.share.trim().trim_end_matches('%');
        if typed.is_empty() { Ok(Share::ALL) } else { format!("{typed}%").parse().map_err(invalid) }
    }

    /// The command line that does the same.
    fn line(&self, kind: Kind, request: Option<&OrderRequest>) -> String {
        let mut line = format!("waypost {} {}", kind.word(), quoted(&self.site));
        if !self.service.is_empty() {
            line.push_str(&format!(" --service {}", quoted(&self.service)));
        }
        if let Some(request) = request {
            if let IntentKind::Drain { share } = request.kind
                && share != Share::ALL
            {
                line.push_str(&format!(" --share {share}"));
            }
            if let Some(Begin::At(from)) = request.begin {
                line.push_str(&format!(" --at {}", moment(from)));
            }
            match request.expiry {
                Some(Expiry::ForSeconds(seconds)) => line.push_str(&format!(" --for {}", short(seconds))),
                Some(Expiry::Until(end)) => line.push_str(&format!(" --until {}", moment(end))),
                Some(Expiry::UntilCleared) => line.push_str(" --until-cleared"),
                None => {}
            }
            if request.force {
                line.push_str(" --force");
            }
        }
        let reason = self.reason.trim();
        if !reason.is_empty() {
            line.push_str(&format!(" --reason {}", quoted(reason)));
        }
        line
    }

    /// What tells this input from any other; what only guards it left out.
    pub(super) fn digest(&self) -> String {
        let parts = [
            &self.site,
            &self.service,
            &self.kind,
            &self.share,
            &self.start,
            &self.at,
            &self.ends,
            &self.span,
            &self.until,
            &self.reason,
            &self.client,
            &self.force,
        ];
        digest(parts.into_iter().map(String::as_str))
    }
}

/// `told`, which speaks of the command line, in the words of the form.
pub(super) fn in_words_of_the_form(told: &str) -> String {
    const SAID: [(&str, &str); 4] = [
        ("--until-cleared", "choose 'only when somebody lifts it'"),
        ("--reason TEXT", "write it under 'Reason'"),
        ("add --reason", "write one under 'Reason'"),
        ("lift the drain: waypost undrain", "choose 'undrain'"),
    ];
    SAID.iter().fold(told.to_owned(), |told, (typed, chosen)| told.replace(typed, chosen))
}

fn give(command: Command) -> Deed {
    Deed::Give(Box::new(command))
}

/// A digest that tells these parts from any others.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    data_encoding::HEXLOWER.encode(hash.finalize().get(..16).unwrap_or_default())
}

/// A time as a browser's field gives it, in UTC, or with its own offset.
fn time(what: &str, text: &str) -> Result<Timestamp, Problem> {
    let text = text.trim();
    let civil = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    text.parse().ok().or_else(civil).ok_or_else(|| {
        invalid(format!("'{text}' is not a time at which it {what}; give it in UTC, as in 2026-05-02T03:00"))
    })
}

fn seconds(text: &str) -> Result<u64, Problem> {
    let text = text.trim();
    let span = || text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
    let whole = |span: SignedDuration| u64::try_from(span.as_secs()).ok();
    span()
        .and_then(whole)
        .ok_or_else(|| invalid(format!("'{text}' is not a duration; give numbers with units, as in 90m, 4h or 1d12h")))
}

/// A duration as operators type it: `1d12h`.
fn short(seconds: u64) -> String {
    let mut rest = seconds;
    let mut text = String::new();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(crate::admin::ProblemKind::Invalid, detail)
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Lifetime;

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn fields() -> Fields {
        Fields {
            site: "fra".into(),
            kind: "drain".into(),
            ends: "for".into(),
            span: "4h".into(),
            reason: "it's old".into(),
            ..Fields::default()
        }
    }

    fn command(fields: &Fields) -> Result<Command, String> {
        match fields.asked(now()).deed {
            Ok(Deed::Give(command)) => Ok(*command),
            Ok(Deed::Lift(scope)) => Err(format!("lifts {scope}")),
            Err(problem) => Err(problem.detail),
        }
    }

    #[test]
    fn the_command_line_says_what_the_fields_say() {
        let some = Fields {
            service: "mx".into(),
            share: "25".into(),
            start: "at".into(),
            at: "2026-05-02T03:00".into(),
            ends: "until".into(),
            until: "2026-05-02T06:00Z".into(),
            force: "on".into(),
            ..fields()
        };
        assert_eq!(
            some.asked(now()).line.unwrap(),
            "waypost drain fra --service mx --share 25% --at 2026-05-02T03:00:00Z --until 2026-05-02T06:00:00Z --force \
             --reason 'it'\\''s old'"
        );
        let command = command(&some).unwrap();
        assert_eq!(command.lifetime, Lifetime::Until("2026-05-02T06:00:00Z".parse().unwrap()));
        assert_eq!(command.kind, IntentKind::Drain { share: "25%".parse().unwrap() });
        let lift = Fields { kind: "undrain".into(), ..fields() };
        assert_eq!(lift.asked(now()).line.unwrap(), "waypost undrain fra --reason 'it'\\''s old'");
        assert!(matches!(lift.asked(now()).deed, Ok(Deed::Lift(_))));
        let bare = Fields { reason: String::new(), ..lift };
        assert!(bare.asked(now()).complete, "a lifting needs no reason, as on the command line");
    }

    #[test]
    fn a_preview_needs_neither_reason_nor_end_and_an_order_both() {
        for (bare, what) in [
            (Fields { reason: " ".into(), ..fields() }, "no reason"),
            (Fields { ends: String::new(), ..fields() }, "no end"),
        ] {
            assert!(bare.asked(now()).deed.is_ok() && !bare.asked(now()).complete, "{what}");
        }
        assert!(fields().asked(now()).complete);
    }

    #[test]
    fn what_cannot_be_read_says_what_is_expected() {
        for (wrong, expected) in [
            (Fields { span: "4".into(), ..fields() }, "as in 90m"),
            (Fields { span: "4 months".into(), ..fields() }, "as in 90m"),
            (Fields { share: "many".into(), ..fields() }, "25%"),
            (Fields { start: "at".into(), at: "soon".into(), ..fields() }, "2026-05-02T03:00"),
            (Fields { ends: "until".into(), ..fields() }, "2026-05-02T03:00"),
            (Fields { span: "73h".into(), ..fields() }, "72 h"),
        ] {
            let said = command(&wrong).unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
        assert!(Fields { span: "1d12h".into(), ..fields() }.asked(now()).deed.is_ok());
    }

    #[test]
    fn who_fills_in_a_form_is_told_of_its_fields_and_not_of_options() {
        let Err(problem) = Fields { span: "73h".into(), ..fields() }.asked(now()).deed else {
            panic!("it is too long")
        };
        let told = in_words_of_the_form(&problem.remedy.unwrap());
        assert_eq!(told, "give an earlier end, or order it until it is lifted: choose 'only when somebody lifts it'");
        let forced = "overriding the rule min_sites needs a reason (rule force_reason); add --reason";
        assert!(in_words_of_the_form(forced).ends_with("; write one under 'Reason'"));
    }

    #[test]
    fn durations_are_written_as_they_are_typed() {
        for (text, line) in
            [("4h", "--for 4h"), ("90m", "--for 1h30m"), ("1 day 12 h", "--for 1d12h"), ("61s", "--for 1m1s")]
        {
            let said = Fields { span: text.into(), ..fields() }.asked(now()).line.unwrap();
            assert!(said.contains(line), "{said}");
        }
    }

    #[test]
    fn any_change_of_the_input_is_another_input() {
        let other = |change: fn(&mut Fields)| {
            let mut changed = fields();
            change(&mut changed);
            changed.digest()
        };
        assert_ne!(other(|fields| fields.share = "5".into()), fields().digest());
        assert_ne!(other(|fields| fields.service = "mx".into()), fields().digest());
        assert_eq!(other(|fields| fields.confirm = "fra".into()), fields().digest(), "a guard is no part of it");
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
    }
}
