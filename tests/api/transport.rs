//! Broken here, and passwords cross the network in the clear, or a stranger's certificate orders a drain.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::authority::{Authority, End, Pair};
use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// A node that speaks TLS and knows `deploy.example.org` as operator for fra, `eye.example.org` as viewer.
fn secured(directory: &Path) -> (Scene, Authority, Authority) {
    let (servers, clients) = (Authority::new(directory, "servers.pem"), Authority::new(directory, "clients.pem"));
    servers.issue(directory, "node", &["127.0.0.1", "ns1.example.org"], End::Later);
    let at = directory.display();
    let scene = Scene::with(|text| {
        let tls = format!(
            "[admin]\ncertificate = \"{at}/node.pem\"\nkey = \"{at}/node-key.pem\"\nclient_ca = \"{at}/clients.pem\"\n\
             names = [\"ns1.example.org\"]\n"
        );
        let clients = "\n[[admin.client]]\nname = \"deploy.example.org\"\nrole = \"operator\"\nsites = [\"fra\"]\n\
                       [[admin.client]]\nname = \"eye.example.org\"\nrole = \"viewer\"\n";
        format!("{}{clients}", text.replace("[admin]\n", &tls))
    });
    (scene, servers, clients)
}

fn ask(scene: &Scene, directory: &Path, client: Option<&Pair>, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(executable());
    command.arg("--node").arg(format!("https://127.0.0.1:{}", scene.admin));
    command.arg("--ca").arg(directory.join("servers.pem"));
    if let Some(Pair { cert, key }) = client {
        command.arg("--cert").arg(cert).arg("--key").arg(key);
    }
    let output = command.args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_certificate_may_what_the_configuration_says_of_its_name() {
    let files = tempfile::tempdir().unwrap();
    let at = files.path();
    let (scene, servers, clients) = secured(at);
    let issue = |authority: &Authority, file, name, ends| authority.issue(at, file, &[name], ends);
    let deploy = issue(&clients, "deploy", "deploy.example.org", End::Later);
    let eye = issue(&clients, "eye", "eye.example.org", End::Later);
    let drain = |site: &'static str| ["drain", site, "--for", "1h", "--reason", "test", "--yes"];
    assert_eq!(ask(&scene, at, None, &["status"]).0, 2, "who shows nothing is told so");
    assert_eq!(ask(&scene, at, Some(&eye), &["status"]).0, 0);
    assert_eq!(ask(&scene, at, Some(&eye), &drain("fra")).0, 6);
    let (code, said) = ask(&scene, at, Some(&deploy), &drain("iad"));
    assert!(code == 6 && said.contains("may order about fra only"), "{said}");
    let (code, said) = ask(&scene, at, Some(&deploy), &drain("fra"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(scene.status()["orders"][0]["by"], "deploy.example.org");
    // A name that nobody listed, and a name that somebody else certified.
    let stranger = issue(&clients, "stranger", "stranger.example.org", End::Later);
    assert_eq!(ask(&scene, at, Some(&stranger), &drain("fra")).0, 6);
    let forged = issue(&servers, "forged", "deploy.example.org", End::Later);
    assert_eq!(ask(&scene, at, Some(&forged), &drain("fra")).0, 5, "the handshake fails");
    let expired = issue(&clients, "expired", "deploy.example.org", End::Past);
    assert_eq!(ask(&scene, at, Some(&expired), &drain("fra")).0, 5);
}

#[test]
fn a_new_certificate_is_used_and_a_broken_one_is_not() {
    let files = tempfile::tempdir().unwrap();
    let at = files.path();
    let (scene, servers, clients) = secured(at);
    let eye = clients.issue(at, "eye", &["eye.example.org"], End::Later);
    let serial = || {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", scene.admin), "-showcerts"])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap().split("-----END").next().unwrap().to_owned()
    };
    let degraded = || {
        let status: Value = scene.status();
        status["degradations"].as_array().unwrap().iter().find_map(|found| {
            (found["part"] == "admin certificate").then(|| found["detail"].as_str().unwrap().to_owned())
        })
    };
    let first = serial();
    fs::write(at.join("node-key.pem"), "half a fi").unwrap();
    wait_until("the broken key is told of", PATIENCE, || degraded().is_some());
    assert!(degraded().unwrap().contains("node-key.pem"), "{:?}", degraded());
    assert_eq!(serial(), first);
    assert_eq!(ask(&scene, at, Some(&eye), &["status"]).0, 0);
    servers.issue(at, "node", &["127.0.0.1"], End::Later);
    wait_until("the new certificate is used", PATIENCE, || serial() != first && degraded().is_none());
    assert_eq!(ask(&scene, at, Some(&eye), &["status"]).0, 0);
    // Whoever is no client any more is none on the next connection.
    let others = Authority::new(at, "others.pem");
    fs::copy(at.join("others.pem"), at.join("clients.pem")).unwrap();
    wait_until("the authority is gone", PATIENCE, || ask(&scene, at, Some(&eye), &["status"]).0 == 5);
    drop(others);
}

#[tokio::test]
async fn the_api_goes_by_its_own_names_only() {
    let files = tempfile::tempdir().unwrap();
    let (scene, ..) = secured(files.path());
    let ca = reqwest::Certificate::from_pem(&fs::read(files.path().join("servers.pem")).unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
    let url = format!("https://127.0.0.1:{}/healthz", scene.admin);
    for (host, status) in
        [("ns1.example.org", 200), ("127.0.0.1", 200), ("evil.example", 421), ("ns1.example.org.evil", 421)]
    {
        let response = client.get(&url).header("host", host).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{host}");
    }
}
