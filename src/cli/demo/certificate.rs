//! Certificates for the SMTP sites: a certification authority that lives as long as the demo.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::bounds::CERTIFICATE_DAYS;

/// The demo's own certification authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    validity: Validity,
}

/// A certificate with its private key, both PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its PKCS #8 key.
    pub key: String,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("no certificate could be made: {0}")]
pub struct CertificateError(String);

impl From<rcgen::Error> for CertificateError {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<jiff::Error> for CertificateError {
    fn from(error: jiff::Error) -> Self {
        Self(error.to_string())
    }
}

impl Authority {
    /// A new authority with a fresh key, whose certificates are valid from a day before `now`.
    ///
    /// # Errors
    /// If no key can be made or `now` lies beyond what a certificate can say.
    pub fn new(now: Timestamp) -> Result<Self, CertificateError> {
        let validity = Validity::around(now)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Waypost demo");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity.apply(&mut params)?;
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?, validity })
    }

    /// The authority's own certificate in PEM: the trust anchor for a monitor's `ca`.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for the host called `host`.
    ///
    /// # Errors
    /// If `host` is not a host name or no key can be made.
    pub fn issue(&self, host: &str) -> Result<Identity, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.validity.apply(&mut params)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

#[derive(Clone, Copy)]
struct Validity {
    first: Date,
    last: Date,
}

impl Validity {
    fn around(now: Timestamp) -> Result<Self, CertificateError> {
        let today = TimeZone::UTC.to_datetime(now).date();
        Ok(Self { first: today.checked_sub(1.day())?, last: today.checked_add(CERTIFICATE_DAYS.days())? })
    }

    fn apply(self, params: &mut CertificateParams) -> Result<(), CertificateError> {
        let moment = |date: Date| -> Result<_, CertificateError> {
            let part = |value: i8| u8::try_from(value).map_err(|error| CertificateError(error.to_string()));
            Ok(date_time_ymd(i32::from(date.year()), part(date.month())?, part(date.day())?))
        };
        params.not_before = moment(self.first)?;
        params.not_after = moment(self.last)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use std::sync::Arc;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    #[tokio::test]
    async fn a_client_that_trusts_the_authority_trusts_a_site_under_its_own_name_only() {
        let authority = Authority::new(Timestamp::now()).unwrap();
        let identity = authority.issue("mx-fra.example.org").unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
            )
            .unwrap();
        let (acceptor, connector) = (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)));
        for (name, trusted) in [("mx-fra.example.org", true), ("mx-iad.example.org", false)] {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let (_, outcome) =
                tokio::join!(acceptor.accept(theirs), connector.connect(ServerName::try_from(name).unwrap(), ours));
            assert_eq!(outcome.is_ok(), trusted, "{name}");
        }
    }
}
