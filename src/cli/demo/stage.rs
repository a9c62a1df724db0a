//! The running demo: sites, prompt and events around a node.

use std::future::Future;
use std::io::{self, BufReader, Write};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::DemoError;
use super::bounds::{EVENT_BACKLOG, NODE_STOP, SITE_WATCH};
use super::certificate::Authority;
use super::console::{self, Command, NotACommand};
use super::guide::{PROMPT_HELP, guide};
use super::login::Login;
use super::ports::Ports;
use super::sample::SITES;
use super::site_process::{SiteError, SiteProcess};
use super::workspace::Workspace;
use crate::model::{Event, EventKind};

/// What the node of a demo is started with.
#[derive(Debug)]
pub struct Launch {
    /// Its configuration file.
    pub configuration: PathBuf,
    /// Where it sends its events, `Started` once it answers.
    pub events: broadcast::Sender<Arc<Event>>,
    /// When this resolves, however it does, it is to stop in order.
    pub stop: oneshot::Receiver<()>,
}

/// Sites that run and a directory with all that a node needs. Dropping it ends the sites and removes the directory.
#[derive(Debug)]
pub struct Demo {
    // Before the directory: fields are dropped in this order.
    sites: Vec<SiteProcess>,
    ports: Ports,
    login: Login,
    executable: PathBuf,
    workspace: Workspace,
}

impl Demo {
    /// Writes the temporary directory and starts the sites as processes of this very program. Blocks until they accept.
    ///
    /// # Errors
    /// If a file, a port, a certificate or a process cannot be had.
    pub fn prepare() -> Result<Self, DemoError> {
        let executable = std::env::current_exe().map_err(DemoError::Executable)?;
        let ports = Ports::choose(&SITES.map(|site| site.loopback)).map_err(DemoError::Ports)?;
        let workspace = Workspace::new()?;
        let login = Login::new()?;
        workspace.write_configuration(&ports, &login)?;
        let authority = Authority::new(Timestamp::now())?;
        workspace.write_authority(&authority)?;
        let mut sites = Vec::with_capacity(SITES.len());
        for site in &SITES {
            sites.push(SiteProcess::start(&executable, workspace.equip(site, &ports, &authority)?)?);
        }
        Ok(Self { sites, ports, login, executable, workspace })
    }

    /// Runs `serve` as the demo's node until it ends, the user quits, or Ctrl-C or SIGTERM arrives; prints each event
    /// as `show` words it.
    ///
    /// # Errors
    /// If the node ends with an error or does not stop in time.
    pub async fn run<Serve, Node, E>(mut self, serve: Serve, show: impl Fn(&Event) -> String) -> Result<(), DemoError>
    where
        Serve: FnOnce(Launch) -> Node,
        Node: Future<Output = Result<(), E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (events, mut seen) = broadcast::channel(EVENT_BACKLOG);
        let (stop, stopped) = oneshot::channel();
        let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::Signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::Signals)?;
        let mut commands = Some(console::listen(BufReader::new(io::stdin())));
        let mut watch = interval(SITE_WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let launch = Launch { configuration: self.workspace.configuration(), events, stop: stopped };
        let mut node = tokio::spawn(serve(launch));
        let mut node_speaks = true;
        loop {
            tokio::select! {
                ended = &mut node => return flatten(ended),
                event = seen.recv(), if node_speaks => match event {
                    Ok(event) => {
                        if matches!(event.kind, EventKind::Started { .. }) {
                            say(&self.guide());
                        }
                        say(&show(&event));
                    }
                    Err(RecvError::Lagged(missed)) => say(&format!("({missed} events were too fast to be shown)")),
                    Err(RecvError::Closed) => node_speaks = false,
                },
                command = next(&mut commands) => match command {
                    Some(Ok(Command::Quit)) => break,
                    Some(Ok(command)) => self.obey(&command),
                    Some(Err(error)) => say(&error.to_string()),
                    // No terminal, or its end: the demo just goes on.
                    None => commands = None,
                },
                _ = watch.tick() => self.report_departed(),
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
            }
        }
        say("stopping …");
        // The node may have ended by itself in the meantime; then nobody listens any more.
        let _ = stop.send(());
        timeout(NODE_STOP, node).await.map_or(Err(DemoError::Stuck), flatten)
    }

    fn guide(&self) -> String {
        guide(&self.executable, &self.workspace.configuration(), &self.ports, &self.login, &self.sites)
    }

    fn obey(&mut self, command: &Command) {
        type Action = fn(&mut SiteProcess) -> Result<(), SiteError>;
        let (name, action, done): (_, Action, _) = match command {
            Command::Kill(site) => (site, SiteProcess::kill, "killed"),
            Command::Hang(site) => (site, SiteProcess::hang, "hangs: it accepts and answers nothing"),
            Command::Revive(site) => (site, SiteProcess::revive, "runs again"),
            Command::Help | Command::Quit => return say(PROMPT_HELP),
        };
        let mut places = SITES.iter().zip(&mut self.sites);
        let Some((_, site)) = places.find(|(sample, _)| sample.name == name) else {
            return say(&format!("there is no site '{name}'; the sites are fra, iad, nrt"));
        };
        match action(site) {
            Ok(()) => {
                let process = site.id().map(|id| format!(" (process {id})")).unwrap_or_default();
                say(&format!("site {name} {done}{process}"));
            }
            Err(error) => say(&error.to_string()),
        }
    }

    fn report_departed(&mut self) {
        for (sample, site) in SITES.iter().zip(&mut self.sites) {
            match site.departed() {
                Ok(None) => {}
                Ok(Some(status)) => {
                    say(&format!(
                        "site {0}: its SMTP process has ended ({status}); `revive {0}` starts it anew",
                        sample.name
                    ));
                }
                Err(error) => say(&error.to_string()),
            }
        }
    }
}

type Commands = tokio::sync::mpsc::Receiver<Result<Command, NotACommand>>;

async fn next(commands: &mut Option<Commands>) -> Option<Result<Command, NotACommand>> {
    match commands {
        Some(commands) => commands.recv().await,
        None => std::future::pending().await,
    }
}

fn flatten<E>(ended: Result<Result<(), E>, tokio::task::JoinError>) -> Result<(), DemoError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match ended {
        Ok(outcome) => outcome.map_err(|error| DemoError::Node(Box::new(error))),
        Err(error) => Err(DemoError::Node(Box::new(error))),
    }
}

/// Prints a line. A terminal that is gone takes nothing away from the node, so a failure is ignored.
fn say(line: &str) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
