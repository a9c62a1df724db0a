//! Mail, handed to a relay.

use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use sha2::{Digest, Sha256};

use super::Secret;
use super::bounds::DELIVERY;
use super::wire::Failure;
use crate::model::{MailTls, MailWay};
use crate::plan::notification::{Notification, Phase};

pub(super) async fn deliver(way: &MailWay, secret: Option<&Secret>, told: &Notification) -> Result<(), Failure> {
    let message =
        message(way, told).map_err(|error| Failure::hopeless(format!("no mail can be made of it: {error}")))?;
    let parameters = || {
        TlsParameters::new(way.host.clone()).map_err(|error| Failure::passing(format!("TLS to {}: {error}", way.host)))
    };
    let tls = match way.tls {
        MailTls::None => Tls::None,
        MailTls::StartTls => Tls::Required(parameters()?),
        MailTls::Implicit => Tls::Wrapper(parameters()?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&way.host)
        .port(way.port)
        .tls(tls)
        .timeout(Some(DELIVERY));
    if let (Some(login), Some(secret)) = (&way.login, secret) {
        builder = builder.credentials(Credentials::new(login.user.clone(), secret.reveal().to_owned()));
    }
    let sent = builder.build().send(message).await;
    // What a relay refuses for good may be right again when somebody has mended the relay.
    sent.map(drop).map_err(|error| Failure::passing(format!("the relay {}: {error}", way.host)))
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
    use super::*;
    use crate::plan::notification::trial;

    #[test]
    fn a_mail_has_an_id_that_lasts_and_headers_of_its_own_only() {
        let way = MailWay {
            host: "mail.example.org".into(),
            port: 25,
            tls: MailTls::None,
            from: "waypost@example.org".into(),
            to: vec!["a@example.org".into(), "b@example.org".into()],
            login: None,
        };
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
