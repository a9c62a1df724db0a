//! Sessions: a connection to a mail server, and whether it is secured.

use tokio::time::{Instant, timeout_at};

use crate::health::{FailureKind, Outcome};
use crate::model::TlsMode;
use crate::probe::check::{Notes, Place};
use crate::probe::password::Credentials;
use crate::probe::secret::Secret;
use crate::probe::tcp;
use crate::probe::tls::{Peer, TlsClient, Trouble, TrustStore};
use crate::probe::wire::{Ended, Wire, broken};

/// A connection to a mail server.
pub(super) struct Session<'a> {
    pub(super) wire: Wire<'a>,
    tls: &'a TlsClient,
    trust: &'a TrustStore,
    deadline: Instant,
    channel: Channel,
}

/// What a connection keeps from others.
enum Channel {
    /// Nothing.
    Plain,
    /// All that is said to `peer`, whose certificate may be in trouble.
    Secured { peer: Peer, trouble: Option<Trouble> },
}

impl<'a> Session<'a> {
    /// Connects, and secures the connection where TLS is spoken from the first octet.
    pub(super) async fn open(place: Place<'a>, tls: &'a TlsClient, notes: &'a mut Notes) -> Result<Self, Ended> {
        let stream = tcp::connect(place.address, place.deadline).await?;
        notes.connected = Some(place.start.elapsed());
        let Place { deadline, trust, .. } = place;
        let wire = Wire::new(stream, deadline, &mut notes.transcript);
        let mut session = Self { wire, tls, trust, deadline, channel: Channel::Plain };
        if tls.mode() == TlsMode::Implicit {
            session.secure().await?;
        }
        Ok(session)
    }

    /// Whether the server must still be asked to secure the connection.
    pub(super) fn wants_starttls(&self) -> bool {
        self.tls.mode() == TlsMode::Starttls && !self.is_secured()
    }

    pub(super) fn is_secured(&self) -> bool {
        matches!(self.channel, Channel::Secured { .. })
    }

    /// Secures the connection; what was said before counts no more.
    pub(super) async fn secure(&mut self) -> Result<(), Ended> {
        let Some(plain) = self.wire.take_stream() else {
            return Err(broken("the server speaks before the TLS handshake"));
        };
        let handshake = self.tls.prepare(self.trust, self.deadline).await?;
        let connector = tokio_rustls::TlsConnector::from(handshake.config.clone());
        let secured = match timeout_at(self.deadline, connector.connect(handshake.name.clone(), plain)).await {
            Err(_) => return Err(Outcome::failed(FailureKind::Timeout, "timed out in the TLS handshake")),
            Ok(Err(error)) => {
                return Err(Outcome::failed(FailureKind::Tls, format!("TLS handshake failed: {error}")));
            }
            Ok(Ok(secured)) => secured,
        };
        let version = secured.get_ref().1.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
        self.wire.note(&format!("{version} established"));
        self.channel = Channel::Secured { peer: handshake.peer(), trouble: handshake.trouble() };
        self.wire.put_stream(secured);
        Ok(())
    }

    /// The password of `credentials`, to be sent over this connection; `None` where whoever is at the other end may be
    /// somebody else. Then the certificate is the trouble, and the login is left out.
    pub(super) async fn password(&mut self, credentials: &Credentials) -> Result<Option<Secret>, Ended> {
        match &self.channel {
            Channel::Plain => return Err(Outcome::Inconclusive("no password is sent without TLS".to_owned())),
            Channel::Secured { peer: Peer::Doubtful, .. } => {
                self.wire.note("no login: the certificate does not show who would get the password");
                return Ok(None);
            }
            Channel::Secured { peer: Peer::Trusted, .. } => {}
        }
        let password = credentials.password(self.deadline).await?;
        self.wire.cover(&password);
        self.wire.cover(&credentials.plain(&password));
        Ok(Some(password))
    }

    /// Takes leave after `result`; says what the whole session came to.
    pub(super) fn close(self, result: Result<(), Ended>, farewell: &'static str) -> Outcome {
        use FailureKind::{Reset, Timeout, Tls};
        // Where the connection is broken there is nobody left to say goodbye to.
        if !matches!(&result, Err(Outcome::Failed { kind: Reset | Timeout | Tls, .. })) {
            self.wire.farewell(farewell);
        }
        match (result, self.channel) {
            (Err(ended), _) => ended,
            (Ok(()), Channel::Secured { trouble: Some(trouble), .. }) => trouble.outcome(),
            (Ok(()), _) => Outcome::Ok,
        }
    }
}
