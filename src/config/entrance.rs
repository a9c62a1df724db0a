//! `[admin]` and `[[admin.user]]`: whom the admin API lets in.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use argon2::Params;
use argon2::password_hash::phc;

use super::defaults::{
    ADMIN_NAME_OCTETS, ADMIN_NAMED, HOST_OCTETS, PASSWORD_KIB, PASSWORD_PASSES, SESSION_IDLE, SESSION_IDLE_RANGE,
    SESSION_LONGEST, SESSION_LONGEST_RANGE,
};
use super::oidc;
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{Client, Entrance, PasswordHash, Remit, Role, User};

pub(super) const ROLES: [(&str, Role); 3] =
    [("viewer", Role::Viewer), ("operator", Role::Operator), ("admin", Role::Admin)];

/// What makes a hash, for remedies.
const HASH: &str = "make one with 'waypost user hash'";

/// Whom a configuration without `[admin]` lets in: who has a token.
pub(super) const fn none() -> Entrance {
    Entrance {
        names: Vec::new(),
        clients: Vec::new(),
        oidc: None,
        users: Vec::new(),
        idle: SESSION_IDLE,
        longest: SESSION_LONGEST,
    }
}

/// What `[admin]` says of it. `session_idle` defaults to 1h, `session_longest` to 12h.
pub(super) fn read(reader: &mut Reader<'_>, admin: &Table<'_>, sites: &Roster) -> Entrance {
    let idle = admin.get("session_idle").and_then(|value| reader.duration(&value, &SESSION_IDLE_RANGE));
    let longest = admin.get("session_longest").and_then(|value| reader.duration(&value, &SESSION_LONGEST_RANGE));
    let tables = reader.sections(admin, "user");
    let users = users(reader, &tables, sites);
    let names = admin.get("names").map(|value| names(reader, &value)).unwrap_or_default();
    let tables = reader.sections(admin, "client");
    let clients = clients(reader, admin, &tables, sites);
    let oidc = oidc::read(reader, admin, sites);
    Entrance {
        names,
        clients,
        oidc,
        users,
        idle: idle.unwrap_or(SESSION_IDLE),
        longest: longest.unwrap_or(SESSION_LONGEST),
    }
}

/// Names by which browsers and commands may address the API.
fn names(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<String> {
    let members = reader.some_list(value, "at least one name", "\"ns1.example.org\"").unwrap_or_default();
    let mut names = Vec::with_capacity(members.len());
    for member in members {
        let Some(text) = reader.string(&member) else { continue };
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
        if name.is_empty() || name.len() > HOST_OCTETS || !name.bytes().all(letter) {
            reader.refuse(&member, "a host name without port", "write it as in \"ns1.example.org\"");
            continue;
        }
        names.push(name);
    }
    names
}

fn clients(reader: &mut Reader<'_>, admin: &Table<'_>, tables: &[Table<'_>], sites: &Roster) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::with_capacity(tables.len());
    for table in tables {
        reader.allow(table, &["name", "role", "sites"]);
        if admin.get("client_ca").is_none() {
            let remedy = "add client_ca = \"tls/clients.pem\" to [admin]";
            reader.missing(table, "client_ca in [admin]", "the authorities of client certificates", remedy);
        }
        let name = reader.required(table, "name", "as the certificate says it", "\"deploy.example.org\"");
        let (role, remit) = rights(reader, table, sites);
        let Some(value) = name else { continue };
        let Some(text) = reader.string(&value) else { continue };
        let plain = text.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ');
        if !(1..=HOST_OCTETS).contains(&text.len()) || !plain {
            let expected = format!("a name of a certificate: 1 to {HOST_OCTETS} printable characters");
            reader.refuse(&value, expected, "write a DNS name, address, URI or common name of the certificate");
            continue;
        }
        if clients.iter().any(|client| client.name == text) {
            let what = format!("a second client called {}", quoted(text));
            reader.error(&value.span, what, "each client once", "delete one");
            continue;
        }
        if clients.len() == ADMIN_NAMED {
            let what = format!("more than {ADMIN_NAMED} of them");
            reader.error(&value.span, what, format!("at most {ADMIN_NAMED}"), "delete those that are gone");
            break;
        }
        clients.push(Client { name: text.to_owned(), role, remit });
    }
    clients
}

fn users(reader: &mut Reader<'_>, tables: &[Table<'_>], sites: &Roster) -> Vec<User> {
    let mut users = Vec::with_capacity(tables.len());
    let mut seen = Seen::default();
    for table in tables {
        reader.allow(table, &["name", "password_hash", "password", "role", "sites"]);
        if let Some(value) = table.get("password") {
            let remedy = format!("delete it, {HASH}, and write that as password_hash");
            reader.error(&value.key_span, format!("a password in {}", table.title), "password_hash", remedy);
        }
        let name = reader.required(table, "name", "unique among all users", "\"alice\"");
        let name = name.and_then(|value| seen.once(reader, &value, "user"));
        let hash = match table.get("password") {
            None => reader.required(table, "password_hash", HASH, "\"$argon2id$…\""),
            Some(_) => table.get("password_hash"),
        };
        let password = hash.and_then(|value| password(reader, &value));
        let (role, remit) = rights(reader, table, sites);
        if let (Some(name), Some(password)) = (name, password) {
            users.push(User { name, password, role, remit });
        }
    }
    users
}

/// Names that were there before.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<String, Range<usize>>);

impl Seen {
    /// The name that `value` gives to a `noun`, unless it is wrong or was there before.
    pub(super) fn once(&mut self, reader: &mut Reader<'_>, value: &Value<'_>, noun: &str) -> Option<String> {
        let text = reader.string(value)?;
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.@".contains(&octet);
        let fits = (1..=ADMIN_NAME_OCTETS).contains(&text.len()) && text.bytes().all(plain);
        if !fits || text.bytes().all(|octet| octet == b'.') {
            let expected = format!("1 to {ADMIN_NAME_OCTETS} letters, digits or any of - _ . @");
            reader.refuse(value, expected, "write a name as in \"alice\"");
            return None;
        }
        if let Some(earlier) = self.0.get(text) {
            let line = reader.line(earlier);
            let what = format!("a second {noun} called {}; the first is in line {line}", quoted(text));
            reader.error(&value.span, what, format!("each {noun} once"), "rename or delete one");
            return None;
        }
        if self.0.len() == ADMIN_NAMED {
            let what = format!("more than {ADMIN_NAMED} of them");
            reader.error(&value.span, what, format!("at most {ADMIN_NAMED}"), "let a provider of identities keep them");
        }
        self.0.insert(text.to_owned(), value.span.clone());
        Some(text.to_owned())
    }
}

/// `role` and `sites`: what somebody may do, and about which sites.
pub(super) fn rights(reader: &mut Reader<'_>, table: &Table<'_>, sites: &Roster) -> (Role, Remit) {
    let role = reader.required(table, "role", "viewer, operator or admin", "\"operator\"");
    let role = role.and_then(|value| reader.word(&value, &ROLES));
    let named = table.get("sites");
    let remit = named.as_ref().and_then(|value| remit(reader, value, sites)).unwrap_or_default();
    if let (Some(Role::Admin), Some(value)) = (role, &named) {
        let what = format!("sites beside role = \"admin\" in {}", table.title);
        let remedy = "delete sites, or write role = \"operator\"";
        reader.error(&value.key_span, what, "an administrator of all sites", remedy);
    }
    (role.unwrap_or(Role::Viewer), remit)
}

fn remit(reader: &mut Reader<'_>, value: &Value<'_>, sites: &Roster) -> Option<Remit> {
    let members = reader.some_list(value, "at least one site", "\"fra\"")?;
    let names: BTreeSet<String> = members
        .iter()
        .filter_map(|member| sites.resolve(reader, member))
        .map(|position| sites.name(position).to_owned())
        .collect();
    Some(Remit::Sites(names))
}

/// A hash that is strong enough to keep, and that checking a password against takes no more than the node can spare.
fn password(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<PasswordHash> {
    let text = reader.string(value)?;
    let known = phc::PasswordHash::new(text).ok().filter(|hash| hash.hash.is_some() && hash.salt.is_some());
    let params = known.filter(|hash| hash.algorithm.as_str() == "argon2id").map(|hash| Params::try_from(&hash));
    // The text is not shown: it may be the password.
    let what = format!("a text as {value}");
    let Some(Ok(params)) = params else {
        reader.error(&value.span, format!("{what} that is no hash"), "a password as argon2id hashes it", HASH);
        return None;
    };
    if params.m_cost() > PASSWORD_KIB || params.t_cost() > PASSWORD_PASSES {
        let what = format!("a hash as {value} that takes {} KiB {} times", params.m_cost(), params.t_cost());
        let expected = format!("at most {PASSWORD_KIB} KiB, {PASSWORD_PASSES} times");
        reader.error(&value.span, what, expected, HASH);
        return None;
    }
    Some(PasswordHash(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config;
    use crate::model::{Remit, Role};

    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$6kyNzZNQGmMxEhP3wqzEWBzJmUFRgD9wmw2pmH6wVI0";

    fn file(admin: &str) -> String {
        format!("[node]\nname = \"ns1\"\n[[site]]\nname = \"fra\"\nnetworks = [\"192.0.2.0/24\"]\n{admin}")
    }

    #[test]
    fn users_have_a_role_and_perhaps_sites() {
        let text = file(&format!(
            "[admin]\nsession_idle = \"5m\"\n[[admin.user]]\nname = \"alice\"\npassword_hash = \"{HASH}\"\n\
             role = \"operator\"\nsites = [\"fra\"]\n[[admin.user]]\nname = \"bob\"\npassword_hash = \"{HASH}\"\nrole = \"admin\"\n"
        ));
        let (settings, report) = config::read(Path::new("waypost.toml"), &text);
        assert!(!report.has_errors(), "{report}");
        let entrance = &settings.unwrap().admin.entrance;
        assert_eq!((entrance.idle.as_secs(), entrance.longest.as_secs()), (300, 43_200));
        let [alice, bob] = entrance.users.as_slice() else { panic!("{entrance:?}") };
        assert_eq!((alice.name.as_str(), alice.role), ("alice", Role::Operator));
        assert!(alice.remit.holds("fra") && !alice.remit.holds("iad"));
        assert_eq!(bob.remit, Remit::Everywhere);
        assert!(!format!("{entrance:?}").contains("argon2id"), "hashes stay out of logs");
    }

    #[test]
    fn slips_have_their_place_and_their_remedy() {
        let user = |rest: &str| file(&format!("[admin]\n[[admin.user]]\nname = \"alice\"\n{rest}"));
        let hash = format!("password_hash = \"{HASH}\"\n");
        let big = HASH.replace("m=19456", "m=4000000");
        for (text, line, words) in [
            (user(&hash), 7, "role = \"operator\""),
            (user("role = \"viewer\"\n"), 7, "waypost user hash"),
            (user("role = \"viewer\"\npassword_hash = \"hunter2\"\n"), 10, "waypost user hash"),
            (user(&format!("role = \"viewer\"\npassword_hash = \"{big}\"\n")), 10, "at most 262144 KiB"),
            (user("role = \"viewer\"\npassword = \"hunter2\"\n"), 10, "waypost user hash"),
            (user(&format!("{hash}role = \"opreator\"\n")), 10, "did you mean \"operator\"?"),
            (user(&format!("{hash}role = \"operator\"\nsites = [\"frx\"]\n")), 11, "did you mean \"fra\"?"),
            (user(&format!("{hash}role = \"operator\"\nsites = []\n")), 11, "sites = [\"fra\"]"),
            (user(&format!("{hash}role = \"admin\"\nsites = [\"fra\"]\n")), 11, "role = \"operator\""),
            (file("[admin.user]\nname = \"alice\"\n"), 6, "[[admin.user]]"),
            (
                user(&format!("{hash}role = \"viewer\"\n[[admin.user]]\nname = \"alice\"\n{hash}role = \"viewer\"\n")),
                12,
                "line 8",
            ),
            (file("[admin]\nsession_idle = \"1s\"\n"), 7, "1m to 1d"),
        ] {
            let (_, report) = config::read(Path::new("waypost.toml"), &text);
            let found: Vec<_> = report.iter().filter(|found| found.severity == config::Severity::Error).collect();
            let [only] = found.as_slice() else { panic!("{text}: {report}") };
            assert_eq!(only.line, line, "{text}: {report}");
            assert!(only.to_string().contains(words), "{text}: {report}");
            assert!(!report.to_string().contains("hunter2 as"), "{report}");
        }
    }
}
