//! Broken here, and a secret that changed on disk needs a restart, or one that everybody could read is used in silence.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::scene::Scene;

const FIRST: &str = "000102030405060708090a0b0c0d0e0f";
const SECOND: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

fn write(scene: &Scene, secrets: &[&str], mode: u32) {
    let file = scene.path("cookie.secrets");
    fs::write(&file, secrets.join("\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

/// The cookie that comes back for `cookie`.
fn cookie_for(scene: &Scene, cookie: &[u8]) -> Vec<u8> {
    let mut query =
        b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01\x07example\x03org\0\0\x06\0\x01\0\0\x29\x04\xd0\0\0\0\0".to_vec();
    let length = u8::try_from(cookie.len()).unwrap();
    query.extend([0, length + 4, 0, 10, 0, length]);
    query.extend(cookie);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect(scene.node.address()).unwrap();
    socket.send(&query).unwrap();
    let mut reply = [0; 1500];
    let length = socket.recv(&mut reply).unwrap();
    // The OPT is the last record, and the cookie its only option.
    reply[length - 24..length].to_vec()
}

#[test]
fn cookie_secrets_change_with_a_reload_and_never_from_a_file_that_others_read() {
    let mut scene = Scene::start();
    write(&scene, &[FIRST], 0o600);
    let configuration = fs::read_to_string(scene.node.configuration()).unwrap();
    fs::write(scene.node.configuration(), format!("{configuration}\n[cookies]\nsecrets = \"cookie.secrets\"\n"))
        .unwrap();
    assert!(scene.node.order(&["reload"]).contains("secrets changed"));
    let made = cookie_for(&scene, &[1; 8]);
    assert_eq!(cookie_for(&scene, &made), made, "a young cookie stays");

    // The next secret first: cookies of the one before are taken, and replaced.
    write(&scene, &[SECOND, FIRST], 0o600);
    assert!(scene.node.order(&["reload"]).contains("secrets changed"));
    let renewed = cookie_for(&scene, &made);
    assert_ne!(renewed, made);
    assert_eq!(cookie_for(&scene, &renewed), renewed);

    // A file that others may read is refused, by check and by reload, and what was read before stays.
    write(&scene, &[FIRST], 0o640);
    for command in [&["reload"][..], &["check"]] {
        let (code, said) = scene.try_command(command);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("cookie.secrets") && said.contains("chmod 0600"), "{said}");
        assert!(!said.contains(FIRST), "{said}");
    }
    assert_eq!(cookie_for(&scene, &renewed), renewed);

    // A start goes on without it and says so; once the file is good, so is the node.
    scene.node.kill();
    scene.node.serve();
    scene.wait_for_admin();
    let parts = |scene: &Scene| scene.status()["degradations"].to_string();
    assert!(parts(&scene).contains("\"secrets\"") && parts(&scene).contains("chmod 0600"), "{}", parts(&scene));
    assert_eq!(scene.mx().len(), 3);
    assert_ne!(cookie_for(&scene, &renewed), renewed, "a secret of the process alone");
    write(&scene, &[SECOND], 0o600);
    scene.node.order(&["reload"]);
    assert!(!parts(&scene).contains("\"secrets\""), "{}", parts(&scene));
    assert_eq!(cookie_for(&scene, &renewed), renewed);
    let log = fs::read_to_string(scene.node.log()).unwrap();
    assert!(!log.contains(FIRST) && !log.contains(SECOND));
}
