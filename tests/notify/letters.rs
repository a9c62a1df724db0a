//! A real Postfix takes the mail.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;

use crate::patience::{wait_for, wait_until};
use crate::ports::free_port;
use crate::receiver::PATIENCE;
use crate::webhooks::node;

/// Owner of delivered mail: `nobody` everywhere.
const MAIL_OWNER: u32 = 65_534;

struct Postfix {
    place: tempfile::TempDir,
    port: u16,
}

impl Postfix {
    /// `None` where there is none, or it may not be started, and need not be.
    fn start() -> Option<Self> {
        let is_there = rustix::process::geteuid().is_root() && Command::new("postfix").arg("-h").output().is_ok();
        if !is_there {
            assert!(
                std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(),
                "postfix is not installed, or this is not root"
            );
            eprintln!("skipped: needs postfix and root");
            return None;
        }
        let (place, port) = (tempfile::tempdir().unwrap(), free_port());
        let directory = place.path().display().to_string();
        Command::new("chmod").args(["755", &directory]).status().unwrap();
        for folder in ["config", "queue", "data", "mail"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        chown(place.path().join("mail"), Some(MAIL_OWNER), Some(MAIL_OWNER)).unwrap();
        let owned = Command::new("chown").arg("postfix:").arg(place.path().join("data")).status().unwrap();
        assert!(owned.success());
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {directory}/queue\ndata_directory = {directory}/data\n\
             maillog_file = {directory}/maillog\nmaillog_file_prefixes = {directory}\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nsmtpd_peername_lookup = no\nmydestination =\nalias_maps =\nalias_database =\n\
             local_transport = error:no local mail here\nbiff = no\nmyhostname = mail.example.org\n\
             virtual_mailbox_domains = example.org\nvirtual_mailbox_base = {directory}/mail\n\
             virtual_mailbox_maps = static:inbox/\nvirtual_uid_maps = static:{MAIL_OWNER}\n\
             virtual_gid_maps = static:{MAIL_OWNER}\nsmtpd_recipient_restrictions = reject_unauth_destination\n"
        );
        let services = [
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "error unix - - n - - error",
            "retry unix - - n - - error",
            "virtual unix - n n - - virtual",
            "anvil unix - - n - 1 anvil",
            "postlog unix-dgram n - n - 1 postlogd",
            "proxymap unix - - n - - proxymap",
        ];
        let master = format!("127.0.0.1:{port} inet n - n - - smtpd\n{}\n", services.join("\n"));
        fs::write(place.path().join("config/main.cf"), main).unwrap();
        fs::write(place.path().join("config/master.cf"), master).unwrap();
        let postfix = Self { place, port };
        let output = postfix.control("start");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        wait_until("postfix accepts connections", PATIENCE, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(postfix)
    }

    fn control(&self, order: &str) -> std::process::Output {
        Command::new("postfix").arg("-c").arg(self.place.path().join("config")).arg(order).output().unwrap()
    }

    fn letters(&self) -> Vec<String> {
        let folder: PathBuf = self.place.path().join("mail/inbox/new");
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _stopped = self.control("abort");
    }
}

#[test]
fn a_letter_of_an_incident_arrives_and_answers_to_it_are_not_automatic() {
    let Some(postfix) = Postfix::start() else { return };
    let more = format!(
        "[[notify]]\nname = \"mail\"\nkind = \"smtp\"\nrelay = \"127.0.0.1:{}\"\ntls = \"none\"\n\
         from = \"waypost@example.org\"\nto = [\"oncall@example.org\"]\n",
        postfix.port
    );
    let (mut scene, _place) = node(&more, &[]);
    scene.close("fra");
    let find = |words: &str| postfix.letters().into_iter().find(|letter| letter.contains(words));
    let (letter, _) = wait_for("the letter", PATIENCE, || find("Subject: [waypost] critical: incident"));
    assert!(letter.contains("To: oncall@example.org") && letter.contains("Auto-Submitted: auto-generated"), "{letter}");
    scene.open("fra");
    wait_for("the second letter", PATIENCE, || find("Subject: [waypost] over: incident over"));
}
