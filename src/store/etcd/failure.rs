//! Why a member did not do what it was asked to, and what that says of the request.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, Error as TlsError};

use super::bounds::SAID;
use super::wire::{Damaged, Fault, Ground};

/// A request that one member did not answer, or could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What the member said, or what was seen of it, in one line.
    pub(super) said: String,
    pub(super) outcome: Outcome,
    pub(super) cause: Cause,
}

/// What became of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was surely not done.
    NotDone,
    /// It may have been done, or may be yet.
    Unsure,
}

/// What has to change for it to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The member wants a token that it knows.
    Login,
    /// Certificate, user or permissions: an operator's work.
    Access,
    /// Members elect a leader, which is a matter of moments.
    Election,
    /// The member, or the network to it.
    Member,
}

impl Failure {
    pub(super) fn new(said: &str, outcome: Outcome, cause: Cause) -> Self {
        Self { said: one_line(said), outcome, cause }
    }

    /// No reply within the time that a request has.
    pub(super) fn timed_out() -> Self {
        Self::new("no answer in time", Outcome::Unsure, Cause::Member)
    }

    /// From what the HTTP client says: the cause at the end of its chain decides.
    pub(super) fn of_http(error: &reqwest::Error) -> Self {
        // Nothing of a request is sent before there is a connection.
        let outcome = if error.is_connect() { Outcome::NotDone } else { Outcome::Unsure };
        let mut current: Option<&(dyn Error + 'static)> = Some(error);
        let mut last = String::new();
        while let Some(cause) = current {
            if let Some(tls) = of_tls(cause) {
                return match refused(tls) {
                    // The handshake of TLS 1.3 is over for us before a member has seen our certificate; what was sent
                    // behind it is not looked at.
                    true => Self::new(&format!("TLS: {tls}"), Outcome::NotDone, Cause::Access),
                    false => Self::new(&format!("TLS: {tls}"), outcome, Cause::Member),
                };
            }
            last = cause.to_string();
            current = cause.source();
        }
        if error.is_timeout() {
            Self { outcome, ..Self::timed_out() }
        } else {
            Self::new(&last, outcome, Cause::Member)
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let (outcome, cause) = match fault.ground() {
            Ground::Login => (Outcome::NotDone, Cause::Login),
            Ground::Denied => (Outcome::NotDone, Cause::Access),
            Ground::NoLeader => (Outcome::NotDone, Cause::Election),
            Ground::Refused => (Outcome::NotDone, Cause::Member),
            Ground::Unsettled => (Outcome::Unsure, Cause::Election),
            Ground::Unknown => (Outcome::Unsure, Cause::Member),
        };
        Self::new(&fault.message, outcome, cause)
    }
}

impl From<Damaged> for Failure {
    fn from(damaged: Damaged) -> Self {
        Self::new(&damaged.to_string(), Outcome::Unsure, Cause::Member)
    }
}

/// What TLS says, which comes wrapped in an I/O error, or in several.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    let mut current = error.downcast_ref::<io::Error>()?.get_ref()?;
    loop {
        if let Some(tls) = current.downcast_ref() {
            return Some(tls);
        }
        current = current.downcast_ref::<io::Error>()?.get_ref()?;
    }
}

/// Whether one side does not take the other's certificate.
fn refused(error: &TlsError) -> bool {
    use AlertDescription as Alert;
    match error {
        TlsError::InvalidCertificate(_) => true,
        TlsError::AlertReceived(alert) => matches!(
            alert,
            Alert::AccessDenied
                | Alert::BadCertificate
                | Alert::CertificateExpired
                | Alert::CertificateRequired
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::NoCertificate
                | Alert::UnknownCA
                | Alert::UnsupportedCertificate
        ),
        _ => false,
    }
}

/// The beginning of `text`, fit for a line of a log.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(SAID) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_said_is_one_line_of_bounded_length() {
        assert_eq!(one_line("404 page\r\n not\0found \n"), "404 page not found");
        assert_eq!(one_line(&"é".repeat(1000)).chars().count(), SAID + 1);
    }

    #[test]
    fn a_refused_certificate_is_found_however_deep() {
        let tls = TlsError::AlertReceived(AlertDescription::BadCertificate);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert!(refused(of_tls(&wrapped).unwrap()));
        assert!(of_tls(&io::Error::from(io::ErrorKind::ConnectionReset)).is_none());
        assert!(!refused(&TlsError::AlertReceived(AlertDescription::InternalError)));
    }
}
