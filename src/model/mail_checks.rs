//! Mail checks: what monitors ask of the servers that people's mail programs, and mail servers behind them, talk to.

use std::path::PathBuf;

use super::TlsPolicy;

/// What a submission monitor asks of a server (RFC 6409, RFC 8314).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmissionCheck {
    /// What the probe calls itself in EHLO.
    pub helo: String,
    /// Whether and how TLS is used.
    pub tls: TlsPolicy,
    /// Logs in with AUTH PLAIN; never without TLS.
    pub login: Option<Login>,
}

/// What an LMTP monitor asks of a server (RFC 2033).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LmtpCheck {
    /// What the probe calls itself in LHLO.
    pub helo: String,
    /// Whether TLS is used; `Implicit` does not occur.
    pub tls: TlsPolicy,
    /// Sends MAIL FROM:<> and RCPT TO this mailbox, then RSET; no message is sent.
    pub recipient: Option<String>,
}

/// What an IMAP monitor asks of a server (RFC 9051, RFC 3501).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapCheck {
    /// Whether and how TLS is used.
    pub tls: TlsPolicy,
    /// Whether it goes in, and how far.
    pub visit: Option<ImapVisit>,
}

/// An IMAP session of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapVisit {
    /// Who logs in; never without TLS.
    pub login: Login,
    /// The mailbox that is opened for reading, by its name on the wire, as in `INBOX`.
    pub mailbox: Option<String>,
}

/// What a POP3 monitor asks of a server (RFC 1939).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop3Check {
    /// Whether and how TLS is used.
    pub tls: TlsPolicy,
    /// Logs in and asks for the size of the maildrop; never without TLS.
    pub login: Option<Login>,
}

/// Who a probe is to a mail server. The password is read for each probe, so that a renewed one needs no reload, and
/// stays out of this model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's name, without control characters.
    pub user: String,
    /// A file whose one line is the password.
    pub password_file: PathBuf,
}
