//! IMAP: a session as a mail program has it, up to an opened mailbox (RFC 9051, RFC 3501).

use async_trait::async_trait;

use super::Dialogue;
use super::imap_response::{Condition, Response, Status};
use super::session::Session;
use crate::health::Outcome;
use crate::model::{ImapCheck, ImapVisit};
use crate::probe::bounds::REPLY_LINES;
use crate::probe::password::Credentials;
use crate::probe::secret::Secret;
use crate::probe::wire::{Ended, broken};

/// What is said to a server that shows mailboxes.
#[derive(Debug)]
pub(super) struct Imap {
    visit: Option<Visit>,
}

#[derive(Debug)]
struct Visit {
    credentials: Credentials,
    mailbox: Option<String>,
}

impl Imap {
    pub(super) fn new(check: &ImapCheck) -> Self {
        let visit =
            |visit: &ImapVisit| Visit { credentials: Credentials::new(&visit.login), mailbox: visit.mailbox.clone() };
        Self { visit: check.visit.as_ref().map(visit) }
    }
}

#[async_trait]
impl Dialogue for Imap {
    const FAREWELL: &'static str = "z LOGOUT";

    async fn speak(&self, session: &mut Session<'_>) -> Result<(), Ended> {
        let mut talk = Talk { session, commands: 0 };
        let greeting = talk.greeting().await?;
        let mut offers = talk.capabilities().await?;
        if talk.session.wants_starttls() {
            talk.start_tls(greeting, &offers).await?;
            offers = talk.capabilities().await?;
        }
        let Some(Visit { credentials, mailbox }) = &self.visit else { return Ok(()) };
        if greeting == Greeting::Stranger {
            let Some(password) = talk.session.password(credentials).await? else { return Ok(()) };
            talk.log_in(credentials, &password, &offers).await?;
        }
        match mailbox {
            Some(mailbox) => talk.examine(mailbox).await,
            None => Ok(()),
        }
    }
}

/// How a server greets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Greeting {
    /// `* OK`: it does not know us.
    Stranger,
    /// `* PREAUTH`: it takes us for a user already.
    User,
}

/// What a server offers: the words of CAPABILITY.
struct Capabilities(Vec<String>);

impl Capabilities {
    fn have(&self, word: &str) -> bool {
        self.0.iter().any(|offered| offered.eq_ignore_ascii_case(word))
    }
}

/// Commands and their responses.
struct Talk<'t, 'w> {
    session: &'t mut Session<'w>,
    commands: usize,
}

impl Talk<'_, '_> {
    async fn greeting(&mut self) -> Result<Greeting, Ended> {
        match Response::read(&mut self.session.wire, "", "the greeting").await? {
            Response::Untagged(Status { condition: Condition::Ok, .. }) => Ok(Greeting::Stranger),
            Response::Untagged(Status { condition: Condition::Preauth, .. }) => Ok(Greeting::User),
            Response::Untagged(status) => Err(broken(format!("{} (as the greeting)", status.text))),
            _ => Err(broken("the greeting is none of OK, PREAUTH and BYE")),
        }
    }

    async fn capabilities(&mut self) -> Result<Capabilities, Ended> {
        let data = self.command("CAPABILITY").await?;
        let words = data.iter().filter_map(|data| {
            let mut words = data.split_ascii_whitespace();
            words.next().is_some_and(|word| word.eq_ignore_ascii_case("CAPABILITY")).then_some(words)
        });
        let offers = Capabilities(words.flatten().map(str::to_owned).collect());
        if !offers.have("IMAP4rev1") && !offers.have("IMAP4rev2") {
            return Err(broken("CAPABILITY names neither IMAP4rev1 nor IMAP4rev2"));
        }
        Ok(offers)
    }

    /// Secures the connection. A mail program that was told to use it goes away where it cannot.
    async fn start_tls(&mut self, greeting: Greeting, offers: &Capabilities) -> Result<(), Ended> {
        if greeting == Greeting::User {
            return Err(broken("the server greets with PREAUTH, which leaves no room for STARTTLS"));
        }
        if !offers.have("STARTTLS") {
            return Err(broken("STARTTLS is not offered"));
        }
        self.command("STARTTLS").await?;
        self.session.secure().await
    }

    async fn log_in(&mut self, who: &Credentials, password: &Secret, offers: &Capabilities) -> Result<(), Ended> {
        if offers.have("AUTH=PLAIN") {
            self.authenticate(&who.plain(password), offers).await
        } else if offers.have("LOGINDISABLED") {
            Err(broken("neither AUTH=PLAIN nor LOGIN is offered behind TLS"))
        } else {
            self.login(who.user(), password).await
        }
    }

    /// AUTHENTICATE PLAIN, with the message at once where that is understood (RFC 4959).
    async fn authenticate(&mut self, message: &Secret, offers: &Capabilities) -> Result<(), Ended> {
        const NAME: &str = "AUTHENTICATE";
        let tag = self.tag();
        if offers.have("SASL-IR") {
            self.session.wire.say_secret(&format!("{tag} {NAME} PLAIN "), message, &reply_to(NAME)).await?;
        } else {
            self.session.wire.say(&format!("{tag} {NAME} PLAIN"), &reply_to(NAME)).await?;
            self.invitation(&tag, NAME).await?;
            self.session.wire.say_secret("", message, &reply_to(NAME)).await?;
        }
        self.end(&tag, NAME).await.map(drop)
    }

    /// LOGIN, with literals where a quoted string cannot hold what is said.
    async fn login(&mut self, user: &str, password: &Secret) -> Result<(), Ended> {
        const NAME: &str = "LOGIN";
        let tag = self.tag();
        match (quoted(user.as_bytes()), quoted(password.reveal())) {
            (Some(user), Some(password)) => {
                let user = String::from_utf8_lossy(&user).into_owned();
                self.session
                    .wire
                    .say_secret(&format!("{tag} {NAME} {user} "), &Secret::new(password), &reply_to(NAME))
                    .await?;
            }
            _ => {
                self.session.wire.say(&format!("{tag} {NAME} {{{}}}", user.len()), &reply_to(NAME)).await?;
                self.invitation(&tag, NAME).await?;
                self.session.wire.say(&format!("{user} {{{}}}", password.reveal().len()), &reply_to(NAME)).await?;
                self.invitation(&tag, NAME).await?;
                self.session.wire.say_secret("", password, &reply_to(NAME)).await?;
            }
        }
        self.end(&tag, NAME).await.map(drop)
    }

    /// Opens a mailbox for reading: nothing in it changes.
    async fn examine(&mut self, mailbox: &str) -> Result<(), Ended> {
        let quoted = quoted(mailbox.as_bytes())
            .ok_or_else(|| Outcome::Inconclusive("the mailbox cannot be named in a quoted string".to_owned()))?;
        self.command(&format!("EXAMINE {}", String::from_utf8_lossy(&quoted))).await.map(drop)
    }

    /// Sends `command`; says what data came until it ended well.
    async fn command(&mut self, command: &str) -> Result<Vec<String>, Ended> {
        let name = command.split(' ').next().unwrap_or(command);
        let tag = self.tag();
        self.session.wire.say(&format!("{tag} {command}"), &reply_to(name)).await?;
        self.end(&tag, name).await
    }

    async fn end(&mut self, tag: &str, name: &str) -> Result<Vec<String>, Ended> {
        let mut data = Vec::new();
        for _ in 0..REPLY_LINES {
            match Response::read(&mut self.session.wire, tag, &reply_to(name)).await? {
                Response::Tagged(status) => return status.expect_ok(name).map(|()| data),
                Response::Data(text) => data.push(text),
                Response::Untagged(status) => unless_bye(&status)?,
                Response::Continue => return Err(broken(format!("the server waits for more of {name}"))),
            }
        }
        Err(broken(format!("{} has more than {REPLY_LINES} responses", reply_to(name))))
    }

    /// Waits until the rest of a command may be sent.
    async fn invitation(&mut self, tag: &str, name: &str) -> Result<(), Ended> {
        for _ in 0..REPLY_LINES {
            match Response::read(&mut self.session.wire, tag, &reply_to(name)).await? {
                Response::Continue => return Ok(()),
                Response::Tagged(status) => {
                    return status.expect_ok(name).and_then(|()| Err(broken(format!("{name} ended before its end"))));
                }
                Response::Data(_) => {}
                Response::Untagged(status) => unless_bye(&status)?,
            }
        }
        Err(broken(format!("{} has more than {REPLY_LINES} responses", reply_to(name))))
    }

    fn tag(&mut self) -> String {
        self.commands += 1;
        format!("a{}", self.commands)
    }
}

fn reply_to(name: &str) -> String {
    format!("the reply to {name}")
}

fn unless_bye(status: &Status) -> Result<(), Ended> {
    match status.condition {
        Condition::Bye => Err(broken(format!("{} (the server hangs up)", status.text))),
        _ => Ok(()),
    }
}

/// `octets` as a quoted string (RFC 9051 section 4.3), if it can hold them.
fn quoted(octets: &[u8]) -> Option<Vec<u8>> {
    let mut quoted = vec![b'"'];
    for octet in octets {
        match octet {
            b'"' | b'\\' => quoted.extend([b'\\', *octet]),
            b' '..=b'~' => quoted.push(*octet),
            _ => return None,
        }
    }
    quoted.push(b'"');
    Some(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_hold_what_they_can() {
        assert_eq!(quoted(b"a \"b\\").as_deref(), Some(&b"\"a \\\"b\\\\\""[..]));
        assert_eq!(quoted(b""), Some(b"\"\"".to_vec()));
        assert_eq!(quoted("w\u{f6}rd".as_bytes()), None);
        assert_eq!(quoted(b"a\r\nb"), None);
    }
}
