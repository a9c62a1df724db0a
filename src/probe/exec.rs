//! Commands in the convention of Nagios plugins: an exit code, a line of text, and figures behind a bar.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::Target;
use super::bounds::{EXEC_REASON, EXEC_RUNNING, EXEC_RUNS};
use super::check::{Conversation, Notes, Place};
use super::exec_process::{Ended, NotEnded, Places, Program, run};
use super::transcript::{Speaker, Transcript, printable};
use crate::health::{FailureKind, Outcome};
use crate::model::ExecCheck;

/// Commands that run, of all monitors together.
static RUNNING: Semaphore = Semaphore::const_new(EXEC_RUNNING);

/// An exec monitor applied to a target.
#[derive(Debug)]
pub(super) struct ExecProbe {
    /// What is run, or why it cannot be.
    program: Result<Program, String>,
    /// What the transcript says of it. Arguments are not repeated: they may hold passwords.
    what: String,
    /// Of runs of this command.
    places: Arc<Semaphore>,
    /// Of commands of all monitors.
    all_places: &'static Semaphore,
}

impl ExecProbe {
    pub(super) fn new(check: &ExecCheck, target: &Target) -> Self {
        let at = match target.address.port() {
            0 => target.address.ip().to_string(),
            _ => target.address.to_string(),
        };
        let what = format!("{} for {at}, {} arguments", check.program.display(), check.arguments.len());
        let arguments = check.arguments.iter().map(|argument| filled(argument, target)).collect::<Result<_, _>>();
        let program = |arguments| Program { path: check.program.clone(), arguments, user: check.user.clone() };
        let places = Arc::new(Semaphore::new(EXEC_RUNS));
        Self { program: arguments.map(program), what, places, all_places: &RUNNING }
    }

    /// Places for one more run, or why there are none.
    fn places(&self) -> Result<Places, String> {
        let Ok(own) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(format!(
                "{EXEC_RUNS} earlier runs of the command are not gone: those that were given up still wait for a disk or a file system"
            ));
        };
        let Ok(common) = self.all_places.try_acquire() else {
            return Err(format!("{EXEC_RUNNING} commands are running, and this node runs no more at once"));
        };
        Ok(Places { own, common })
    }
}

#[async_trait]
impl Conversation for ExecProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        let program = match &self.program {
            Ok(program) => program.clone(),
            Err(why) => return Outcome::Inconclusive(why.clone()),
        };
        let places = match self.places() {
            Ok(places) => places,
            Err(why) => return Outcome::Inconclusive(why),
        };
        notes.transcript.push(Speaker::Us, self.what.as_bytes());
        match run(program, places, place.deadline).await {
            Ok(ended) => judge(&ended, &mut notes.transcript),
            Err(NotEnded::Broken(why)) => Outcome::Inconclusive(why),
            Err(NotEnded::OutOfTime) => {
                let seconds = place.deadline.duration_since(place.start).as_secs_f64();
                Outcome::failed(
                    FailureKind::Timeout,
                    format!("the command did not end within {seconds} s and was killed"),
                )
            }
        }
    }
}

/// `argument` with what its placeholders stand for.
fn filled(argument: &str, target: &Target) -> Result<String, String> {
    let mut parts = argument.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let value = part.split_once('}').and_then(|(word, behind)| {
            let value = match word {
                "address" => target.address.ip().to_string(),
                "port" => target.address.port().to_string(),
                "host" => target.host.to_string().trim_end_matches('.').to_owned(),
                "service" => target.key.service.clone(),
                _ => return None,
            };
            Some(value + behind)
        });
        match value {
            Some(value) => filled.push_str(&value),
            None => filled.extend(["{", part]),
        }
    }
    // Names come out of zone files, which others may write.
    if filled.starts_with('-') && !argument.starts_with('-') {
        return Err(format!("'{}' would be taken for an option of the command", printable(filled.as_bytes())));
    }
    Ok(filled)
}

/// What exit code and output say (Nagios plugin API).
fn judge(ended: &Ended, transcript: &mut Transcript) -> Outcome {
    let said = Said::read(&ended.stdout);
    for line in &said.lines {
        transcript.push(Speaker::Them, line.as_bytes());
    }
    for figures in &said.figures {
        transcript.push(Speaker::Note, format!("perfdata {figures}").as_bytes());
    }
    let complaint = String::from_utf8_lossy(&ended.stderr);
    for line in complaint.lines() {
        transcript.push(Speaker::Note, format!("stderr {line}").as_bytes());
    }
    transcript.push(Speaker::Note, end(ended.status).as_bytes());
    let first = said.lines.iter().map(String::as_str).chain(complaint.lines()).find(|line| !line.trim().is_empty());
    let reason: String = match first {
        Some(line) => printable(line.trim().as_bytes()).chars().take(EXEC_REASON).collect(),
        None => format!("{} without a word", end(ended.status)),
    };
    match ended.status.code() {
        Some(0) => Outcome::Ok,
        Some(1) => Outcome::Deferring(reason),
        Some(2) => Outcome::failed(FailureKind::Protocol, reason),
        Some(3) => Outcome::Inconclusive(reason),
        _ if first.is_none() => Outcome::Inconclusive(reason),
        _ => Outcome::Inconclusive(format!("{}: {reason}", end(ended.status))),
    }
}

fn end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The output of a plugin, text and figures apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    lines: Vec<String>,
    figures: Vec<String>,
}

impl Said {
    /// A line of text with figures behind a bar; more lines of text, the last of them with a bar as well; more figures.
    fn read(output: &[u8]) -> Self {
        let output = String::from_utf8_lossy(output);
        let mut said = Self::default();
        let mut bars = 0;
        for (number, line) in output.lines().enumerate() {
            if bars > 0 && number > 0 {
                said.figures.push(line.to_owned());
                continue;
            }
            let (text, figures) = line.split_once('|').map_or((line, None), |(text, figures)| (text, Some(figures)));
            said.lines.push(text.trim_end().to_owned());
            if let Some(figures) = figures {
                said.figures.push(figures.trim().to_owned());
                // The bar of the first line is for that line alone.
                bars += usize::from(number > 0);
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::model::MonitorKind;
    use crate::probe::tests;
    use crate::probe::tls::TrustStore;

    async fn outcome(probe: &ExecProbe) -> Outcome {
        let start = Instant::now();
        let deadline = start + Duration::from_secs(30);
        let trust = TrustStore::default();
        let place = Place { address: ([127, 0, 0, 1], 25).into(), start, deadline, trust: &trust };
        probe.hold(place, &mut Notes::default()).await
    }

    fn succeeding() -> ExecProbe {
        let check = ExecCheck { program: "/bin/true".into(), arguments: vec![], user: None };
        let target =
            tests::target(MonitorKind::Exec(check.clone()), ([127, 0, 0, 1], 25).into(), Duration::from_secs(30));
        ExecProbe::new(&check, &target)
    }

    #[tokio::test]
    async fn as_many_runs_as_a_detector_awaits_stand_in_nobodys_way() {
        let probe = succeeding();
        let awaited = u32::try_from(crate::health::bounds::OUTSTANDING).unwrap();
        let _awaited = Arc::clone(&probe.places).try_acquire_many_owned(awaited).unwrap();
        assert_eq!(outcome(&probe).await, Outcome::Ok);
        let left = u32::try_from(probe.places.available_permits()).unwrap();
        let _killed = Arc::clone(&probe.places).try_acquire_many_owned(left).unwrap();
        let Outcome::Inconclusive(why) = outcome(&probe).await else { panic!("it ran") };
        assert!(why.starts_with("10 earlier runs of the command are not gone"), "{why}");
    }

    #[tokio::test]
    async fn all_commands_together_have_a_bound() {
        static COMMON: Semaphore = Semaphore::const_new(1);
        let probe = ExecProbe { all_places: &COMMON, ..succeeding() };
        let taken = COMMON.try_acquire().unwrap();
        let Outcome::Inconclusive(why) = outcome(&probe).await else { panic!("it ran") };
        assert_eq!(why, "128 commands are running, and this node runs no more at once");
        drop(taken);
        // The place is given back with each run.
        for _ in 0..3 {
            assert_eq!(outcome(&probe).await, Outcome::Ok);
        }
    }

    #[test]
    fn output_is_read_as_the_plugin_api_has_it() {
        let said = Said::read(b"DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968\n/ 15272 MB (77%);\n/boot 68 MB | /boot=68MB\n/home=69357MB\n");
        assert_eq!(said.lines, ["DISK OK - free space: / 3326 MB (56%);", "/ 15272 MB (77%);", "/boot 68 MB"]);
        assert_eq!(said.figures, ["/=2643MB;5948;5958;0;5968", "/boot=68MB", "/home=69357MB"]);
        assert_eq!(Said::read(b""), Said::default());
    }

    #[test]
    fn placeholders_are_filled_inside_arguments_and_once() {
        let target = tests::target(MonitorKind::Tcp, "[::1]:25".parse().unwrap(), Duration::from_secs(1));
        let filled = |text| filled(text, &target);
        assert_eq!(
            filled("http://[{address}]:{port}/{host}?{service}"),
            Ok("http://[::1]:25/mx.example.org?mx".into())
        );
        assert_eq!(filled("{a} {} { {{port}"), Ok("{a} {} { {25".into()));
        assert_eq!(filled("-p{port}"), Ok("-p25".into()));
        let mut target = target.clone();
        target.host = "-x.example.org.".parse().unwrap();
        assert!(super::filled("{host}", &target).unwrap_err().contains("taken for an option"));
    }
}
