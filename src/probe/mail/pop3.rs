//! POP3: a session as a mail program has it, up to the size of the maildrop (RFC 1939, CAPA: RFC 2449, STLS: RFC 2595).

use async_trait::async_trait;

use super::Dialogue;
use super::pop3_reply::{Reply, further_lines};
use super::session::Session;
use crate::model::Pop3Check;
use crate::probe::bounds::POP3_COMMAND;
use crate::probe::password::Credentials;
use crate::probe::secret::Secret;
use crate::probe::transcript::printable;
use crate::probe::wire::{Ended, Wire, broken};

/// What is said to a server that hands out maildrops.
#[derive(Debug)]
pub(super) struct Pop3 {
    credentials: Option<Credentials>,
}

impl Pop3 {
    pub(super) fn new(check: &Pop3Check) -> Self {
        Self { credentials: check.login.as_ref().map(Credentials::new) }
    }
}

#[async_trait]
impl Dialogue for Pop3 {
    const FAREWELL: &'static str = "QUIT";

    async fn speak(&self, session: &mut Session<'_>) -> Result<(), Ended> {
        Reply::read(&mut session.wire, "the greeting").await?.expect_ok("the connection")?;
        let mut offers = capabilities(&mut session.wire).await?;
        if session.wants_starttls() {
            // A mail program that was told to use TLS goes away where it cannot.
            if !offers.have("STLS") {
                return Err(broken("STLS is not offered"));
            }
            Reply::to("STLS", &mut session.wire, "the reply to STLS").await?.expect_ok("STLS")?;
            session.secure().await?;
            offers = capabilities(&mut session.wire).await?;
        }
        let Some(credentials) = &self.credentials else { return Ok(()) };
        let Some(password) = session.password(credentials).await? else { return Ok(()) };
        log_in(&mut session.wire, credentials, &password, &offers).await?;
        size_up(&mut session.wire).await
    }
}

/// What a server offers: the lines of CAPA.
enum Capabilities {
    Listed(Vec<String>),
    /// The server knows no CAPA, as the oldest do not.
    Unknown,
}

impl Capabilities {
    fn have(&self, word: &str) -> bool {
        self.parameters(word).is_some()
    }

    /// What stands behind `word`, where it is listed.
    fn parameters(&self, word: &str) -> Option<Vec<&str>> {
        let Self::Listed(lines) = self else { return None };
        lines.iter().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next().is_some_and(|listed| listed.eq_ignore_ascii_case(word)).then(|| words.collect())
        })
    }
}

async fn capabilities(wire: &mut Wire<'_>) -> Result<Capabilities, Ended> {
    const WAITING: &str = "the reply to CAPA";
    match Reply::to("CAPA", wire, WAITING).await? {
        Reply::Ok(_) => Ok(Capabilities::Listed(further_lines(wire, WAITING).await?)),
        Reply::Err(_) => Ok(Capabilities::Unknown),
        Reply::Continue => Err(broken("the server waits for more of CAPA")),
    }
}

/// By AUTH PLAIN where it is offered, which takes any password, else by USER and PASS.
async fn log_in(wire: &mut Wire<'_>, who: &Credentials, password: &Secret, offers: &Capabilities) -> Result<(), Ended> {
    let mechanisms = offers.parameters("SASL").unwrap_or_default();
    if mechanisms.iter().any(|mechanism| mechanism.eq_ignore_ascii_case("PLAIN")) {
        authenticate(wire, &who.plain(password)).await
    } else if offers.have("USER") || matches!(offers, Capabilities::Unknown) {
        let known = Reply::to(&format!("USER {}", who.user()), wire, "the reply to USER").await?;
        known.expect_ok("USER")?;
        wire.say_secret("PASS ", password, "the reply to PASS").await?;
        Reply::read(wire, "the reply to PASS").await?.expect_ok("PASS").map(drop)
    } else {
        Err(broken("neither USER nor SASL PLAIN is offered behind TLS"))
    }
}

/// Sends `message`, with the command where it fits there, or when the server asks for it (RFC 5034 section 4).
async fn authenticate(wire: &mut Wire<'_>, message: &Secret) -> Result<(), Ended> {
    const COMMAND: &str = "AUTH PLAIN ";
    const WAITING: &str = "the reply to AUTH";
    if COMMAND.len() + message.reveal().len() + "\r\n".len() <= POP3_COMMAND {
        wire.say_secret(COMMAND, message, WAITING).await?;
    } else {
        match Reply::to(COMMAND.trim_end(), wire, WAITING).await? {
            Reply::Continue => wire.say_secret("", message, WAITING).await?,
            Reply::Err(refusal) => return Err(refusal.of("AUTH PLAIN")),
            Reply::Ok(_) => return Err(broken("AUTH PLAIN ended before its end")),
        }
    }
    Reply::read(wire, WAITING).await?.expect_ok("AUTH PLAIN").map(drop)
}

/// Asks how much lies in the maildrop: two numbers (RFC 1939 section 5).
async fn size_up(wire: &mut Wire<'_>) -> Result<(), Ended> {
    let size = Reply::to("STAT", wire, "the reply to STAT").await?.expect_ok("STAT")?;
    let numbers = size.split_ascii_whitespace().map_while(|word| word.parse::<u64>().ok()).take(2).count();
    if numbers == 2 { Ok(()) } else { Err(broken(format!("STAT gives no size: {}", printable(size.as_bytes())))) }
}
