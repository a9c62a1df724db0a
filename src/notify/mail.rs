//! Mail, handed to a relay.

use std::time::Duration;

use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::{Error, response::Response};
use lettre::{Address, Message};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tracing::warn;

use super::Secret;
use super::bounds::DELIVERY;
use super::wire::Failure;
use crate::model::{MailTls, MailWay};
use crate::plan::notification::{Notification, Phase};

/// How long a relay that has taken a mail may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Hands a mail to the relay, for all whom it takes it for: one who moved away keeps nobody else from hearing.
pub(super) async fn deliver(way: &MailWay, secret: Option<&Secret>, told: &Notification) -> Result<(), Failure> {
    let message =
        message(way, told).map_err(|error| Failure::hopeless(format!("no mail can be made of it: {error}")))?;
    let mut relay = connect(way, secret).await?;
    let envelope = message.envelope();
    let addresses = envelope.to().iter().chain(envelope.from());
    let is_plain = addresses.map(AsRef::<str>::as_ref).all(str::is_ascii);
    if !is_plain && !relay.server_info().supports_feature(Extension::SmtpUtfEight) {
        return Err(Failure::passing(format!("the relay {} takes addresses in ASCII only", way.host)));
    }
    let parameters = if is_plain { Vec::new() } else { vec![MailParameter::SmtpUtfEight] };
    relay.command(Mail::new(envelope.from().cloned(), parameters)).await.map_err(|error| passing(way, &error))?;
    let mut refused = Vec::new();
    for to in envelope.to() {
        match relay.command(Rcpt::new(to.clone(), Vec::new())).await {
            Ok(_) => {}
            Err(error) if error.is_permanent() || error.is_transient() => refused.push((to, error)),
            Err(error) => return Err(passing(way, &error)),
        }
    }
    if refused.len() >= envelope.to().len() {
        // It may be right again when somebody has mended the relay; all that waits would be refused alike.
        let why = refused.first().map_or_else(String::new, |(to, error)| format!("{to}: {error}"));
        return Err(Failure::passing(format!("the relay {} takes no mail for {why}", way.host)));
    }
    hand_over(&mut relay, &message).await.map_err(|error| match error.is_permanent() {
        true => Failure::hopeless(format!("the relay {} refuses the mail: {error}", way.host)),
        false => passing(way, &error),
    })?;
    for (to, error) in refused {
        warn!(relay = way.host, %to, %error, "the relay takes no mail for one of those who are told; the others have it");
    }
    // It has the mail, whatever it says now.
    let _goodbye = timeout(FAREWELL, relay.quit()).await;
    Ok(())
}

/// A connection to the relay as the target declares it, logged in where it says so.
async fn connect(way: &MailWay, secret: Option<&Secret>) -> Result<AsyncSmtpConnection, Failure> {
    let parameters = || {
        TlsParameters::new(way.host.clone()).map_err(|error| Failure::passing(format!("TLS to {}: {error}", way.host)))
    };
    let hello = ClientId::default();
    let implicit = if way.tls == MailTls::Implicit { Some(parameters()?) } else { None };
    let server = (way.host.as_str(), way.port);
    let connected = AsyncSmtpConnection::connect_tokio1(server, Some(DELIVERY), &hello, implicit, None).await;
    let mut relay = connected.map_err(|error| passing(way, &error))?;
    if way.tls == MailTls::StartTls {
        relay.starttls(parameters()?, &hello).await.map_err(|error| passing(way, &error))?;
    }
    if let (Some(login), Some(secret)) = (&way.login, secret) {
        let credentials = Credentials::new(login.user.clone(), secret.reveal().to_owned());
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        relay.auth(&mechanisms, &credentials).await.map_err(|error| passing(way, &error))?;
    }
    Ok(relay)
}

async fn hand_over(relay: &mut AsyncSmtpConnection, message: &Message) -> Result<Response, Error> {
    relay.command(Data).await?;
    relay.message(&message.formatted()).await
}

fn passing(way: &MailWay, error: &Error) -> Failure {
    Failure::passing(format!("the relay {}: {error}", way.host))
}

fn message(way: &MailWay, told: &Notification) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
    let mut builder = Message::builder().from(mailbox(&way.from)?);
    for to in &way.to {
        builder = builder.to(mailbox(to)?);
    }
    let domain = way.from.rsplit_once('@').map_or("waypost.invalid", |(_, domain)| domain);
    let id = |text: &str| {
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
        format!("<{digest}@{domain}>")
    };
    let state = if told.phase == Phase::Closes { "over" } else { told.severity.as_str() };
    let body = format!(
        "{}\r\n\r\n{}{}: {}\r\nnode: {}\r\ntime: {}\r\nkey: {}\r\n",
        told.title,
        if told.text.is_empty() { String::new() } else { format!("{}\r\n\r\n", told.text) },
        told.subject.as_str(),
        told.phase.as_str(),
        told.node,
        told.time,
        told.key,
    );
    let message = builder
        // The same for each delivery, and one thread for each thing.
        .message_id(Some(id(&told.id)))
        .references(id(&told.key))
        .subject(format!("[waypost] {state}: {}", told.title))
        .header(AutoSubmitted)
        .header(header::ContentType::TEXT_PLAIN)
        .body(body)?;
    Ok(message)
}

fn mailbox(address: &str) -> Result<Mailbox, lettre::address::AddressError> {
    Ok(Mailbox::new(None, address.parse::<Address>()?))
}

/// No vacation notice shall answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::super::wire::Outlook;
    use super::*;
    use crate::plan::notification::trial;

    fn way() -> MailWay {
        MailWay {
            host: "mail.example.org".into(),
            port: 25,
            tls: MailTls::None,
            from: "waypost@example.org".into(),
            to: vec!["a@example.org".into(), "b@example.org".into()],
            login: None,
        }
    }

    /// A relay that takes no mail for `b@example.org` and says `last` to each mail; the recipients of those that it took.
    async fn relay(last: &'static str) -> (MailWay, mpsc::UnboundedReceiver<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = MailWay { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port(), ..way() };
        let (tell, taken) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufStream::new(stream);
                let mut to = Vec::new();
                let mut answer = "220 relay".to_owned();
                loop {
                    stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                    let mut line = String::new();
                    if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                        break;
                    }
                    answer = match line.trim() {
                        "DATA" => {
                            stream.write_all(b"354 go on\r\n").await.unwrap();
                            stream.flush().await.unwrap();
                            while line != ".\r\n" {
                                line.clear();
                                stream.read_line(&mut line).await.unwrap();
                            }
                            if last.starts_with('2') {
                                tell.send(std::mem::take(&mut to)).unwrap();
                            }
                            last.to_owned()
                        }
                        line if line.contains("<b@") => "550 moved away".to_owned(),
                        line if line.starts_with("RCPT") => {
                            to.push(line.to_owned());
                            "250 ok".to_owned()
                        }
                        _ => "250 ok".to_owned(),
                    };
                }
            }
        });
        (way, taken)
    }

    #[tokio::test]
    async fn one_whom_the_relay_refuses_keeps_no_other_from_hearing() {
        let (way, mut taken) = relay("250 taken").await;
        let told = trial("ns1", "test", jiff::Timestamp::UNIX_EPOCH);
        deliver(&way, None, &told).await.unwrap();
        assert_eq!(taken.recv().await.unwrap(), ["RCPT TO:<a@example.org>"]);
        let alone = MailWay { to: vec!["b@example.org".into()], ..way };
        let failure = deliver(&alone, None, &told).await.unwrap_err();
        assert_eq!(failure.outlook, Outlook::TryAgain);
        assert!(failure.reason.contains("takes no mail for b@example.org"), "{}", failure.reason);
    }

    #[tokio::test]
    async fn a_mail_that_is_refused_for_good_is_not_tried_again() {
        let told = trial("ns1", "test", jiff::Timestamp::UNIX_EPOCH);
        for (last, outlook) in [("554 looks like spam", Outlook::Hopeless), ("452 no room", Outlook::TryAgain)] {
            let (way, _taken) = relay(last).await;
            assert_eq!(deliver(&way, None, &told).await.unwrap_err().outlook, outlook, "{last}");
        }
    }

    #[test]
    fn a_mail_has_an_id_that_lasts_and_headers_of_its_own_only() {
        let way = way();
        let told = trial("ns1", "zoë", "2026-05-01T12:00:00Z".parse().unwrap());
        let text = || String::from_utf8(message(&way, &told).unwrap().formatted()).unwrap();
        let line = |start: &str| text().lines().find(|line| line.starts_with(start)).map(str::to_owned);
        assert_eq!(line("Message-ID: "), line("Message-ID: "));
        assert!(line("Message-ID: ").unwrap().ends_with("@example.org>"));
        assert_eq!(line("To: ").as_deref(), Some("To: a@example.org, b@example.org"));
        assert_eq!(line("Auto-Submitted: ").as_deref(), Some("Auto-Submitted: auto-generated"));
        assert!(line("Subject: ").unwrap().is_ascii(), "{:?}", line("Subject: "));
    }
}
