//! Hooks: a task each, one run at a time, as often as declared and no more.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
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

/// All hooks. Dropped, they stop: what runs is killed, what waits does not run, and both are told.
pub struct Hooks {
    hooks: Vec<Running>,
    hear: Hear,
}

struct Running {
    hook: Arc<Hook>,
    runs: Arc<Runs>,
    task: JoinHandle<()>,
    hear: Hear,
    /// When it ran, within the span that is counted.
    times: VecDeque<Instant>,
}

/// What a hook runs for, one after another.
#[derive(Default)]
struct Runs {
    queue: Mutex<VecDeque<Run>>,
    wake: Notify,
}

enum Run {
    /// It runs; taken out before its outcome is told, so that each is told once.
    Underway(Transition),
    /// It waits for the one before.
    Waiting(Transition),
}

impl Runs {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Run>> {
        // Nothing panics between two changes that belong together.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next to run, which is under way from now on.
    async fn next(&self) -> Transition {
        loop {
            if let Some(first) = self.lock().front_mut() {
                let (Run::Underway(transition) | Run::Waiting(transition)) = &*first;
                let transition = transition.clone();
                *first = Run::Underway(transition.clone());
                return transition;
            }
            self.wake.notified().await;
        }
    }
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
                running.happened(transition);
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
        let runs = Arc::new(Runs::default());
        let task = tokio::spawn(keep(Arc::clone(&hook), Arc::clone(&runs), Arc::clone(hear)));
        Self { hook, runs, task, hear: Arc::clone(hear), times: VecDeque::new() }
    }

    fn happened(&mut self, transition: &Transition) {
        let (now, hook) = (Instant::now(), &self.hook);
        while self.times.front().is_some_and(|time| now.duration_since(*time) >= hook.per) {
            self.times.pop_front();
        }
        let limited = |detail: String| {
            let (name, transition) = (hook.name.clone(), transition.clone());
            (self.hear)(Ran { name, transition, outcome: HookOutcome::Limited, detail });
        };
        if self.times.len() >= usize::try_from(hook.at_most).unwrap_or(usize::MAX) {
            limited(format!("it ran {} times within {} s", hook.at_most, hook.per.as_secs()));
            return;
        }
        let mut queue = self.runs.lock();
        if queue.iter().filter(|run| matches!(run, Run::Waiting(_))).count() >= HOOK_WAITING {
            drop(queue);
            limited(format!("{HOOK_WAITING} runs wait for the one before"));
            return;
        }
        queue.push_back(Run::Waiting(transition.clone()));
        drop(queue);
        self.runs.wake.notify_one();
        self.times.push_back(now);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What runs is killed with its group.
        self.task.abort();
        for run in std::mem::take(&mut *self.runs.lock()) {
            let (transition, detail) = match run {
                Run::Underway(transition) => {
                    (transition, "killed: the node stops, or does not have this hook any more")
                }
                Run::Waiting(transition) => {
                    (transition, "not started: the node stops, or does not have this hook any more")
                }
            };
            let (name, outcome) = (self.hook.name.clone(), HookOutcome::Interrupted);
            (self.hear)(Ran { name, transition, outcome, detail: detail.to_owned() });
        }
    }
}

async fn keep(hook: Arc<Hook>, runs: Arc<Runs>, hear: Hear) {
    loop {
        let transition = runs.next().await;
        let environment = environment(&hook, &transition);
        let (outcome, detail) = run(&hook.program, &hook.arguments, &environment, hook.timeout).await;
        if runs.lock().pop_front().is_none() {
            // It was told as interrupted at this very moment.
            return;
        }
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

    use tokio::sync::mpsc;

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
    async fn what_is_killed_and_what_waits_for_it_is_told() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let hear: Hear = Arc::new(move |ran: Ran| tell.send((ran.outcome, ran.detail)).unwrap());
        let place = tempfile::tempdir().unwrap();
        let began = place.path().join("began");
        let script = format!("touch {}; sleep 1000", began.display());
        let slow = Hook { arguments: vec!["-c".into(), script], ..hook(5) };
        let mut hooks = Hooks::start(&[slow], hear);
        hooks.happened(&down());
        hooks.happened(&down());
        while !began.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(hooks);
        let (first, second) = (told.recv().await.unwrap(), told.recv().await.unwrap());
        assert_eq!((first.0, second.0), (HookOutcome::Interrupted, HookOutcome::Interrupted));
        assert!(first.1.starts_with("killed:") && second.1.starts_with("not started:"), "{first:?} {second:?}");
        assert_eq!(told.recv().await, None, "each is told once");
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
