//! Hooks: a task each, one run at a time, as often as declared and no more.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::bounds::HOOK_WAITING;
use super::hook_process::run;
use crate::model::{Hook, HookOutcome, State};

/// An endpoint came to another state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Service name.
    pub service: String,
    /// Site name.
    pub site: String,
    /// The endpoint's address.
    pub address: IpAddr,
    /// The monitors that see the new state; all of the service's, where this node sees another than the nodes agreed on.
    pub monitors: Vec<String>,
    /// Before.
    pub from: State,
    /// After.
    pub to: State,
    /// Why.
    pub reason: String,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The hook's name.
    pub name: String,
    /// What it ran for.
    pub transition: Transition,
    /// What came of it.
    pub outcome: HookOutcome,
    /// The beginning of what it said, or why it did not run.
    pub detail: String,
}

type Hear = Arc<dyn Fn(Ran) + Send + Sync>;

/// All hooks. Dropped, they stop, and what runs is killed.
pub struct Hooks {
    hooks: Vec<Running>,
    hear: Hear,
}

struct Running {
    hook: Arc<Hook>,
    runs: mpsc::Sender<Transition>,
    task: JoinHandle<()>,
    /// When it ran, within the span that is counted.
    times: VecDeque<Instant>,
}

impl Hooks {
    /// Starts them; `hear` is told of each run.
    #[must_use]
    pub fn start(hooks: &[Hook], hear: Hear) -> Self {
        let running = hooks.iter().map(|hook| Running::start(hook, &hear)).collect();
        Self { hooks: running, hear }
    }

    /// Whether these are the ones that run.
    #[must_use]
    pub fn are(&self, hooks: &[Hook]) -> bool {
        self.hooks.len() == hooks.len() && self.hooks.iter().zip(hooks).all(|(running, hook)| *running.hook == *hook)
    }

    /// Takes what `hooks` declare; those that stay keep what they count.
    pub fn become_those(&mut self, hooks: &[Hook]) {
        let mut before = std::mem::take(&mut self.hooks);
        for hook in hooks {
            let known = before.iter().position(|running| *running.hook == *hook);
            self.hooks.push(match known {
                Some(position) => before.swap_remove(position),
                None => Running::start(hook, &self.hear),
            });
        }
    }

    /// Starts those that `transition` is for. Never waits.
    pub fn happened(&mut self, transition: &Transition) {
        for running in &mut self.hooks {
            if is_for(&running.hook, transition) {
                running.happened(transition, &self.hear);
            }
        }
    }
}

/// Whether `hook` runs for `transition`. That an endpoint is well at first is no recovery.
fn is_for(hook: &Hook, transition: &Transition) -> bool {
    let fits = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    let is_first = transition.from == State::Unknown && transition.to == State::Up;
    hook.on.contains(&transition.to)
        && !is_first
        && fits(&hook.service, &transition.service)
        && fits(&hook.site, &transition.site)
        && hook.monitor.as_ref().is_none_or(|monitor| transition.monitors.contains(monitor))
}

impl Running {
    fn start(hook: &Hook, hear: &Hear) -> Self {
        let hook = Arc::new(hook.clone());
        let (runs, waiting) = mpsc::channel(HOOK_WAITING);
        let task = tokio::spawn(keep(Arc::clone(&hook), waiting, Arc::clone(hear)));
        Self { hook, runs, task, times: VecDeque::new() }
    }

    fn happened(&mut self, transition: &Transition, hear: &Hear) {
        let (now, hook) = (Instant::now(), &self.hook);
        while self.times.front().is_some_and(|time| now.duration_since(*time) >= hook.per) {
            self.times.pop_front();
        }
        let limited = |detail: String| {
            let (name, transition) = (hook.name.clone(), transition.clone());
            hear(Ran { name, transition, outcome: HookOutcome::Limited, detail });
        };
        if self.times.len() >= usize::try_from(hook.at_most).unwrap_or(usize::MAX) {
            limited(format!("it ran {} times within {} s", hook.at_most, hook.per.as_secs()));
            return;
        }
        match self.runs.try_send(transition.clone()) {
            Ok(()) => self.times.push_back(now),
            Err(TrySendError::Full(_)) => limited(format!("{HOOK_WAITING} runs wait for the one before")),
            Err(TrySendError::Closed(_)) => {}
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What runs is killed with its group.
        self.task.abort();
    }
}

async fn keep(hook: Arc<Hook>, mut waiting: mpsc::Receiver<Transition>, hear: Hear) {
    while let Some(transition) = waiting.recv().await {
        let environment = environment(&hook, &transition);
        let (outcome, detail) = run(&hook.program, &hook.arguments, &environment, hook.timeout).await;
        hear(Ran { name: hook.name.clone(), transition, outcome, detail });
    }
}

fn environment(hook: &Hook, transition: &Transition) -> Vec<(&'static str, String)> {
    vec![
        ("WAYPOST_HOOK", hook.name.clone()),
        ("WAYPOST_SERVICE", transition.service.clone()),
        ("WAYPOST_SITE", transition.site.clone()),
        ("WAYPOST_ADDRESS", transition.address.to_string()),
        ("WAYPOST_MONITOR", transition.monitors.join(",")),
        ("WAYPOST_FROM", transition.from.to_string()),
        ("WAYPOST_TO", transition.to.to_string()),
        ("WAYPOST_REASON", transition.reason.clone()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    fn hook(at_most: u32) -> Hook {
        Hook {
            name: "mend".into(),
            monitor: Some("smtp".into()),
            service: Some("mx".into()),
            site: None,
            on: BTreeSet::from([State::Down, State::Up]),
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "echo $WAYPOST_SITE $WAYPOST_FROM $WAYPOST_TO".into()],
            timeout: Duration::from_secs(60),
            at_most,
            per: Duration::from_secs(3_600),
        }
    }

    fn down() -> Transition {
        Transition {
            service: "mx".into(),
            site: "fra".into(),
            address: "192.0.2.1".parse().unwrap(),
            monitors: vec!["smtp".into()],
            from: State::Up,
            to: State::Down,
            reason: "refused".into(),
        }
    }

    #[test]
    fn a_hook_runs_for_what_it_names() {
        let hook = hook(5);
        assert!(is_for(&hook, &down()));
        assert!(!is_for(&hook, &Transition { service: "imap".into(), ..down() }));
        assert!(!is_for(&hook, &Transition { monitors: vec!["tcp".into()], ..down() }));
        assert!(!is_for(&hook, &Transition { to: State::Deferring, ..down() }));
        assert!(is_for(&hook, &Transition { from: State::Down, to: State::Up, ..down() }));
        assert!(!is_for(&hook, &Transition { from: State::Unknown, to: State::Up, ..down() }));
    }

    #[tokio::test]
    async fn a_hook_runs_as_often_as_it_may_and_what_it_did_is_told() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let hear: Hear = Arc::new(move |ran: Ran| tell.send((ran.outcome, ran.detail)).unwrap());
        let mut hooks = Hooks::start(&[hook(2)], hear);
        for _ in 0..3 {
            hooks.happened(&down());
        }
        let mut heard = Vec::new();
        while heard.len() < 3 {
            heard.push(told.recv().await.unwrap());
        }
        heard.sort();
        let ran = (HookOutcome::Succeeded, "fra up down".to_owned());
        assert_eq!(heard, [ran.clone(), ran, (HookOutcome::Limited, "it ran 2 times within 3600 s".to_owned())]);
        hooks.become_those(&[hook(2)]);
        hooks.happened(&down());
        assert_eq!(told.recv().await.unwrap().0, HookOutcome::Limited, "what is counted outlives a reload");
    }
}
