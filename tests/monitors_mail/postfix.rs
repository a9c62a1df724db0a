//! A real Postfix: SMTP, submission with STARTTLS, submission with TLS from the first octet.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::dovecot::LOGINS;
use crate::patience::wait_until;
use crate::stage::{CERTIFICATES, GOOD, Stage, listens};
use crate::states::Server;
use crate::world::run;

const PATIENCE: Duration = Duration::from_secs(30);
const PORTS: [u16; 3] = [25, 465, 587];
/// A mailbox whose mail is put off.
pub const PUT_OFF: &str = "later@example.org";

pub struct Postfix {
    directory: PathBuf,
}

impl Postfix {
    /// Starts it; it accepts connections afterwards.
    pub fn start(stage: &Stage<'_>) -> Self {
        let directory = stage.world.directory("postfix");
        for folder in ["config", "queue", "data"] {
            fs::create_dir(directory.join(folder)).unwrap();
        }
        run("chown", &["postfix:", directory.join("data").to_str().unwrap()]);
        let main = MAIN
            .replace("DIRECTORY", &directory.display().to_string())
            .replace("GOOD", &stage.file("good.pem"))
            .replace("PUT_OFF", PUT_OFF)
            .replace("LOGINS", &LOGINS.to_string());
        fs::write(directory.join("config/main.cf"), main).unwrap();
        let mut master = String::from(MASTER);
        for (address, name) in CERTIFICATES {
            let chain = stage.file(&format!("{name}.pem"));
            for port in PORTS {
                // One process: which of several takes a connection would be chance, and with it what it knows of logins.
                writeln!(master, "{address}:{port} inet n - n - 1 smtpd -o smtpd_tls_chain_files={chain}").unwrap();
                if port != 25 {
                    master.push_str("  -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes\n");
                }
                if port == 465 {
                    master.push_str("  -o smtpd_tls_wrappermode=yes\n");
                }
            }
        }
        fs::write(directory.join("config/master.cf"), master).unwrap();
        let postfix = Self { directory };
        run("postfix", &["-c", &postfix.config(), "start"]);
        for port in PORTS {
            wait_until("Postfix accepts connections", PATIENCE, || listens(GOOD, port));
        }
        postfix
    }

    fn config(&self) -> String {
        self.directory.join("config").display().to_string()
    }

    /// Signals master and all its children, whose process group it leads.
    fn signal(&self, signal: &str) {
        let master = fs::read_to_string(self.directory.join("queue/pid/master.pid")).unwrap();
        run("kill", &[signal, "--", &format!("-{}", master.trim())]);
    }
}

impl Server for Postfix {
    fn hang(&self) {
        self.signal("-STOP");
    }

    fn go_on(&self) {
        self.signal("-CONT");
    }

    fn stop(&mut self) {
        run("postfix", &["-c", &self.config(), "stop"]);
        for port in PORTS {
            wait_until("the port is closed", PATIENCE, || !listens(GOOD, port));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.directory.join("maillog")).unwrap_or_default());
        }
        // Whatever still runs ends with the world's process namespace; a clean stop only saves log noise.
        let _ = Command::new("postfix").args(["-c", &self.config(), "abort"]).output();
    }
}

const MAIN: &str = "\
compatibility_level = 3.6
myhostname = mx.example.org
queue_directory = DIRECTORY/queue
data_directory = DIRECTORY/data
maillog_file = DIRECTORY/maillog
maillog_file_prefixes = DIRECTORY
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
mynetworks =
alias_maps =
alias_database =
local_transport = error:no local mail here
virtual_mailbox_domains = example.org
virtual_mailbox_base = DIRECTORY
virtual_mailbox_maps = static:inbox/
smtpd_tls_security_level = may
smtpd_tls_chain_files = GOOD
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:LOGINS
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
  check_recipient_access inline:{ { PUT_OFF = 451 4.3.2 queue is full } }
  reject_unauth_destination
smtpd_peername_lookup = no
biff = no
";

/// Debian's master.cf without chroot, servers on the network, and what is not used here.
const MASTER: &str = "\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
error     unix  -       -       n       -       -       error
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
";
