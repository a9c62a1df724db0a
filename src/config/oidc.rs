//! `[admin.oidc]`: the provider that knows people.

use super::defaults::{GROUPS_CLAIM, NAME_CLAIM, OIDC_MEMBERS, OIDC_OCTETS};
use super::entrance::rights;
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{Grant, Oidc};

const KEYS: [&str; 9] =
    ["issuer", "client_id", "client_secret_file", "ca", "redirect", "scopes", "name_claim", "claim", "grant"];

/// Where the provider sends people back to on this node.
const CALLBACK: &str = "/login/callback";

/// `[admin.oidc]`. `name_claim` defaults to preferred_username, `claim` to groups, `scopes` to profile and groups.
pub(super) fn read(reader: &mut Reader<'_>, admin: &Table<'_>, sites: &Roster) -> Option<Oidc> {
    let value = admin.get("oidc")?;
    let Some(entries) = value.item.as_table() else {
        reader.refuse(&value, "one section [admin.oidc]", "write [admin.oidc] once");
        return None;
    };
    let table = Table { entries, span: value.span.clone(), title: "[admin.oidc]".to_owned() };
    reader.allow(&table, &KEYS);
    let issuer = reader.required(&table, "issuer", "the provider's URL", "\"https://id.example.org\"");
    let issuer = issuer.and_then(|value| url(reader, &value, "https://id.example.org"));
    let client_id = reader.required(&table, "client_id", "what the provider calls this node", "\"waypost\"");
    let client_id = client_id.and_then(|value| text(reader, &value));
    let redirect = reader.required(
        &table,
        "redirect",
        "where browsers reach this node, with /login/callback",
        "\"https://ns1.example.org:8053/login/callback\"",
    );
    let redirect = redirect.and_then(|value| {
        let url = url(reader, &value, "https://ns1.example.org:8053/login/callback")?;
        if !url.ends_with(CALLBACK) {
            let remedy = format!("write \"{}{CALLBACK}\"", url.trim_end_matches('/'));
            reader.refuse(&value, format!("a URL that ends with {CALLBACK}"), remedy);
            return None;
        }
        Some(url)
    });
    let secret = table.get("client_secret_file").and_then(|value| reader.path(&value));
    let ca = table.get("ca").and_then(|value| reader.path(&value));
    let word = |reader: &mut Reader<'_>, key, default: &str| {
        table.get(key).and_then(|value| text(reader, &value)).unwrap_or_else(|| default.to_owned())
    };
    let (name_claim, claim) = (word(reader, "name_claim", NAME_CLAIM), word(reader, "claim", GROUPS_CLAIM));
    let scopes = match table.get("scopes") {
        Some(value) => scopes(reader, &value),
        None => ["profile", "groups"].map(ToOwned::to_owned).to_vec(),
    };
    let tables = reader.sections(&table, "grant");
    if tables.is_empty() {
        let remedy = "add [[admin.oidc.grant]] with value = \"mail-oncall\" and role = \"operator\"";
        reader.missing(&table, "grant", "what the values of the claim mean", remedy);
    }
    let grants = grants(reader, &tables, sites);
    Some(Oidc {
        issuer: issuer?,
        client_id: client_id?,
        secret,
        ca,
        redirect: redirect?,
        scopes,
        name_claim,
        claim,
        grants,
    })
}

/// A URL over TLS, or of this machine.
fn url(reader: &mut Reader<'_>, value: &Value<'_>, example: &str) -> Option<String> {
    let found = text(reader, value)?;
    let host = |rest: &str| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let is_local = ["127.", "[::1]", "localhost"].iter().any(|local| authority.starts_with(local));
        (!authority.is_empty() && !authority.contains('@')).then_some(is_local)
    };
    let good = match found.split_once("://") {
        Some(("https", rest)) => host(rest).is_some(),
        Some(("http", rest)) => host(rest) == Some(true),
        _ => false,
    };
    if !good || found.contains(['?', '#']) {
        reader.refuse(value, "a URL with https, without query", format!("write it as in \"{example}\""));
        return None;
    }
    Some(found)
}

/// A text that can stand in a URL and a log line.
fn text(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if !(1..=OIDC_OCTETS).contains(&text.len()) || !text.bytes().all(|octet| octet.is_ascii_graphic()) {
        let expected = format!("1 to {OIDC_OCTETS} printable characters without spaces");
        reader.refuse(value, expected, "write what the provider says");
        return None;
    }
    Some(text.to_owned())
}

fn scopes(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<String> {
    let members = reader.list(value).unwrap_or_default();
    if members.len() > OIDC_MEMBERS {
        reader.refuse(value, format!("at most {OIDC_MEMBERS} of them"), "delete some");
        return Vec::new();
    }
    members.iter().filter_map(|member| text(reader, member)).filter(|scope| scope != "openid").collect()
}

fn grants(reader: &mut Reader<'_>, tables: &[Table<'_>], sites: &Roster) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::with_capacity(tables.len());
    for table in tables {
        reader.allow(table, &["value", "role", "sites"]);
        let value = reader.required(table, "value", "a value of the claim", "\"mail-oncall\"");
        let (role, remit) = rights(reader, table, sites);
        let Some(value) = value else { continue };
        let Some(text) = reader.string(&value) else { continue };
        if !(1..=OIDC_OCTETS).contains(&text.len()) {
            reader.refuse(&value, format!("1 to {OIDC_OCTETS} octets"), "write a value of the claim");
        }
        if grants.iter().any(|grant| grant.value == text) {
            let what = format!("a second grant for {}", quoted(text));
            reader.error(&value.span, what, "each value once", "delete one");
        }
        if grants.len() == OIDC_MEMBERS {
            reader.refuse(&value, format!("at most {OIDC_MEMBERS} grants"), "delete some");
            break;
        }
        grants.push(Grant { value: text.to_owned(), role, remit });
    }
    grants
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config;
    use crate::model::{Remit, Role};

    const GRANT: &str = "[[admin.oidc.grant]]\nvalue = \"oncall\"\nrole = \"operator\"\nsites = [\"fra\"]\n";

    fn file(oidc: &str) -> String {
        format!(
            "[node]\nname = \"ns1\"\n[[site]]\nname = \"fra\"\nnetworks = [\"192.0.2.0/24\"]\n[admin.oidc]\n{oidc}{GRANT}"
        )
    }

    #[test]
    fn a_provider_grants_roles_by_the_values_of_a_claim() {
        let text = file(
            "issuer = \"https://id.example.org\"\nclient_id = \"waypost\"\nclient_secret_file = \"oidc.secret\"\n\
             redirect = \"https://ns1.example.org:8053/login/callback\"\n",
        );
        let (settings, report) = config::read(Path::new("/etc/waypost/waypost.toml"), &text);
        assert!(!report.has_errors(), "{report}");
        let settings = settings.unwrap();
        let oidc = settings.admin.entrance.oidc.as_ref().unwrap();
        assert_eq!((oidc.name_claim.as_str(), oidc.claim.as_str()), ("preferred_username", "groups"));
        assert_eq!(oidc.secret.as_deref(), Some(Path::new("/etc/waypost/oidc.secret")));
        assert_eq!(oidc.grants[0].role, Role::Operator);
        assert_eq!(oidc.grants[0].remit, Remit::Sites(["fra".to_owned()].into()));
    }

    #[test]
    fn slips_have_their_place_and_their_remedy() {
        let good = "client_id = \"waypost\"\nredirect = \"https://ns1/login/callback\"\n";
        for (oidc, line, words) in [
            (good.to_owned(), 6, "issuer"),
            (format!("issuer = \"http://id.example.org\"\n{good}"), 7, "https://id.example.org"),
            (format!("issuer = \"id.example.org\"\n{good}"), 7, "https://id.example.org"),
            (format!("issuer = \"https://id\"\nisuer = \"x\"\n{good}"), 8, "did you mean \"issuer\"?"),
            (
                "issuer = \"https://id\"\nclient_id = \"w\"\nredirect = \"https://ns1/\"\n".to_owned(),
                9,
                "https://ns1/login/callback",
            ),
            (format!("issuer = \"https://id\"\n{good}{GRANT}"), 15, "a second grant"),
        ] {
            let (_, report) = config::read(Path::new("waypost.toml"), &file(&oidc));
            let found: Vec<_> = report.iter().filter(|found| found.severity == config::Severity::Error).collect();
            let [only] = found.as_slice() else { panic!("{oidc}: {report}") };
            assert_eq!(only.line, line, "{oidc}: {report}");
            assert!(only.to_string().contains(words), "{oidc}: {report}");
        }
    }
}
