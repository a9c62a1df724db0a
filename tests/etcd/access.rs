//! Broken here, and a node would lose the store when its token expires, or show its password.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use waypost::model::{ClientIdentity, EtcdSettings, StoreLogin};
use waypost::store::StoreError;
use waypost::store::etcd::Etcd;

use crate::follow::Followed;
use crate::member::{Certificates, Cluster};
use crate::{bounded, eventually, put};

/// An authority with certificates for members at 127.0.*.1 to 3 and for a client, in `directory`.
fn certificates(directory: &Path) -> Certificates {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "authority of the test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let write = |name: &str, text: String| -> PathBuf {
        let file = directory.join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let issue = |name: &str, hosts: Vec<String>, uses: &[ExtendedKeyUsagePurpose]| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = uses.to_vec();
        let cert = params.signed_by(&key, &authority).unwrap();
        (write(&format!("{name}.pem"), cert.pem()), write(&format!("{name}.key"), key.serialize_pem()))
    };
    let hosts = (64..192).flat_map(|third| (1..=3).map(move |last| format!("127.0.{third}.{last}"))).collect();
    Certificates {
        ca: write("ca.pem", authority.pem()),
        member: issue("member", hosts, &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]),
        client: issue("client", Vec::new(), &[ExtendedKeyUsagePurpose::ClientAuth]),
    }
}

fn identity((cert, key): &(PathBuf, PathBuf)) -> Option<ClientIdentity> {
    Some(ClientIdentity { cert: cert.clone(), key: key.clone() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_let_in_whom_the_members_know_and_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let files = certificates(directory.path());
    let client = identity(&files.client);
    let mut cluster = Cluster::start_with(3, &[], Some(files));
    let known = EtcdSettings { identity: client.clone(), ..cluster.settings() };
    let etcd = Etcd::new(&known).unwrap();
    put(&etcd, "orders", b"1").await;
    let mut followed = Followed::new(etcd.watch(""));
    followed.until("orders", |followed| followed.value("orders").as_deref() == Some("1")).await;
    cluster.kill(0);
    put(&etcd, "orders", b"2").await;
    followed.until("the change", |followed| followed.value("orders").as_deref() == Some("2")).await;
    cluster.restart(0);
    cluster.await_health();

    let detail = refusal(&cluster.settings()).await;
    assert!(detail.contains("ertificate"), "without a certificate: {detail}");

    let elsewhere = tempfile::tempdir().unwrap();
    let other = certificates(elsewhere.path());
    let detail = refusal(&EtcdSettings { identity: identity(&other.client), ..known.clone() }).await;
    assert!(detail.contains("ertificate") || detail.contains("UnknownCA"), "with another authority's: {detail}");

    let detail = refusal(&EtcdSettings { ca: Some(other.ca), ..known }).await;
    assert!(detail.contains("invalid peer certificate"), "members of another authority: {detail}");
}

/// Why a member does not let a client in, as soon as one says so: one that closes the connection may be heard before it said
/// why, and a busy one not in time.
async fn refusal(settings: &EtcdSettings) -> String {
    let etcd = Etcd::new(settings).unwrap();
    let said = eventually("the refusal", async || match bounded(etcd.get("orders")).await {
        Err(StoreError::Unauthorised { detail }) => Some(detail),
        Err(StoreError::Unreachable { .. }) => None,
        other => panic!("{other:?}"),
    });
    said.await
}

/// A cluster in which `node` may do everything below the test's prefix, with tokens that live for a second.
fn with_users(members: usize) -> Cluster {
    let cluster = Cluster::start_with(members, &["--auth-token-ttl", "1"], None);
    for arguments in [
        &["user", "add", "root:for-root"][..],
        &["user", "add", "node:correct horse"],
        &["user", "grant-role", "root", "root"],
        &["role", "add", "nodes"],
        &["role", "grant-permission", "nodes", "--prefix=true", "readwrite", "/waypost/test/v1/"],
        &["user", "grant-role", "node", "nodes"],
        &["auth", "enable"],
    ] {
        cluster.etcdctl(arguments);
    }
    cluster
}

fn login(directory: &TempDir, password: &str) -> Option<StoreLogin> {
    let password_file = directory.path().join(password);
    fs::write(&password_file, format!("{password}\n")).unwrap();
    fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600)).unwrap();
    Some(StoreLogin { user: "node".into(), password_file })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_renewed_when_they_expire_and_when_a_member_forgot_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut cluster = with_users(1);
    let etcd = Etcd::new(&EtcdSettings { login: login(&directory, "correct horse"), ..cluster.settings() }).unwrap();
    put(&etcd, "orders", b"1").await;
    let mut followed = Followed::new(etcd.watch(""));
    followed.until("orders", |followed| followed.value("orders").as_deref() == Some("1")).await;
    let failures = etcd.counts().failures;
    tokio::time::sleep(Duration::from_secs(4)).await;
    etcd.swap("orders", None, b"x").await.expect("a swap that was not done is tried again");
    assert!(etcd.counts().failures > failures, "the token should have expired");
    put(&etcd, "orders", b"2").await;
    followed.until("the change", |followed| followed.value("orders").as_deref() == Some("2")).await;

    cluster.kill(0);
    cluster.restart(0);
    put(&etcd, "orders", b"3").await;
    followed.until("the change", |followed| followed.value("orders").as_deref() == Some("3")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_is_told_so_without_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = with_users(3);
    let refused = async |settings: EtcdSettings| {
        let (shown, detail) = (format!("{:?}", Etcd::new(&settings).unwrap()), refusal(&settings).await);
        assert!(!detail.contains("battery") && !shown.contains("battery"), "{detail} {shown}");
        detail
    };
    let wrong = login(&directory, "battery staple");
    let detail = refused(EtcdSettings { login: wrong, ..cluster.settings() }).await;
    assert!(detail.contains("user 'node'") && detail.contains("authentication failed"), "{detail}");
    let detail = refused(cluster.settings()).await;
    assert!(detail.contains("user name is empty"), "{detail}");
    let right = login(&directory, "correct horse");
    let detail = refused(EtcdSettings { login: right.clone(), prefix: "/other".into(), ..cluster.settings() }).await;
    assert!(detail.contains("permission denied"), "{detail}");

    // Members that ask for no user are not told one.
    let open = Cluster::start(1);
    let etcd = Etcd::new(&EtcdSettings { login: right, ..open.settings() }).unwrap();
    put(&etcd, "orders", b"1").await;
    assert_eq!(etcd.counts().failures, 0);
}
