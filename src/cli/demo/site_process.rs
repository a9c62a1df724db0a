//! An SMTP site as a process of its own, so that it can be killed and stopped for real.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::smtp_site::{Mood, SmtpSite};

/// The hidden subcommand that runs [`serve_site`].
pub const SUBCOMMAND: &str = "demo-site";
/// What a site prints once it accepts connections.
const READY: &str = "ready";
/// Told to a site on its standard input: accept and answer nothing.
const HANG: &str = "hang";
/// Told to a site on its standard input: accept and answer again.
const RESUME: &str = "resume";

/// What one SMTP site is told: the arguments of the hidden `demo-site` command.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct SiteArgs {
    /// The name it greets with.
    #[arg(long)]
    pub host: String,
    /// Where it listens.
    #[arg(long)]
    pub listen: SocketAddr,
    /// Certificate in PEM; without one STARTTLS is not offered.
    #[arg(long, requires = "key")]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key in PEM.
    #[arg(long, requires = "certificate")]
    pub key: Option<PathBuf>,
}

/// A site could not start or could not be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// It cannot listen.
    #[error("the SMTP site cannot listen on {address}: {cause}; is another program there?")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The system's word.
        cause: io::Error,
    },
    /// Its certificate or key is of no use.
    #[error("the SMTP site cannot use {}: {cause}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// Its process did not start, or cannot be reached.
    #[error("the SMTP site {host} {what}: {cause}")]
    Process {
        /// Whose.
        host: String,
        /// What failed.
        what: &'static str,
        /// The system's word.
        cause: io::Error,
    },
}

/// Runs one SMTP site until its standard input ends, as told by its parent there.
///
/// Ending with the parent's pipe leaves no site behind whichever way the parent ends; a stopped process
/// is continued by the kernel when its parent is gone, because it leads a process group of its own.
///
/// # Errors
/// If the address or the certificate cannot be used, or the listener fails.
pub async fn serve_site(args: SiteArgs) -> Result<(), SiteError> {
    let tls = match (&args.certificate, &args.key) {
        (Some(certificate), Some(key)) => Some(Arc::new(server_tls(certificate, key)?)),
        _ => None,
    };
    let failed = |cause| SiteError::Listen { address: args.listen, cause };
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let (mood, receiver) = watch::channel(Mood::Answering);
    let (ended, parent_gone) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        obey(io::stdin().lock(), &mood);
        // Nobody waits any more only when the site is ending anyway.
        let _ = ended.send(mood);
    });
    if let Err(cause) = writeln!(io::stdout(), "{READY}") {
        return Err(SiteError::Process { host: args.host, what: "cannot tell that it is ready", cause });
    }
    tokio::select! {
        outcome = SmtpSite::new(&args.host, tls, receiver).serve(listener) => outcome.map_err(failed),
        _ = parent_gone => Ok(()),
    }
}

fn obey(orders: impl BufRead, mood: &watch::Sender<Mood>) {
    for order in orders.lines().map_while(Result::ok) {
        match order.trim() {
            HANG => mood.send_replace(Mood::Silent),
            RESUME => mood.send_replace(Mood::Answering),
            _ => continue,
        };
    }
}

fn server_tls(certificate: &Path, key: &Path) -> Result<ServerConfig, SiteError> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |cause: String| SiteError::Certificate { path, cause }
    };
    let read = |path: &Path| std::fs::read(path).map_err(|error| wrong(path)(error.to_string()));
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(certificate)(error.to_string()))?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| wrong(key)(error.to_string()))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| wrong(certificate)(error.to_string()))
}

/// A running SMTP site, seen from its parent. Dropping it ends the process.
#[derive(Debug)]
pub struct SiteProcess {
    args: SiteArgs,
    executable: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    orders: ChildStdin,
}

impl SiteProcess {
    /// Starts `executable demo-site …` and returns once it accepts connections. Blocks meanwhile.
    ///
    /// # Errors
    /// If the process does not start or ends before it is ready; it says why on standard error itself.
    pub fn start(executable: &Path, args: SiteArgs) -> Result<Self, SiteError> {
        let mut site = Self { args, executable: executable.to_owned(), running: None };
        site.revive()?;
        Ok(site)
    }

    /// What the site was told.
    #[must_use]
    pub fn args(&self) -> &SiteArgs {
        &self.args
    }

    /// The process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// Ends the process at once (SIGKILL): the listener closes and connections are reset.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn kill(&mut self) -> Result<(), SiteError> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let ended = running.child.kill().and_then(|()| running.child.wait());
        ended.map(drop).map_err(|cause| self.failed("cannot be killed", cause))
    }

    /// Makes the site accept and answer nothing, with its connections open.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn hang(&mut self) -> Result<(), SiteError> {
        self.order(HANG)
    }

    /// Makes a hanging site answer again.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn resume(&mut self) -> Result<(), SiteError> {
        self.order(RESUME)
    }

    /// Ends whatever is left of the process and starts it anew. Blocks until it accepts connections.
    ///
    /// # Errors
    /// As [`SiteProcess::start`].
    pub fn revive(&mut self) -> Result<(), SiteError> {
        self.kill()?;
        let mut command = Command::new(&self.executable);
        command.arg(SUBCOMMAND).args(["--host", &self.args.host]).args(["--listen", &self.args.listen.to_string()]);
        if let (Some(certificate), Some(key)) = (&self.args.certificate, &self.args.key) {
            command.arg("--certificate").arg(certificate).arg("--key").arg(key);
        }
        // A group of its own: Ctrl-C on the terminal is for the parent alone.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|cause| self.failed("did not start", cause))?;
        let ready = first_line(child.stdout.take());
        match (child.stdin.take(), ready) {
            (Some(orders), Ok(line)) if line.trim() == READY => {
                self.running = Some(Running { child, orders });
                Ok(())
            }
            (_, outcome) => {
                let cause = outcome.err().unwrap_or_else(|| io::Error::other("it ended before it was ready"));
                let _ = child.kill().and_then(|()| child.wait());
                Err(self.failed("did not start", cause))
            }
        }
    }

    /// How the process ended, once, if it has ended by itself or by someone else's hand.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn departed(&mut self) -> Result<Option<ExitStatus>, SiteError> {
        let Some(running) = &mut self.running else { return Ok(None) };
        let status = running.child.try_wait();
        let status = status.map_err(|cause| self.failed("cannot be watched", cause))?;
        if status.is_some() {
            self.running = None;
        }
        Ok(status)
    }

    fn order(&mut self, order: &str) -> Result<(), SiteError> {
        let told = match &mut self.running {
            Some(running) => writeln!(running.orders, "{order}").and_then(|()| running.orders.flush()),
            None => Err(io::Error::other("it is not running")),
        };
        told.map_err(|cause| self.failed("cannot be told", cause))
    }

    fn failed(&self, what: &'static str, cause: io::Error) -> SiteError {
        SiteError::Process { host: self.args.host.clone(), what, cause }
    }
}

impl Drop for SiteProcess {
    fn drop(&mut self) {
        // Nothing can be done about a process that does not die, and the end of its input ends it too.
        let _ = self.kill();
    }
}

fn first_line(output: Option<impl Read>) -> io::Result<String> {
    let mut line = String::new();
    let output = output.ok_or_else(|| io::Error::other("no pipe"))?;
    BufReader::new(output).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_change_the_mood_and_anything_else_does_not() {
        let (mood, receiver) = watch::channel(Mood::Answering);
        obey("hang\n".as_bytes(), &mood);
        assert_eq!(*receiver.borrow(), Mood::Silent);
        obey("what\nresume\n\n".as_bytes(), &mood);
        assert_eq!(*receiver.borrow(), Mood::Answering);
    }

    #[test]
    fn a_program_that_ends_before_it_is_ready_is_an_error() {
        let args = SiteArgs {
            host: "mx.example.org".into(),
            listen: "127.0.0.1:1".parse().unwrap(),
            certificate: None,
            key: None,
        };
        let error = SiteProcess::start(Path::new("/bin/true"), args).unwrap_err();
        assert!(error.to_string().contains("did not start"), "{error}");
    }
}
