//! `etcd` of `[state]`: the store that all nodes of a cluster share, and how it is reached.

use super::defaults::{ETCD_PREFIX, ETCD_PREFIX_OCTETS, ETCD_SEGMENT_OCTETS, ETCD_USER_OCTETS};
use super::reader::Reader;
use super::store_url::{self, StoreUrl};
use super::value::{Table, Value};
use crate::model::{ClientIdentity, EtcdSettings, StoreLogin};

const KEYS: [&str; 7] = ["endpoints", "prefix", "ca", "cert", "key", "user", "password_file"];

pub(super) const EXAMPLE: &str = "endpoints = [\"https://etcd-1:2379\"]";

/// `etcd`, an inline table or a section. Only `endpoints` is required; `prefix` defaults to /waypost.
pub(super) fn read(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<EtcdSettings> {
    let table = reader.table(value, EXAMPLE)?;
    if let Some(password) = table.get("password") {
        reader.misplaced_password(&table, &password);
        return None;
    }
    reader.allow(&table, &KEYS);
    let urls = reader.required(&table, "endpoints", "the URLs of its members", "[\"https://etcd-1:2379\"]");
    let urls = urls.map(|value| store_url::endpoints(reader, &value)).unwrap_or_default();
    let prefix = table.get("prefix").map(|value| prefix(reader, &value));
    let ca = table.get("ca").and_then(|value| reader.path(&value));
    let pairs = [
        ("cert", "the certificate that the key belongs to", "\"tls/client.pem\""),
        ("key", "the private key of the certificate", "\"tls/client-key.pem\""),
    ];
    let identity = both(reader, &table, pairs, |reader, cert, key| {
        Some(ClientIdentity { cert: reader.path(cert)?, key: reader.path(key)? })
    });
    let pairs = [
        ("user", "the user that the password belongs to", "\"waypost\""),
        ("password_file", "the file that holds the password of the user", "\"/etc/waypost/etcd.pw\""),
    ];
    let login = both(reader, &table, pairs, |reader, user, file| {
        Some(StoreLogin { user: user_name(reader, user)?, password_file: reader.path(file)? })
    });
    refuse_unused_tls(reader, &table, &urls);
    store_url::warn_of_plain(reader, &urls, table.get("user").is_some());
    Some(EtcdSettings {
        endpoints: urls.iter().map(|(url, _)| url.to_string()).collect(),
        prefix: prefix.unwrap_or_else(|| ETCD_PREFIX.to_owned()),
        ca,
        identity,
        login,
    })
}

/// What `make` says of two keys that need one another; reports the one that is missing. Each key comes with what it is and
/// an example.
fn both<T>(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    [one, other]: [(&str, &str, &str); 2],
    make: impl FnOnce(&mut Reader<'_>, &Value<'_>, &Value<'_>) -> Option<T>,
) -> Option<T> {
    let (missing, given) = match (table.get(one.0), table.get(other.0)) {
        (Some(first), Some(second)) => return make(reader, &first, &second),
        (Some(first), None) => (other, first),
        (None, Some(second)) => (one, second),
        (None, None) => return None,
    };
    let (key, is, example) = missing;
    let what = format!("{given} without {key}");
    reader.error(
        &given.key_span,
        what,
        format!("{key}, {is}"),
        format!("add {key} = {example}, or delete {}", given.key),
    );
    None
}

/// Reports files for TLS where no member is reached over it.
fn refuse_unused_tls(reader: &mut Reader<'_>, table: &Table<'_>, urls: &[(StoreUrl, Value<'_>)]) {
    if urls.is_empty() || urls.iter().any(|(url, _)| url.is_encrypted()) {
        return;
    }
    for value in ["ca", "cert", "key"].into_iter().filter_map(|key| table.get(key)) {
        let remedy = format!("write https:// in endpoints, or delete {}", value.key);
        reader.error(&value.key_span, format!("{value} with http endpoints"), "https endpoints, which use it", remedy);
    }
}

/// The name of a user, in one line.
fn user_name(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if text.is_empty() || text.len() > ETCD_USER_OCTETS || text.chars().any(char::is_control) {
        let expected = format!("1 to {ETCD_USER_OCTETS} octets without control characters");
        reader.refuse(value, expected, "write it as `etcdctl user list` shows it, as in \"waypost\"");
        return None;
    }
    Some(text.to_owned())
}

/// What the keys of this cluster begin with.
fn prefix(reader: &mut Reader<'_>, value: &Value<'_>) -> String {
    let Some(text) = reader.string(value) else { return String::new() };
    let segments = text.strip_prefix('/').map(|inner| inner.split('/'));
    let is_good = segments.is_some_and(|mut segments| segments.all(is_segment)) && text.len() <= ETCD_PREFIX_OCTETS;
    if !is_good {
        let expected = format!(
            "a slash and segments of letters, digits, hyphens, underscores and dots with slashes between them, \
             at most {ETCD_PREFIX_OCTETS} octets"
        );
        reader.refuse(value, expected, format!("write prefix = \"{}\"", mended(text)));
    } else if let Some(version) = text.split('/').find(|segment| is_version(segment)) {
        // The keys of another cluster, whose prefix ends before it, would be among those of this one.
        let what = format!("the segment {version} in {value}");
        let remedy = format!("leave {version} out, or write more than a version, as in \"/waypost/{version}-prod\"");
        reader.error(&value.span, what, "no segment like the versions of keys that waypost puts behind it", remedy);
    }
    text.to_owned()
}

fn is_segment(segment: &str) -> bool {
    let letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    (1..=ETCD_SEGMENT_OCTETS).contains(&segment.len()) && !matches!(segment, "." | "..") && segment.bytes().all(letter)
}

/// `v1`, `v2` and so on.
fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit()))
}

/// The prefix that `text` was probably meant to be.
fn mended(text: &str) -> String {
    let segments: Vec<&str> = text.split('/').filter(|segment| is_segment(segment)).collect();
    let mended = format!("/{}", segments.join("/"));
    if segments.is_empty() || mended.len() > ETCD_PREFIX_OCTETS { "/waypost/prod".to_owned() } else { mended }
}
