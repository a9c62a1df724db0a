//! An authority and what it signs: certificates that are good, over, ending, and for somebody else.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use crate::scene::Scene;

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Files in PEM.
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// An authority that calls itself `name`.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        valid(&mut params, -400, 400);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// The authority's own certificate, in a file that everybody may read.
    pub fn anchor(&self, scene: &Scene, name: &str) -> PathBuf {
        scene.file(&format!("{name}.pem"), &self.issuer.pem())
    }

    /// A certificate for `host`, valid from day `begin` to day `end` from now.
    pub fn issue(&self, scene: &Scene, name: &str, host: &str, begin: i64, end: i64) -> Files {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        valid(&mut params, begin, end);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Files {
            certificate: scene.file(&format!("{name}.crt"), &certificate.pem()),
            key: scene.file(&format!("{name}.key"), &key.serialize_pem()),
        }
    }
}

fn valid(params: &mut CertificateParams, begin: i64, end: i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let moment = |days: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(now.saturating_add_signed(days * 86_400));
    (params.not_before, params.not_after) = (moment(begin), moment(end));
}
