//! URLs of the members of a shared store: scheme, host and port, and nothing else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::defaults::{ETCD_ENDPOINTS, ETCD_PORT};
use super::reader::Reader;
use super::value::Value;
use super::words::similar;
use crate::model::Name;

/// Where a member is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoreUrl {
    scheme: Scheme,
    /// In lower case; an IPv6 address stands in brackets.
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

const SCHEMES: [(&str, Scheme); 2] = [("https", Scheme::Https), ("http", Scheme::Http)];

/// Why a text is no such URL: what was expected, and what to do.
type Reason = (String, String);

impl StoreUrl {
    pub(super) fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether what is sent there stays on this machine.
    fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// The URLs of an array, each with the value that it was read from.
pub(super) fn endpoints<'d>(reader: &mut Reader<'_>, value: &Value<'d>) -> Vec<(StoreUrl, Value<'d>)> {
    let expected = "the URL of one member at least, better of all";
    let members = reader.some_list(value, expected, "\"https://etcd-1:2379\"").unwrap_or_default();
    if members.len() > ETCD_ENDPOINTS {
        let what = format!("{} URLs as {value}", members.len());
        let remedy = "name the members that vote; more of them make a store slower, not safer";
        reader.error(&value.span, what, format!("at most {ETCD_ENDPOINTS}"), remedy);
    }
    let mut urls: Vec<(StoreUrl, Value<'d>)> = Vec::with_capacity(members.len());
    for member in members {
        let Some(url) = read(reader, &member) else { continue };
        if urls.iter().any(|(other, _)| (&other.host, other.port) == (&url.host, url.port)) {
            let what = format!("{}:{} a second time as {value}", url.host, url.port);
            reader.error(&member.span, what, "each member once", "delete one");
        }
        urls.push((url, member));
    }
    urls
}

/// Warns of members that are reached without encryption: all others may then be read and forged on the way.
pub(super) fn warn_of_plain(reader: &mut Reader<'_>, urls: &[(StoreUrl, Value<'_>)], with_login: bool) {
    let Some((first, _)) = urls.first() else { return };
    if let Some((url, value)) = urls.iter().find(|(url, _)| url.scheme != first.scheme) {
        let what = format!("{url} beside {first} as {value}");
        reader.warning(&value.span, what, "one scheme for all members", "write https:// in front of each");
    }
    for (url, value) in urls.iter().filter(|(url, _)| !url.is_encrypted() && !url.is_loopback()) {
        let travels = if with_login { "orders, votes and the password travel" } else { "orders and votes travel" };
        let what = format!("{url} as {value}, to which {travels} unencrypted");
        let remedy = format!(
            "write \"https://{}:{}\", and ca with the authority of its certificate; deploy/cluster makes one",
            url.host, url.port
        );
        reader.warning(&value.span, what, "https, except on this machine", remedy);
    }
}

fn read(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<StoreUrl> {
    let text = reader.string(value)?;
    if has_login(text) {
        // What was found is not repeated: it may be a password.
        let what = format!("a user or password in a URL of {value}");
        let expected = "user and password_file beside endpoints";
        let remedy = "write the name as user, the password into a file that only waypost may read, and its path as \
                      password_file; the password that was written here should be changed";
        reader.error(&value.span, what, expected, remedy);
        return None;
    }
    match parse(text) {
        Ok(url) => Some(url),
        Err((expected, remedy)) => {
            reader.refuse(value, expected, remedy);
            None
        }
    }
}

/// Whether `text` may name a user. No part of such a URL has an @ otherwise, and what stands before it may be a password
/// with a slash in it.
fn has_login(text: &str) -> bool {
    text.contains('@')
}

fn parse(text: &str) -> Result<StoreUrl, Reason> {
    let example = || "write it as in \"https://etcd-1:2379\"".to_owned();
    let expected = || "http:// or https://, a host and a port".to_owned();
    let Some((word, rest)) = text.split_once("://") else {
        let url = parse(&format!("https://{text}")).ok().filter(|_| !text.is_empty());
        return Err((expected(), url.map_or_else(example, |url| format!("write \"{url}\""))));
    };
    let Some((_, scheme)) = SCHEMES.into_iter().find(|(known, _)| *known == word) else {
        let meant = similar(word, SCHEMES.iter().map(|(known, _)| *known)).unwrap_or("https");
        let url = parse(&format!("{meant}://{rest}"));
        return Err((expected(), url.map_or_else(|_| example(), |url| format!("did you mean \"{url}\"?"))));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if !path.is_empty() {
        let url = parse(&format!("{word}://{authority}"));
        let remedy = url.map_or_else(|_| example(), |url| format!("write \"{url}\""));
        return Err(("a URL that ends with its port, without path and query".to_owned(), remedy));
    }
    if let Ok(address) = authority.parse::<Ipv6Addr>() {
        let remedy = format!("write \"{word}://[{address}]:{ETCD_PORT}\"");
        return Err(("an IPv6 address in brackets, and a port".to_owned(), remedy));
    }
    // Between the brackets of an IPv6 address there are colons too.
    let (text_of_host, text_of_port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let Some(host) = host(text_of_host) else {
        return Err(("a host name, an IPv4 address or an IPv6 address in brackets".to_owned(), example()));
    };
    let with_port = |port| StoreUrl { scheme, host: host.clone(), port };
    match text_of_port.map(|digits| (digits, digits.parse::<u16>())) {
        // A sign is not a digit, though numbers may begin with one.
        Some((digits, Ok(port))) if port != 0 && digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            Ok(with_port(port))
        }
        Some(_) => Err(("a port from 1 to 65535".to_owned(), format!("write \"{}\"", with_port(ETCD_PORT)))),
        None => Err(("a port; clients of etcd have 2379".to_owned(), format!("write \"{}\"", with_port(ETCD_PORT)))),
    }
}

/// A host as URLs have it. What ends like an IPv4 address must be one: readers of URLs take 10.1 for 10.0.0.1.
fn host(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let text = text.to_ascii_lowercase();
    let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").unwrap_or(last);
    let is_number = |radix: u32| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    if is_number(if digits.len() < last.len() { 16 } else { 10 }) {
        return text.parse::<Ipv4Addr>().ok().map(|address| address.to_string());
    }
    let letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    (!text.is_empty() && text != "." && text.bytes().all(letter) && text.parse::<Name>().is_ok()).then_some(text)
}
