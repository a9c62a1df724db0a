//! DNS Cookies (RFC 7873): proof that a client's source address is its own.
//!
//! A server cookie is interoperable (RFC 9018): any server with the same secret takes it, whoever made it. The server
//! keeps nothing about its clients.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;
use subtle::ConstantTimeEq;

use super::bounds::{COOKIE_FUTURE, COOKIE_LIFETIME, COOKIE_RENEWAL};

/// Octets of a client cookie.
const CLIENT: usize = 8;
/// Octets of a server cookie of RFC 9018.
const SERVER: usize = 16;
/// Octets that a server cookie may have (RFC 7873 section 4).
const SERVER_LENGTHS: std::ops::RangeInclusive<usize> = 8..=32;
/// The version of RFC 9018 section 4.1.
const VERSION: u8 = 1;

/// A secret that server cookies are made with.
pub(super) type Secret = [u8; 16];

/// The COOKIE option of a reply: the client's own cookie and ours.
pub(super) type FullCookie = [u8; CLIENT + SERVER];

/// The COOKIE option of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientCookie {
    client: [u8; CLIENT],
    server: ServerPart,
}

/// What a client sends back of what a server gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerPart {
    /// It has nothing yet.
    Nothing,
    /// Octets that may be a cookie of ours.
    Likely([u8; SERVER]),
    /// Octets that no server of our kind made.
    Foreign,
}

/// What a cookie is worth, and what goes back for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// Whether the client proved that the source address is its own.
    pub(super) proven: bool,
    /// The COOKIE option of the reply.
    pub(super) reply: FullCookie,
}

impl ClientCookie {
    /// Option code (IANA).
    pub(super) const CODE: u16 = 10;

    /// Reads the data of a COOKIE option; `None` where its length is malformed (RFC 7873 section 5.2.2).
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let (client, server) = data.split_first_chunk::<CLIENT>()?;
        let server = match (server.len(), server.try_into()) {
            (0, _) => ServerPart::Nothing,
            (_, Ok(server)) => ServerPart::Likely(server),
            (length, Err(_)) if SERVER_LENGTHS.contains(&length) => ServerPart::Foreign,
            _ => return None,
        };
        Some(Self { client: *client, server })
    }

    /// Judges the cookie that came from `source` at `now`, the low 32 bits of the seconds since 1970. The first of
    /// `secrets` makes cookies, all are accepted; without any nothing is proven and nothing goes back.
    pub(super) fn judge(&self, source: IpAddr, secrets: &[Secret], now: u32) -> Option<Judged> {
        let first = secrets.first()?;
        let source = source.to_canonical();
        let maker = match &self.server {
            ServerPart::Likely(server) if is_of_age(server, now) => {
                let made = secrets.iter().position(|secret| self.is_made_with(secret, server, source));
                made.map(|made| (made, server))
            }
            _ => None,
        };
        let reply = match maker {
            Some((0, server)) if age(server, now) <= COOKIE_RENEWAL => *server,
            _ => make(first, self.client, [0; 3], now, source),
        };
        Some(Judged { proven: maker.is_some(), reply: joined(self.client, reply) })
    }

    fn is_made_with(&self, secret: &Secret, server: &[u8; SERVER], source: IpAddr) -> bool {
        let &[_, r1, r2, r3, t1, t2, t3, t4, ..] = server;
        // The reserved octets are hashed as they came (RFC 9018 section 4.2).
        let made = make(secret, self.client, [r1, r2, r3], u32::from_be_bytes([t1, t2, t3, t4]), source);
        made.ct_eq(server).into()
    }
}

/// The age of a server cookie in seconds, negative where it comes from the future; in serial arithmetic (RFC 1982).
fn age(server: &[u8; SERVER], now: u32) -> i32 {
    let &[_, _, _, _, t1, t2, t3, t4, ..] = server;
    now.wrapping_sub(u32::from_be_bytes([t1, t2, t3, t4])).cast_signed()
}

/// Whether version and age are acceptable (RFC 9018 section 4.3).
fn is_of_age(server: &[u8; SERVER], now: u32) -> bool {
    let [version, ..] = server;
    *version == VERSION && (-COOKIE_FUTURE..=COOKIE_LIFETIME).contains(&age(server, now))
}

/// The server cookie of RFC 9018 section 4.4.
fn make(secret: &Secret, client: [u8; CLIENT], reserved: [u8; 3], timestamp: u32, source: IpAddr) -> [u8; SERVER] {
    let [r1, r2, r3] = reserved;
    let [t1, t2, t3, t4] = timestamp.to_be_bytes();
    let head = [VERSION, r1, r2, r3, t1, t2, t3, t4];
    let hash = match source {
        IpAddr::V4(source) => hash(secret, client, head, source.octets()),
        IpAddr::V6(source) => hash(secret, client, head, source.octets()),
    };
    let mut made = [0; SERVER];
    for (place, octet) in made.iter_mut().zip(head.into_iter().chain(hash.to_le_bytes())) {
        *place = octet;
    }
    made
}

/// SipHash-2-4 over client cookie, version to timestamp, and address.
fn hash<const N: usize>(secret: &Secret, client: [u8; CLIENT], head: [u8; 8], source: [u8; N]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(secret);
    for part in [&client[..], &head, &source] {
        hasher.write(part);
    }
    hasher.finish()
}

fn joined(client: [u8; CLIENT], server: [u8; SERVER]) -> FullCookie {
    let mut full = [0; CLIENT + SERVER];
    for (place, octet) in full.iter_mut().zip(client.into_iter().chain(server)) {
        *place = octet;
    }
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    const OLD: &str = "dd3bdf9344b678b185a6f5cb60fca715";
    const NEW: &str = "445536bcd2513298075a5d379663c962";

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| hex(text).try_into().unwrap()).collect()
    }

    fn judge(cookie: &str, source: &str, texts: &[&str], now: u32) -> (bool, String) {
        let cookie = ClientCookie::read(&hex(cookie)).unwrap();
        let judged = cookie.judge(source.parse().unwrap(), &secrets(texts), now).unwrap();
        (judged.proven, data_encoding::HEXLOWER.encode(&judged.reply))
    }

    /// RFC 9018 appendix A: the same cookies as any other server makes.
    #[test]
    fn cookies_are_those_of_the_standard() {
        let learned = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let renewed = "2464c4abcf10c957010000005cf7a871d4a564a1442aca77";
        assert_eq!(judge("2464c4abcf10c957", "198.51.100.100", &[SECRET], 1_559_731_985), (false, learned.to_owned()));
        assert_eq!(judge(learned, "198.51.100.100", &[SECRET], 1_559_734_385), (true, renewed.to_owned()));
        // Reserved octets that are not zero, first at its own time and then more than an hour later.
        let odd = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
        assert!(judge(odd, "203.0.113.203", &[SECRET], 1_559_727_985).0);
        let other = "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e";
        assert_eq!(judge(odd, "203.0.113.203", &[SECRET], 1_559_734_700), (false, other.to_owned()));
        // A cookie of the secret before: good, and replaced by one of the current secret.
        let (before, after) =
            ("22681ab97d52c298010000005cf7c57926556bd0934c72f8", "22681ab97d52c298010000005cf7c609a6bb79d16625507a");
        let client = "2001:db8:220:1:59de:d0f4:8769:82b8";
        assert_eq!(judge(before, client, &[NEW, OLD], 1_559_741_961), (true, after.to_owned()));
        assert_eq!(judge(before, client, &[NEW], 1_559_741_961), (false, after.to_owned()));
    }

    #[test]
    fn a_cookie_is_good_for_an_hour_and_stays_the_same_for_half_of_it() {
        let made = 1_559_731_985;
        let (_, cookie) = judge("2464c4abcf10c957", "198.51.100.100", &[SECRET], made);
        let at = |now: u32| judge(&cookie, "198.51.100.100", &[SECRET], now);
        assert_eq!(at(made + 1800), (true, cookie.clone()));
        assert!(at(made + 1801).0 && at(made + 1801).1 != cookie);
        assert!(at(made + 3600).0 && !at(made + 3601).0);
        assert!(at(made - 300).0 && !at(made - 301).0, "clocks may differ by five minutes");
        // Where 32 bits of seconds end, in 2106.
        let (_, last) = judge("2464c4abcf10c957", "198.51.100.100", &[SECRET], u32::MAX - 10);
        assert!(judge(&last, "198.51.100.100", &[SECRET], 100).0);
    }

    #[test]
    fn a_cookie_proves_nothing_for_another_address_secret_client_or_octet() {
        let now = 1_559_731_985;
        let cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        assert!(judge(cookie, "198.51.100.100", &[SECRET], now).0);
        assert!(
            judge(cookie, "::ffff:198.51.100.100", &[SECRET], now).0,
            "the same client on a socket of both families"
        );
        assert!(!judge(cookie, "198.51.100.101", &[SECRET], now).0);
        assert!(!judge(cookie, "198.51.100.100", &[NEW, OLD], now).0);
        let octets = hex(cookie);
        for at in 0..octets.len() {
            let mut changed = octets.clone();
            changed[at] ^= 1;
            let changed = data_encoding::HEXLOWER.encode(&changed);
            assert!(!judge(&changed, "198.51.100.100", &[SECRET], now).0, "octet {at}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        for length in 0..64 {
            let known = length == 8 || (16..=40).contains(&length);
            assert_eq!(ClientCookie::read(&vec![1; length]).is_some(), known, "{length} octets");
        }
        assert!(!judge(&"01".repeat(40), "192.0.2.1", &[SECRET], 0).0, "another server's kind of cookie");
        let cookie = ClientCookie::read(&[1; 8]).unwrap();
        assert_eq!(cookie.judge("192.0.2.1".parse().unwrap(), &[], 0), None);
    }
}
