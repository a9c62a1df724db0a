//! Real Postfix instances: sites that keep mail in a Maildir, and a sender that finds them by DNS.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use waypost::cli::demo::Authority;

use crate::node::launched;
use crate::patience::wait_until;
use crate::world::{World, run};

const STOP: Duration = Duration::from_secs(20);
/// Owner of delivered mail: `nobody` everywhere.
const MAIL_OWNER: u32 = 65_534;
/// Queues whose files are messages not yet delivered.
const QUEUES: [&str; 5] = ["maildrop", "incoming", "active", "deferred", "hold"];

/// One Postfix instance with configuration, queue, data and mail in a directory of its own.
pub struct Postfix {
    name: String,
    directory: PathBuf,
    /// What is written in front of its commands, as in `nsenter …`.
    launcher: Vec<String>,
    pub address: IpAddr,
}

impl Postfix {
    /// A site that takes mail for example.org at `address`, port 25, with STARTTLS as `host`.
    pub fn site(world: &World, name: &str, host: &str, address: IpAddr, authority: &Authority) -> Self {
        let postfix = Self::new(world, name, address);
        let identity = authority.issue(host).unwrap();
        let chain = postfix.directory.join("chain.pem");
        fs::write(&chain, identity.key + &identity.certificate).unwrap();
        fs::set_permissions(&chain, fs::Permissions::from_mode(0o600)).unwrap();
        let mail = postfix.mail();
        fs::create_dir(&mail).unwrap();
        chown(&mail, Some(MAIL_OWNER), Some(MAIL_OWNER)).unwrap();
        postfix.configure(&format!(
            "myhostname = {host}\n\
             smtpd_tls_security_level = may\n\
             smtpd_tls_chain_files = {chain}\n\
             virtual_mailbox_domains = example.org\n\
             virtual_mailbox_base = {mail}\n\
             virtual_mailbox_maps = static:inbox/\n\
             virtual_uid_maps = static:{MAIL_OWNER}\n\
             virtual_gid_maps = static:{MAIL_OWNER}\n\
             smtpd_recipient_restrictions = reject_unauth_destination\n",
            chain = chain.display(),
            mail = mail.display(),
        ));
        postfix
    }

    /// A mail server of somebody else: it takes mail from this machine at `address`, port 25, and tries the MX hosts
    /// of the recipient's domain as the resolver names them, again every second or two.
    pub fn sender(world: &World, address: IpAddr) -> Self {
        let postfix = Self::new(world, "sender", address);
        postfix.configure(
            "myhostname = mail.sender.test\n\
             mynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             smtp_host_lookup = dns\n\
             smtp_tls_security_level = may\n\
             smtp_connect_timeout = 2s\n\
             smtp_helo_timeout = 5s\n\
             smtp_starttls_timeout = 5s\n\
             smtp_mail_timeout = 5s\n\
             smtp_rcpt_timeout = 5s\n\
             smtp_data_init_timeout = 5s\n\
             smtp_connection_cache_on_demand = no\n\
             queue_run_delay = 1s\n\
             minimal_backoff_time = 1s\n\
             maximal_backoff_time = 2s\n",
        );
        postfix
    }

    fn new(world: &World, name: &str, address: IpAddr) -> Self {
        let directory = world.directory(&format!("postfix-{name}"));
        Self { name: name.to_owned(), directory, launcher: Vec::new(), address }
    }

    /// The same with `launcher` in front of all commands: a program that runs another one elsewhere, in its own place.
    pub fn launched_by(mut self, launcher: Vec<String>) -> Self {
        self.launcher = launcher;
        self
    }

    fn configure(&self, own: &str) {
        let directory = self.directory.display();
        let config = self.config();
        for folder in [&config, &self.queue(), &self.directory.join("data")] {
            fs::create_dir(folder).unwrap();
        }
        run("chown", &["postfix:", self.directory.join("data").to_str().unwrap()]);
        let common = format!(
            "compatibility_level = 3.6\n\
             queue_directory = {directory}/queue\n\
             data_directory = {directory}/data\n\
             maillog_file = {log}\n\
             maillog_file_prefixes = {directory}\n\
             inet_interfaces = {address}\n\
             inet_protocols = ipv4\n\
             smtpd_peername_lookup = no\n\
             mydestination =\n\
             alias_maps =\n\
             alias_database =\n\
             local_transport = error:no local mail here\n\
             biff = no\n",
            log = self.log().display(),
            address = self.address,
        );
        fs::write(config.join("main.cf"), common + own).unwrap();
        fs::write(config.join("master.cf"), MASTER).unwrap();
    }

    /// Starts the instance; it accepts connections afterwards.
    pub fn start(&self) {
        self.control("start");
        wait_until("postfix accepts connections", STOP, || std::net::TcpStream::connect((self.address, 25)).is_ok());
    }

    /// Stops it in order: what it has begun it finishes.
    pub fn stop(&self) {
        self.control("stop");
    }

    /// SIGKILL to all of it at once, as if the power failed.
    pub fn kill(&self) {
        let master = fs::read_to_string(self.queue().join("pid/master.pid")).unwrap();
        // Master leads the process group of all its children.
        run("kill", &["-KILL", "--", &format!("-{}", master.trim())]);
        wait_until("the port is closed", STOP, || std::net::TcpStream::connect((self.address, 25)).is_err());
    }

    fn control(&self, order: &str) {
        let output = launched(&self.launcher, "postfix").arg("-c").arg(self.config()).arg(order).output().unwrap();
        assert!(output.status.success(), "postfix {order}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Messages accepted and not yet delivered.
    pub fn queued(&self) -> usize {
        QUEUES.iter().map(|queue| count_files(&self.queue().join(queue))).sum()
    }

    /// How often each Message-ID lies in the site's Maildir.
    pub fn delivered(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let letters = ["new", "cur"].map(|part| fs::read_dir(self.mail().join("inbox").join(part)));
        for letter in letters.into_iter().flatten().flatten() {
            let octets = fs::read(letter.unwrap().path()).unwrap();
            let text = String::from_utf8_lossy(&octets);
            let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: <")).unwrap();
            *found.entry(id.trim_end_matches('>').to_owned()).or_default() += 1;
        }
        found
    }

    /// The instance's own log.
    pub fn log(&self) -> PathBuf {
        self.directory.join("maillog")
    }

    /// The site's name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn config(&self) -> PathBuf {
        self.directory.join("config")
    }

    fn queue(&self) -> PathBuf {
        self.directory.join("queue")
    }

    fn mail(&self) -> PathBuf {
        self.directory.join("mail")
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Whatever still runs ends with the world's process namespace; a clean stop only saves log noise.
        let _ = launched(&self.launcher, "postfix").arg("-c").arg(self.config()).arg("abort").output();
    }
}

fn count_files(folder: &Path) -> usize {
    // Queue files come and go while we look.
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { count_files(&entry.path()) } else { 1 }).sum()
}

/// Debian's master.cf without chroot and without what is not used here.
const MASTER: &str = "\
smtp      inet  n       -       n       -       -       smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
";
