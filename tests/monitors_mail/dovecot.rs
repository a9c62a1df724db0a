//! A real Dovecot: IMAP, POP3, LMTP, and logins for Postfix.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use crate::patience::wait_until;
use crate::stage::{BUSY, CERTIFICATES, GOOD, PASSWORD, Stage, USER, listens};
use crate::states::Server;
use crate::world::run;

const PATIENCE: Duration = Duration::from_secs(30);
/// `nobody` everywhere: owner of the mail.
const OWNER: u32 = 65_534;
/// Where Postfix asks about logins.
pub const LOGINS: u16 = 12_345;

pub struct Dovecot {
    directory: PathBuf,
    child: Child,
}

impl Dovecot {
    /// Starts it; it accepts connections afterwards.
    pub fn start(stage: &Stage<'_>) -> Self {
        Self::showing(stage, "good")
    }

    /// Starts it with another certificate where none is named for an address.
    pub fn showing(stage: &Stage<'_>, certificate: &str) -> Self {
        let directory = stage.world.directory("dovecot");
        let home = directory.join("home");
        fs::create_dir_all(&home).unwrap();
        chown(&home, Some(OWNER), Some(OWNER)).unwrap();
        let at = |name: &str| directory.join(name).display().to_string();
        // What should be a directory is none: nobody knows for how long.
        fs::write(home.join("busy"), "").unwrap();
        let users = format!(
            "{USER}:{{PLAIN}}{PASSWORD}:{OWNER}:{OWNER}::{home}/probe::\n{BUSY}::{OWNER}:{OWNER}::{home}/busy::\n",
            home = home.display()
        );
        fs::write(at("users"), users).unwrap();
        fs::write(at("out-of-order"), "#!/bin/sh\nexit 111\n").unwrap();
        fs::set_permissions(at("out-of-order"), fs::Permissions::from_mode(0o755)).unwrap();
        let certificates: String = CERTIFICATES
            .iter()
            .map(|(address, name)| {
                let file = stage.file(&format!("{name}.pem"));
                format!("local {address} {{\n  ssl_cert = <{file}\n  ssl_key = <{file}\n}}\n")
            })
            .collect();
        let configuration = CONFIGURATION
            .replace("DIRECTORY", &directory.display().to_string())
            .replace("CERTIFICATE", &stage.file(&format!("{certificate}.pem")))
            .replace("ADDRESSES", &CERTIFICATES.map(|(address, _)| address.to_string()).join(" "))
            .replace("LOGINS", &LOGINS.to_string())
            .replace("BUSY", BUSY);
        fs::write(at("dovecot.conf"), configuration + &certificates).unwrap();
        let child = Command::new("dovecot").args(["-F", "-c", &at("dovecot.conf")]).process_group(0).spawn().unwrap();
        for port in [24, 110, 143, 993, 995, LOGINS] {
            wait_until("Dovecot accepts connections", PATIENCE, || listens(GOOD, port));
        }
        Self { directory, child }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Signals it and all its children.
    fn signal(&self, signal: &str) {
        run("kill", &[signal, "--", &format!("-{}", self.child.id())]);
    }
}

impl Server for Dovecot {
    fn hang(&self) {
        self.signal("-STOP");
    }

    fn go_on(&self) {
        self.signal("-CONT");
    }

    fn stop(&mut self) {
        // In order, it would go on answering whoever has asked before.
        self.signal("-KILL");
        self.child.wait().unwrap();
        for port in [24, 110, 143, 993, 995] {
            wait_until("the port is closed", PATIENCE, || !listens(GOOD, port));
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.stop();
        }
    }
}

const CONFIGURATION: &str = "\
protocols = imap pop3 lmtp
base_dir = DIRECTORY/run
state_dir = DIRECTORY/state
log_path = DIRECTORY/log
listen = ADDRESSES
ssl = yes
ssl_cert = <CERTIFICATE
ssl_key = <CERTIFICATE
ssl_dh =
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:~/Maildir
first_valid_uid = 1
lmtp_rcpt_check_quota = yes
passdb {
  driver = checkpassword
  args = DIRECTORY/out-of-order
  username_filter = BUSY
  result_internalfail = return-fail
}
passdb {
  driver = passwd-file
  args = DIRECTORY/users
}
userdb {
  driver = passwd-file
  args = DIRECTORY/users
}
service lmtp {
  inet_listener lmtp {
    address = ADDRESSES
    port = 24
  }
}
service auth {
  inet_listener {
    address = 127.0.0.1
    port = LOGINS
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
";
