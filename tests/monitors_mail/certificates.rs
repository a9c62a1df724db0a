//! Certificates of an authority of the tests' own: a good one, one for another name, one that has expired.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// The name that the probes look for.
pub const HOST: &str = "mx.example.org";

/// Writes into `directory` the authority as `ca.pem`, and `good.pem`, `other.pem` and `expired.pem` with key and chain.
pub fn write(directory: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut authority = params("Authority of a test", Vec::new(), -100, 100);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(directory.join("ca.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    for (file, name, begin, end) in
        [("good", HOST, -1, 90), ("other", "mail.example.net", -1, 90), ("expired", HOST, -90, -3)]
    {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, vec![name.to_owned()], begin, end).signed_by(&key, &issuer).unwrap();
        let path = directory.join(format!("{file}.pem"));
        fs::write(&path, key.serialize_pem() + &certificate.pem()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A certificate that begins and ends so many days from now.
fn params(common_name: &str, names: Vec<String>, begin: i64, end: i64) -> CertificateParams {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let moment = |days: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(now.saturating_add_signed(days * 86_400));
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    params.not_before = moment(begin);
    params.not_after = moment(end);
    params
}
