//! `[[notify]]`: who is told of what happens.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::defaults::{MAILBOX_OCTETS, NOTIFY_RECIPIENTS, NOTIFY_TARGETS, NOTIFY_URL_OCTETS, PAGERDUTY_URL};
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use crate::model::{ChatUrl, MailLogin, MailTls, MailWay, NotifyTarget, Subject, Way};

#[derive(Clone, Copy)]
enum Kind {
    Webhook,
    Alertmanager,
    Slack,
    PagerDuty,
    Smtp,
}

const KINDS: [(&str, Kind); 5] = [
    ("webhook", Kind::Webhook),
    ("alertmanager", Kind::Alertmanager),
    ("slack", Kind::Slack),
    ("pagerduty", Kind::PagerDuty),
    ("smtp", Kind::Smtp),
];

const TLS: [(&str, MailTls); 3] =
    [("starttls", MailTls::StartTls), ("implicit", MailTls::Implicit), ("none", MailTls::None)];

/// What a target is told of where it does not say.
const ON: [Subject; 5] = [Subject::Incident, Subject::Drill, Subject::Expiring, Subject::Lint, Subject::Objective];

const WEB_KEYS: [&str; 5] = ["name", "kind", "on", "url", "secret_file"];
const MAIL_KEYS: [&str; 9] = ["name", "kind", "on", "relay", "tls", "from", "to", "user", "secret_file"];

/// Port of a relay for other mail servers (RFC 5321), and of one for clients over TLS (RFC 8314 section 7.3).
const RELAY_PORT: u16 = 25;
const RELAY_TLS_PORT: u16 = 465;

/// All targets, in file order.
pub(super) fn read(reader: &mut Reader<'_>, tables: &[Table<'_>]) -> Vec<NotifyTarget> {
    let names = Roster::of_sections(reader, "notify", tables);
    if let Some(beyond) = tables.get(NOTIFY_TARGETS) {
        let what = format!("{} sections [[notify]]", tables.len());
        reader.error(&beyond.span, what, format!("at most {NOTIFY_TARGETS}"), "let one of them tell the others");
    }
    let mut targets = Vec::with_capacity(tables.len());
    for (position, table) in tables.iter().enumerate() {
        let kind = reader
            .required(table, "kind", "one of webhook, alertmanager, slack, pagerduty, smtp", "\"webhook\"")
            .and_then(|value| reader.word(&value, &KINDS));
        let on = table.get("on").and_then(|value| subjects(reader, &value)).unwrap_or_else(|| BTreeSet::from(ON));
        let Some(kind) = kind else { continue };
        let way = way(reader, table, kind);
        if let Some(way) = way {
            targets.push(NotifyTarget { name: names.name(position).to_owned(), on, way });
        }
    }
    targets
}

fn way(reader: &mut Reader<'_>, table: &Table<'_>, kind: Kind) -> Option<Way> {
    if let Kind::Smtp = kind {
        reader.allow(table, &MAIL_KEYS);
        return mail(reader, table).map(Way::Smtp);
    }
    reader.allow(table, &WEB_KEYS);
    let file = table.get("secret_file").and_then(|value| reader.path(&value));
    match kind {
        Kind::Webhook => {
            let (url, secret_file) =
                (url(reader, table, "\"https://hooks.example.org/waypost\""), secret(reader, table, file));
            Some(Way::Webhook { url: url?, secret_file: secret_file? })
        }
        Kind::Alertmanager => {
            let url = url(reader, table, "\"http://alertmanager.example.org:9093\"")?;
            Some(Way::Alertmanager { url: url.trim_end_matches('/').to_owned(), secret_file: file })
        }
        Kind::Slack => match (table.get("url"), file) {
            (Some(value), Some(_)) => {
                let remedy = "keep secret_file with the URL in it, and delete url";
                reader.error(&value.key_span, format!("url and secret_file in {}", table.title), "one of them", remedy);
                None
            }
            (None, Some(file)) => Some(Way::Slack(ChatUrl::InFile(file))),
            (Some(value), None) => checked_url(reader, &value).map(|url| Way::Slack(ChatUrl::Open(url))),
            (None, None) => {
                let expected = "url, where messages go, or secret_file, a file of mode 0600 that holds it";
                reader.missing(table, "url", expected, "add secret_file = \"keys/chat.url\"");
                None
            }
        },
        Kind::PagerDuty => {
            let secret_file = secret(reader, table, file);
            let url = match table.get("url") {
                Some(value) => checked_url(reader, &value),
                None => Some(PAGERDUTY_URL.to_owned()),
            };
            Some(Way::PagerDuty { url: url?, secret_file: secret_file? })
        }
        Kind::Smtp => None,
    }
}

fn url(reader: &mut Reader<'_>, table: &Table<'_>, example: &str) -> Option<String> {
    let value = reader.required(table, "url", "where notifications go", example)?;
    checked_url(reader, &value)
}

fn secret(reader: &mut Reader<'_>, table: &Table<'_>, file: Option<PathBuf>) -> Option<PathBuf> {
    if table.get("secret_file").is_none() {
        let expected = "secret_file, a file of mode 0600 that holds the secret";
        reader.missing(table, "secret_file", expected, "add secret_file = \"keys/notify.secret\"");
    }
    file
}

/// An HTTP URL without a user in it.
fn checked_url(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let is_good = authority.is_some_and(|authority| !authority.is_empty() && !authority.contains('@'))
        && text.len() <= NOTIFY_URL_OCTETS
        && text.bytes().all(|octet| octet.is_ascii_graphic());
    if !is_good {
        let remedy = match authority {
            Some(authority) if authority.contains('@') => "put what is secret into secret_file, and delete it here",
            _ => "write it with https:// or http://, a host, and no spaces",
        };
        reader.refuse(value, "an HTTP URL without user and password", remedy);
        return None;
    }
    Some(text.to_owned())
}

fn subjects(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<BTreeSet<Subject>> {
    let words = Subject::ALL.map(|subject| (subject.as_str(), subject));
    let members = reader.some_list(value, "one subject at least", "\"incident\"")?;
    Some(members.iter().filter_map(|member| reader.word(member, &words)).collect())
}

fn mail(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<MailWay> {
    let tls = table.get("tls").and_then(|value| reader.word(&value, &TLS)).unwrap_or(MailTls::StartTls);
    let relay = reader
        .required(table, "relay", "the server that takes the mail", "\"mail.example.org:587\"")
        .and_then(|value| relay(reader, &value, tls));
    let from = reader
        .required(table, "from", "the sender's address", "\"waypost@example.org\"")
        .and_then(|value| mailbox(reader, &value));
    let to = reader
        .required(table, "to", "the recipients' addresses", "[\"oncall@example.org\"]")
        .and_then(|value| recipients(reader, &value));
    let user = table.get("user");
    let file = table.get("secret_file").and_then(|value| reader.path(&value));
    let login = match (user, file) {
        (Some(user), Some(secret_file)) => {
            if tls == MailTls::None {
                let expected = "an encrypted connection for a password";
                reader.error(&user.key_span, "user together with tls = \"none\"", expected, "write tls = \"starttls\"");
            }
            reader.string(&user).map(|user| MailLogin { user: user.to_owned(), secret_file })
        }
        (Some(user), None) => {
            let remedy = "add secret_file = \"keys/mail.password\", or delete user";
            reader.error(&user.key_span, "user without secret_file", "the file of the password", remedy);
            None
        }
        (None, Some(_)) => {
            reader.missing(table, "user", "user, whose password secret_file holds", "add user = \"waypost\"");
            None
        }
        (None, None) => None,
    };
    let ((host, port), from, to) = (relay?, from?, to?);
    Some(MailWay { host, port, tls, from, to, login })
}

/// `host`, `host:port`, `192.0.2.1:25`, `[2001:db8::1]:25`.
fn relay(reader: &mut Reader<'_>, value: &Value<'_>, tls: MailTls) -> Option<(String, u16)> {
    let text = reader.string(value)?;
    let usual = if tls == MailTls::Implicit { RELAY_TLS_PORT } else { RELAY_PORT };
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, Some(usual)),
        Some((host, port)) => (host, port.strip_prefix(':').and_then(|port| port.parse().ok())),
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (text, Some(usual)),
        },
    };
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b".-:".contains(&octet);
    match port.filter(|port| *port != 0) {
        Some(port) if !host.is_empty() && host.len() <= MAILBOX_OCTETS && host.bytes().all(allowed) => {
            Some((host.to_owned(), port))
        }
        _ => {
            let remedy = "write \"mail.example.org:587\", or an address with its port";
            reader.refuse(value, "the name or address of a mail server, with a port", remedy);
            None
        }
    }
}

fn recipients(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<String>> {
    let members = reader.some_list(value, "one address at least", "\"oncall@example.org\"")?;
    if members.len() > NOTIFY_RECIPIENTS {
        reader.refuse(value, format!("at most {NOTIFY_RECIPIENTS} addresses"), "write that of a list of recipients");
    }
    let read: Vec<String> = members.iter().filter_map(|member| mailbox(reader, member)).collect();
    (!read.is_empty() && read.len() == members.len()).then_some(read)
}

/// An address as it stands between angle brackets: plain letters around one `@`.
fn mailbox(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    let allowed = |octet: u8| octet.is_ascii_graphic() && !b"<>()[],;:\\\"@".contains(&octet);
    let is_good = text.len() <= MAILBOX_OCTETS
        && text.split_once('@').is_some_and(|(local, domain)| {
            [local, domain].iter().all(|part| {
                let is_dotted_well = part.split('.').all(|label| !label.is_empty());
                is_dotted_well && part.bytes().all(allowed)
            })
        });
    if !is_good {
        reader.refuse(value, "a mail address", "write it alone, as in \"oncall@example.org\"");
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use toml::de::DeTable;

    use super::*;
    use crate::config::Report;

    fn read_text(text: &str) -> (Vec<NotifyTarget>, Report) {
        let document = DeTable::parse(text).unwrap();
        let mut reader = Reader::new(Path::new("/etc/waypost/waypost.toml"), text);
        let root = Table::root(&document);
        let tables = reader.sections(&root, "notify");
        let targets = read(&mut reader, &tables);
        (targets, reader.finish())
    }

    #[test]
    fn every_kind_is_read_with_its_defaults() {
        let (targets, report) = read_text(
            "[[notify]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://h.example/x\"\nsecret_file = \"k\"\n\
             [[notify]]\nname = \"b\"\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:9093/\"\non = [\"degraded\"]\n\
             [[notify]]\nname = \"c\"\nkind = \"slack\"\nsecret_file = \"c.url\"\n\
             [[notify]]\nname = \"d\"\nkind = \"pagerduty\"\nsecret_file = \"d.key\"\n\
             [[notify]]\nname = \"e\"\nkind = \"smtp\"\nrelay = \"[2001:db8::1]:587\"\nfrom = \"w@example.org\"\nto = [\"o@example.org\"]\n",
        );
        assert!(report.is_empty(), "{report}");
        let kinds: Vec<_> = targets.iter().map(|target| target.way.as_str()).collect();
        assert_eq!(kinds, ["webhook", "alertmanager", "slack", "pagerduty", "smtp"]);
        assert_eq!(targets[0].on, BTreeSet::from(ON));
        assert_eq!(targets[1].on, BTreeSet::from([Subject::Degraded]));
        assert_eq!(targets[1].way, Way::Alertmanager { url: "http://127.0.0.1:9093".into(), secret_file: None });
        let Way::PagerDuty { url, secret_file } = &targets[3].way else { panic!("{targets:?}") };
        assert_eq!((url.as_str(), secret_file.as_path()), (PAGERDUTY_URL, Path::new("/etc/waypost/d.key")));
        let Way::Smtp(mail) = &targets[4].way else { panic!("{targets:?}") };
        assert_eq!((mail.host.as_str(), mail.port, mail.tls), ("2001:db8::1", 587, MailTls::StartTls));
    }

    #[test]
    fn slips_have_their_place_and_their_remedy() {
        let mail = "[[notify]]\nname = \"m\"\nkind = \"smtp\"\nrelay = \"h:25\"\nfrom = \"w@example.org\"\n";
        for (text, line, words) in [
            ("[[notify]]\nname = \"a\"\nkind = \"webhok\"\n".to_owned(), 3, "did you mean \"webhook\"?"),
            ("[[notify]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://h/\"\n".into(), 1, "secret_file"),
            ("[[notify]]\nname = \"a\"\nkind = \"slack\"\nurl = \"ftp://h/\"\n".into(), 4, "https://"),
            ("[[notify]]\nname = \"a\"\nkind = \"slack\"\nurl = \"https://u:p@h/\"\n".into(), 4, "secret_file"),
            (
                "[[notify]]\nname = \"a\"\nkind = \"slack\"\nurl = \"https://h/\"\non = [\"incidnt\"]\n".into(),
                5,
                "did you mean \"incident\"?",
            ),
            (
                "[[notify]]\nname = \"a\"\nkind = \"slack\"\nurl = \"https://h/\"\nrelay = \"h\"\n".into(),
                5,
                "unknown key",
            ),
            (format!("{mail}to = [\"o@example.org\\r\\nBcc: x@y\"]\n"), 6, "a mail address"),
            (
                format!("{mail}to = [\"o@example.org\"]\ntls = \"none\"\nuser = \"w\"\nsecret_file = \"k\"\n"),
                8,
                "encrypted",
            ),
            (format!("{mail}to = [\"o@example.org\"]\nuser = \"w\"\n"), 7, "secret_file"),
        ] {
            let (_, report) = read_text(&text);
            let found: Vec<_> = report.iter().collect();
            let [only] = found.as_slice() else { panic!("{text}: {report}") };
            assert_eq!(only.line, line, "{text}: {report}");
            assert!(only.to_string().contains(words), "{text}: {report}");
        }
    }
}
