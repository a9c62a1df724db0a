//! Transaction signatures: requests, replies, and streams of replies.

use waypost::tsig::{Keyring, sign_request, verify_request};

use super::Watch;
use super::world::key;

/// Seconds since 1970 at which all of it happens.
const NOW: u64 = 1_800_000_000;
/// Octets that a signature with a short name takes, at most.
const SIGNATURE: usize = 256;
/// A query that the reply belongs to.
const QUERY: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x06\0\x01";

/// The first octet says what the others are: a request as it is, one that is signed first, the messages of a reply
/// with their lengths as they are, or the same signed first.
pub fn run(input: &[u8], watch: &impl Watch) {
    let Some((kind, message)) = input.split_first() else { return };
    match kind % 4 {
        0 => request(message, watch),
        1 => signed_request(message, watch),
        2 => reply(message, watch),
        _ => signed_reply(message, watch),
    }
}

fn keyring() -> Keyring {
    [key()].into_iter().collect()
}

fn request(message: &[u8], watch: &impl Watch) {
    let keyring = keyring();
    let outcome = watch.timed("checking a request", || {
        verify_request(message, &keyring, NOW).map_err(|rejection| {
            // The reply to whoever is not believed.
            let mut reply = message.get(..12).unwrap_or(&[0; 12]).to_vec();
            reply[4..12].fill(0);
            rejection.finish(&mut reply, NOW);
        })
    });
    // Nobody makes a signature by chance.
    if let Ok(Some(verified)) = outcome {
        assert!(verified.stripped.len() < message.len());
    }
}

fn signed_request(message: &[u8], watch: &impl Watch) {
    let keyring = keyring();
    let mut signed = message.to_vec();
    let is_whole = matches!(verify_request(message, &Keyring::default(), NOW), Ok(None));
    if !is_whole || message.len() + SIGNATURE > 65_535 {
        return;
    }
    let mut client = sign_request(&mut signed, &key(), NOW);
    let verified = watch.timed("checking a signed request", || verify_request(&signed, &keyring, NOW));
    let Ok(Some(verified)) = verified else { panic!("a good signature was refused") };
    assert_eq!(verified.stripped, message);
    let mut session = verified.session;
    let mut answer = message.to_vec();
    session.sign_reply(&mut answer, NOW);
    assert_eq!(client.verify(&answer, NOW).expect("a good reply"), message);
    client.finish().expect("a signed end");
}

fn reply(messages: &[u8], watch: &impl Watch) {
    watch.timed("checking a reply", || {
        let mut query = QUERY.to_vec();
        let mut client = sign_request(&mut query, &key(), NOW);
        let believed = parts(messages).take_while(|message| client.verify(message, NOW).is_ok()).count();
        assert!(believed == 0, "a reply was believed that nobody signed");
    });
}

fn signed_reply(messages: &[u8], watch: &impl Watch) {
    watch.timed("a signed stream", || {
        let mut query = QUERY.to_vec();
        let mut client = sign_request(&mut query, &key(), NOW);
        let Ok(Some(verified)) = verify_request(&query, &keyring(), NOW) else { panic!("a good request") };
        let mut session = verified.session;
        // Octets that are no message may become another one with a signature behind them.
        let is_whole = |message: &&[u8]| matches!(verify_request(message, &Keyring::default(), NOW), Ok(None));
        for message in parts(messages).filter(is_whole) {
            let mut signed = message.to_vec();
            session.sign_reply(&mut signed, NOW);
            assert_eq!(client.verify(&signed, NOW).expect("a good message"), message);
        }
    });
}

/// Messages with their lengths in front, as on a stream; what is cut short is left out.
fn parts(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (message, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some(message)
    })
}
