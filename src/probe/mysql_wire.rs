//! The MySQL protocol as far as a probe speaks it: greeting, login and queries with text results. MariaDB speaks the same.
//!
//! Own code and not a client library: the one that is kept for tokio brings a pool, TLS of its own and some sixty crates, and
//! bounds neither what it reads nor what it keeps. Here everything is read from packets of bounded length; parsing is pure.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::bounds::MYSQL_COLUMNS;

/// Capabilities that the probe has (`CLIENT_…`): LONG_PASSWORD, PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH.
pub(super) const CAPABILITIES: u32 = 0x1 | 0x200 | 0x8000 | 0x8_0000;
/// CLIENT_SSL.
pub(super) const CAPABILITY_TLS: u32 = 0x800;
/// The character set utf8mb4_general_ci, which every version knows.
const CHARSET: u8 = 45;

/// How a password is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// `mysql_native_password`: SHA-1.
    Native,
    /// `caching_sha2_password`: SHA-256.
    CachingSha2,
}

impl Method {
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql_native_password" => Some(Self::Native),
            b"caching_sha2_password" => Some(Self::CachingSha2),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
        }
    }

    /// The proof for the server's `challenge`; nothing for an empty password.
    pub(super) fn prove(self, password: &[u8], challenge: &[u8]) -> Vec<u8> {
        if password.is_empty() {
            return Vec::new();
        }
        let algorithm = match self {
            Self::Native => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::CachingSha2 => &SHA256,
        };
        let hash = |parts: [&[u8]; 2]| {
            let mut context = Context::new(algorithm);
            parts.iter().for_each(|part| context.update(part));
            context.finish()
        };
        let once = hash([password, b""]);
        let twice = hash([once.as_ref(), b""]);
        let salted = match self {
            Self::Native => hash([challenge, twice.as_ref()]),
            Self::CachingSha2 => hash([twice.as_ref(), challenge]),
        };
        once.as_ref().iter().zip(salted.as_ref()).map(|(left, right)| left ^ right).collect()
    }
}

/// An error that the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerError {
    pub(super) code: u16,
    pub(super) words: Vec<u8>,
}

/// The first packet of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) version: Vec<u8>,
    pub(super) capabilities: u32,
    pub(super) challenge: Vec<u8>,
    pub(super) plugin: Vec<u8>,
}

/// What a server says to a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LoginReply {
    Welcome,
    Refused(ServerError),
    /// Prove it in another way.
    Switch {
        plugin: Vec<u8>,
        challenge: Vec<u8>,
    },
    /// The proof of caching_sha2_password was enough.
    ProofTaken,
    /// caching_sha2_password does not remember the user and wants the password itself.
    PasswordWanted,
}

/// What a packet after a query is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ResultHead {
    /// Done, without rows.
    Done,
    Refused(ServerError),
    /// Rows of so many columns follow.
    Columns(u64),
}

/// A reader of one packet.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }

    /// A text that ends with NUL, or with the packet.
    fn text(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|octet| *octet == 0);
        let (text, rest) = match end {
            Some(end) => (self.0.get(..end), self.0.get(end + 1..)),
            None => (Some(self.0), None),
        };
        self.0 = rest.unwrap_or_default();
        text.unwrap_or_default()
    }

    /// A length-encoded integer.
    fn integer(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ 0..=0xfa => Some(u64::from(small)),
            0xfc => self.array::<2>().map(|octets| u64::from(u16::from_le_bytes(octets))),
            0xfd => self.array::<3>().map(|[a, b, c]| u64::from(u32::from_le_bytes([a, b, c, 0]))),
            0xfe => self.array::<8>().map(u64::from_le_bytes),
            _ => None,
        }
    }

    /// A length-encoded string.
    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.integer()?;
        self.take(usize::try_from(length).ok()?)
    }
}

/// Reads a greeting of protocol version 10, or the error that a server may send in its place.
pub(super) fn greeting(packet: &[u8]) -> Option<Result<Greeting, ServerError>> {
    let mut octets = Octets(packet);
    match octets.byte()? {
        10 => {}
        0xff => return error(packet).map(Err),
        _ => return None,
    }
    let version = octets.text().to_vec();
    octets.take(4)?;
    let mut challenge = octets.take(8)?.to_vec();
    octets.take(1)?;
    let low = u16::from_le_bytes(octets.array()?);
    octets.take(3)?;
    let high = u16::from_le_bytes(octets.array()?);
    let length = usize::from(octets.byte()?);
    octets.take(10)?;
    // The rest has 13 octets at least, the last of them NUL.
    let rest = octets.take(length.saturating_sub(8).max(13))?;
    challenge.extend_from_slice(rest.strip_suffix(b"\0").unwrap_or(rest));
    let capabilities = u32::from(high) << 16 | u32::from(low);
    Some(Ok(Greeting { version, capabilities, challenge, plugin: octets.text().to_vec() }))
}

/// Reads what a server says to a login.
pub(super) fn login_reply(packet: &[u8]) -> Option<LoginReply> {
    match packet {
        [0x00, ..] => Some(LoginReply::Welcome),
        [0xff, ..] => error(packet).map(LoginReply::Refused),
        [0xfe, rest @ ..] if !rest.is_empty() => {
            let mut octets = Octets(rest);
            let plugin = octets.text().to_vec();
            let challenge = octets.0.strip_suffix(b"\0").unwrap_or(octets.0).to_vec();
            Some(LoginReply::Switch { plugin, challenge })
        }
        [0x01, 0x03] => Some(LoginReply::ProofTaken),
        [0x01, 0x04] => Some(LoginReply::PasswordWanted),
        _ => None,
    }
}

/// Reads the first packet of a result.
pub(super) fn result_head(packet: &[u8]) -> Option<ResultHead> {
    match packet {
        [0x00, ..] => Some(ResultHead::Done),
        [0xff, ..] => error(packet).map(ResultHead::Refused),
        // 0xfb asks for a file of ours.
        [0xfb, ..] => None,
        _ => Octets(packet).integer().filter(|count| (1..=MYSQL_COLUMNS).contains(count)).map(ResultHead::Columns),
    }
}

/// The name of a column in its definition.
pub(super) fn column_name(packet: &[u8]) -> Option<String> {
    let mut octets = Octets(packet);
    // Catalog, schema, table, original table.
    for _ in 0..4 {
        octets.string()?;
    }
    octets.string().map(|name| String::from_utf8_lossy(name).into_owned())
}

/// The values of a row of `columns` columns.
pub(super) fn row(packet: &[u8], columns: usize) -> Option<Vec<Option<String>>> {
    let mut octets = Octets(packet);
    let mut values = Vec::with_capacity(columns);
    for _ in 0..columns {
        if octets.0.first() == Some(&0xfb) {
            octets.byte();
            values.push(None);
        } else {
            values.push(Some(String::from_utf8_lossy(octets.string()?).into_owned()));
        }
    }
    Some(values)
}

/// Whether a packet ends columns or rows.
pub(super) fn is_end(packet: &[u8]) -> bool {
    matches!(packet, [0xfe, ..]) && packet.len() < 9
}

/// Reads an error: its code, and behind `#` and five octets of SQLSTATE its words.
pub(super) fn error(packet: &[u8]) -> Option<ServerError> {
    let mut octets = Octets(packet);
    if octets.byte()? != 0xff {
        return None;
    }
    let code = u16::from_le_bytes(octets.array()?);
    if octets.0.first() == Some(&b'#') {
        octets.take(6)?;
    }
    Some(ServerError { code, words: octets.0.to_vec() })
}

/// The packet that asks for TLS.
pub(super) fn tls_request() -> Vec<u8> {
    head(CAPABILITIES | CAPABILITY_TLS)
}

/// The packet that logs in.
pub(super) fn login(capabilities: u32, user: &str, proof: &[u8], method: Method) -> Vec<u8> {
    let mut packet = head(capabilities);
    packet.extend_from_slice(user.as_bytes());
    packet.push(0);
    // Proofs have 0, 20 or 32 octets.
    packet.push(u8::try_from(proof.len()).unwrap_or(0));
    packet.extend_from_slice(proof);
    packet.extend_from_slice(method.name().as_bytes());
    packet.push(0);
    packet
}

/// The packet that asks `statement`.
pub(super) fn query(statement: &str) -> Vec<u8> {
    [b"\x03", statement.as_bytes()].concat()
}

/// The packet that says goodbye.
pub(super) const QUIT: &[u8] = &[1];

fn head(capabilities: u32) -> Vec<u8> {
    const MOST_PACKET: u32 = 1 << 16;
    let mut packet = Vec::with_capacity(64);
    packet.extend_from_slice(&capabilities.to_le_bytes());
    packet.extend_from_slice(&MOST_PACKET.to_le_bytes());
    packet.push(CHARSET);
    packet.extend_from_slice(&[0; 23]);
    packet
}

#[cfg(test)]
pub(super) mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    /// A greeting as servers send it.
    pub(crate) fn hello(version: &str, capabilities: u32, plugin: &str) -> Vec<u8> {
        let [low1, low2, high1, high2] = capabilities.to_le_bytes();
        let mut packet = vec![10];
        packet.extend_from_slice(version.as_bytes());
        packet.extend_from_slice(&[0, 1, 0, 0, 0]);
        packet.extend_from_slice(b"12345678\0");
        packet.extend_from_slice(&[low1, low2, CHARSET, 2, 0, high1, high2, 21]);
        packet.extend_from_slice(&[0; 10]);
        packet.extend_from_slice(b"abcdefghijkl\0");
        packet.extend_from_slice(plugin.as_bytes());
        packet.push(0);
        packet
    }

    #[test]
    fn a_greeting_has_version_challenge_and_method() {
        let read = greeting(&hello("10.11.6-MariaDB", 0x00ff_f7fe, "mysql_native_password")).unwrap().unwrap();
        assert_eq!(read.version, b"10.11.6-MariaDB");
        assert_eq!((read.capabilities, read.challenge.as_slice()), (0x00ff_f7fe, &b"12345678abcdefghijkl"[..]));
        assert_eq!(Method::named(&read.plugin), Some(Method::Native));
        let full = b"\xff\x10\x04Too many connections";
        assert_eq!(greeting(full), Some(Err(ServerError { code: 1040, words: b"Too many connections".to_vec() })));
        for wrong in [&b"SSH-2.0-OpenSSH"[..], b"", b"\x0a8.0", b"\xff"] {
            assert_eq!(greeting(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_proof_is_what_the_server_reckons_itself() {
        // A server has the hash of the hash, and finds the hash by undoing the exclusive or.
        let challenge = b"12345678abcdefghijkl";
        for (method, algorithm) in [(Method::Native, &SHA1_FOR_LEGACY_USE_ONLY), (Method::CachingSha2, &SHA256)] {
            let hash = |octets: &[u8]| aws_lc_rs::digest::digest(algorithm, octets).as_ref().to_vec();
            let stored = hash(&hash(b"secret"));
            let salted = match method {
                Method::Native => hash(&[&challenge[..], &stored].concat()),
                Method::CachingSha2 => hash(&[&stored[..], challenge].concat()),
            };
            let proof = method.prove(b"secret", challenge);
            let undone: Vec<u8> = proof.iter().zip(&salted).map(|(left, right)| left ^ right).collect();
            assert_eq!(hash(&undone), stored, "{}", method.name());
            assert!(method.prove(b"", challenge).is_empty());
        }
        // The hash that every MySQL shows for `password('secret')` begins so.
        let twice = aws_lc_rs::digest::digest(
            &SHA1_FOR_LEGACY_USE_ONLY,
            aws_lc_rs::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, b"secret").as_ref(),
        );
        assert!(HEXLOWER.encode(twice.as_ref()).starts_with("14e65567"));
    }

    #[test]
    fn replies_are_read_as_servers_write_them() {
        assert_eq!(login_reply(b"\x00\x00\x00\x02\x00\x00\x00"), Some(LoginReply::Welcome));
        let denied = ServerError { code: 1045, words: b"Access denied".to_vec() };
        assert_eq!(login_reply(b"\xff\x15\x04#28000Access denied"), Some(LoginReply::Refused(denied)));
        let switch = LoginReply::Switch { plugin: b"caching_sha2_password".to_vec(), challenge: b"salt".to_vec() };
        assert_eq!(login_reply(b"\xfecaching_sha2_password\0salt\0"), Some(switch));
        assert_eq!(login_reply(b"\x01\x04"), Some(LoginReply::PasswordWanted));
        assert_eq!(login_reply(b"\xfe"), None, "the method from before 4.1");
        assert_eq!(result_head(b"\xfb/etc/passwd"), None, "a file is never sent");
        assert_eq!(result_head(b"\x02"), Some(ResultHead::Columns(2)));
        assert_eq!(result_head(b"\xfd\xff\xff\xff"), None, "more columns than any result has");
        assert_eq!(row(b"\xfb\x03abc\x00", 3), Some(vec![None, Some("abc".into()), Some(String::new())]));
        assert_eq!(row(b"\x05abc", 1), None, "cut");
    }

    proptest! {
        #[test]
        fn any_packet_is_read_or_refused(packet in prop::collection::vec(any::<u8>(), 0..120), columns in 0_usize..80) {
            let _ = (greeting(&packet), login_reply(&packet), result_head(&packet), column_name(&packet));
            let _ = (row(&packet, columns), is_end(&packet), error(&packet));
        }

        #[test]
        fn a_damaged_greeting_is_read_or_refused(at in any::<prop::sample::Index>(), octet: u8, cut in any::<prop::sample::Index>()) {
            let mut packet = hello("8.4.0", CAPABILITIES, "caching_sha2_password");
            let (at, cut) = (at.index(packet.len()), cut.index(packet.len()));
            packet[at] = octet;
            let _ = (greeting(&packet), greeting(&packet[..cut]));
        }
    }
}
