//! A certification authority of a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// The files of a certificate.
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new(directory: &Path, file: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, file);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(directory.join(file), issuer.pem()).unwrap();
        Self(issuer)
    }

    /// A certificate for `names`, that ends so long after now or ended before.
    pub fn issue(&self, directory: &Path, file: &str, names: &[&str], ends: End) -> Pair {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let now = SystemTime::now();
        params.not_before = (now - Duration::from_secs(86_400)).into();
        params.not_after = match ends {
            End::Later => now + Duration::from_secs(90 * 86_400),
            End::Past => now - Duration::from_secs(3_600),
        }
        .into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let pair = Pair { cert: directory.join(format!("{file}.pem")), key: directory.join(format!("{file}-key.pem")) };
        // In one step, as who renews certificates should.
        for (path, text) in [(&pair.cert, certificate.pem()), (&pair.key, key.serialize_pem())] {
            fs::write(path.with_extension("new"), text).unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }
        pair
    }
}

#[derive(Clone, Copy)]
pub enum End {
    Later,
    Past,
}
