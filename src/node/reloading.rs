//! Reloading: by command, by signal, and when zone files change.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::copies;
use super::crew::in_background;
use super::desk::Desk;
use super::engine::{Message, with_remedy};
use super::loading::{self, Fallback, Loaded};
use super::peers::Identity;
use super::picture::Picture;
use super::roster::{self, Roster};
use super::secrets;
use crate::admin::api::ReloadOutcome;
use crate::admin::{Problem, ProblemKind};
use crate::config::Report;
use crate::model::{EventKind, Name, Settings, ZoneState};
use crate::serve::Secrets;
use crate::zone::Zone;

/// Zones of one kind of change that a reload tells of; the others are counted.
const ZONES_TOLD: usize = 100;

impl Desk {
    /// Serves the transferred zones as `change` leaves them in the roster. `cause` is journalled with what changed, where
    /// there is one: versions of zones have events of their own.
    pub async fn load_transferred(&self, change: impl FnOnce(&mut Roster) + Send + 'static, cause: Option<&str>) {
        let _one = self.reloading.lock().await;
        let picture = self.picture.load_full();
        let loaded = in_background(move || {
            let mut roster = Roster::clone(&picture.roster);
            change(&mut roster);
            let loaded = loading::with_roster(&picture, &roster);
            let gone: Vec<Name> = picture.roster.gone(&loaded.roster).cloned().collect();
            roster::forget(&copies::directory(&picture.settings), &gone);
            let changes = differences(&picture, &loaded);
            let troubles = loaded.troubles.clone();
            (loaded, changes, troubles)
        });
        let (loaded, changes, troubles) = match loaded.await {
            Ok(loaded) => loaded,
            Err(panic) => {
                self.journal.record(EventKind::ReloadFailed { detail: format!("transferred zones: {panic}") });
                return;
            }
        };
        let (done, answer) = oneshot::channel();
        // A node that is stopping needs no zones.
        let taken_over = self.ask(Message::Load(Box::new(loaded), done), answer).await.is_ok();
        if let (true, Some(cause), false) = (taken_over, cause, changes.is_empty()) {
            let detail = format!("{cause}: {}", changes.join("; "));
            self.journal.record(EventKind::Reloaded { detail, troubles });
        }
    }

    /// Makes `loaded` the configuration and zones in force.
    async fn take_over(&self, mut loaded: Loaded, cause: &str) -> Result<ReloadOutcome, Problem> {
        let troubles = loaded.troubles.clone();
        let before = self.picture.load_full();
        self.follow(std::mem::take(&mut loaded.states)).await;
        self.lint.loaded(&loaded.report, self.clock.wall());
        let warnings = loaded.report.warnings().map(ToString::to_string).collect();
        // A million zones are compared beside those that answer.
        let compared = in_background(move || (differences(&before, &loaded), loaded)).await;
        let failed = |panic| Problem::new(ProblemKind::Internal, format!("comparing failed: {panic}"));
        let (mut changes, loaded) = compared.map_err(failed)?;
        changes.extend(needs_restart(&self.at_start, &loaded.settings));
        let secrets = loaded.secrets.as_ref().map(|loaded| Arc::clone(&loaded.secrets));
        if secrets.as_ref().is_some_and(|secrets| !secrets.is_same_as(&self.secrets.load())) {
            changes.push("secrets changed".to_owned());
        }
        let (done, answer) = oneshot::channel();
        let generation = self.ask(Message::Load(Box::new(loaded), done), answer).await?;
        if let Some(secrets) = secrets {
            self.secrets.store(secrets);
        }
        let detail = if changes.is_empty() { "nothing changed".to_owned() } else { changes.join("; ") };
        self.journal.record(EventKind::Reloaded { detail: format!("{cause}: {detail}"), troubles });
        Ok(ReloadOutcome { schema: ReloadOutcome::SCHEMA.to_owned(), changes, warnings, generation })
    }

    /// Keeps how zones are served from now on. Where that cannot be written they are served all the same.
    async fn follow(&self, states: Vec<ZoneState>) {
        if states.is_empty() {
            return;
        }
        let ledger = Arc::clone(&self.ledger);
        if let Ok(Err(problem)) = tokio::task::spawn_blocking(move || ledger.follow(states)).await {
            // A node that is stopping needs no news.
            let _ = self.engine.send(Message::Part("store", Err(with_remedy(&problem)))).await;
        }
    }

    /// Loads everything anew; on any error nothing changes.
    pub async fn load_again(&self, cause: &str) -> Result<ReloadOutcome, Problem> {
        let _one = self.reloading.lock().await;
        let path = self.path.clone();
        let (before, ledger) = (Arc::clone(&self.picture.load().roster), Arc::clone(&self.ledger));
        let load = move || loading::load(&path, Fallback::Nothing, Some(&before), Some(&ledger));
        match in_background(load).await {
            Ok(Ok(loaded)) => {
                let outcome = self.take_over(loaded, cause).await;
                self.transfers.retry();
                outcome
            }
            Ok(Err(report)) => {
                self.lint.refused(&report, self.clock.wall());
                self.journal.record(EventKind::ReloadFailed { detail: report.to_string().trim_end().to_owned() });
                Err(refused_load(&report))
            }
            Err(panic) => Err(Problem::new(ProblemKind::Internal, format!("loading failed: {panic}"))),
        }
    }

    /// Takes up the cookie secrets as their file holds them now; if they cannot be used, those in use stay.
    pub async fn load_cookies(&self, cause: &str) {
        let _one = self.reloading.lock().await;
        let settings = Arc::clone(&self.picture.load().settings);
        let Some(file) = settings.cookies.secrets.clone() else { return };
        let read = move || (secrets::cookies(&file), secrets::load(&settings, Fallback::Start, &mut Report::new()));
        let detail = match in_background(read).await {
            Ok((Ok(cookies), all)) => {
                let before = self.secrets.load_full();
                let now = Secrets { keyring: before.keyring.clone(), cookies };
                // Keys of transaction signatures stay; only if they are good too, nothing is wrong with secrets any more.
                if all.is_some_and(|all| all.troubles.is_empty() && all.secrets.is_same_as(&now)) {
                    let good = Message::Part("secrets", Ok("the files are good again".to_owned()));
                    // A node that is stopping needs no news.
                    let _ = self.engine.send(good).await;
                }
                if !now.is_same_as(&before) {
                    self.secrets.store(Arc::new(now));
                    let troubles = self.picture.load().troubles.to_vec();
                    self.journal.record(EventKind::Reloaded { detail: format!("{cause}: secrets changed"), troubles });
                }
                return;
            }
            Ok((Err(problem), _)) => problem.to_string(),
            Err(panic) => panic.to_string(),
        };
        self.journal.record(EventKind::ReloadFailed { detail });
    }

    /// Loads zone files that changed on disk; a zone that broke keeps its last good version. Does nothing unless a
    /// serial changed or a zone broke.
    pub async fn load_changed_zones(&self, cause: Cause) {
        let _one = self.reloading.lock().await;
        let picture = self.picture.load_full();
        let settings = Arc::clone(&picture.settings);
        let (zones, geo, signed) = (Arc::clone(&picture.zones), picture.geo.clone(), Arc::clone(&picture.signed));
        let (before, ledger) = (Arc::clone(&picture.roster), Arc::clone(&self.ledger));
        let loaded = in_background(move || {
            let fallback = Fallback::LastGood(&zones, &geo, &signed);
            loading::assemble(settings, fallback, Some(&before), Some(&ledger), Report::new())
        })
        .await;
        match loaded {
            Ok(Ok(loaded)) => {
                let broken = !loaded.troubles.is_empty() || picture.degradations.contains_key("zone");
                if broken || loading::serials_differ(&picture.zones, &loaded.attribution.zones) {
                    for trouble in &loaded.troubles {
                        self.journal.record(EventKind::ReloadFailed { detail: trouble.clone() });
                    }
                    // A node that is stopping needs no zones.
                    let _ = self.take_over(loaded, cause.words()).await;
                } else if cause == Cause::Renewal || loading::only_keys_changed(&picture.marks, &loaded) {
                    // The same serials, and maybe other keys all the same.
                    let _ = self.take_over(loaded, cause.words()).await;
                } else {
                    let detail =
                        "a zone file changed but no serial did: not loaded; raise the serial, or use 'waypost reload'";
                    self.journal.record(EventKind::ReloadFailed { detail: detail.to_owned() });
                }
            }
            Ok(Err(report)) => {
                self.lint.refused(&report, self.clock.wall());
                self.journal.record(EventKind::ReloadFailed { detail: report.to_string().trim_end().to_owned() });
            }
            Err(panic) => self.journal.record(EventKind::ReloadFailed { detail: panic.to_string() }),
        }
    }
}

/// Why zones are loaded that nobody ordered to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Zone or key files changed.
    Files,
    /// Signed zones are due for other keys or another serial.
    Renewal,
}

impl Cause {
    const fn words(self) -> &'static str {
        match self {
            Self::Files => "zone or key files changed",
            Self::Renewal => "signed zones were due",
        }
    }
}

fn refused_load(report: &Report) -> Problem {
    Problem::new(ProblemKind::Diagnostics, "nothing was loaded; what ran before runs on")
        .with_diagnostics(report.errors().map(ToString::to_string).collect())
}

/// What a reload changes, in words.
fn differences(before: &Picture, loaded: &Loaded) -> Vec<String> {
    let mut changes = Vec::new();
    let (old, new) = (&before.zones, &loaded.attribution.zones);
    let (mut added, mut renewed) = (Vec::new(), Vec::new());
    for zone in new.not_in(old) {
        match old.get(zone.origin()) {
            None => added.push(zone),
            Some(had) if had.served_serial() != zone.served_serial() => renewed.push(zone),
            Some(_) => {}
        }
    }
    let removed = old.not_in(new).filter(|zone| new.get(zone.origin()).is_none()).collect();
    tell(&mut changes, added, "added", |zone| format!("added, serial {}", zone.served_serial()));
    tell(&mut changes, renewed, "of another serial", |zone| {
        let before = old.get(zone.origin()).map(Zone::served_serial).unwrap_or_default();
        format!("serial {before} -> {}", zone.served_serial())
    });
    tell(&mut changes, removed, "removed", |_| "removed".to_owned());
    let (had, has) = (&before.topology, &loaded.attribution.topology);
    if had.endpoints != has.endpoints {
        changes.push(format!("endpoints {} -> {}", had.endpoints.len(), has.endpoints.len()));
    }
    if had.sites != has.sites {
        changes.push("sites changed".to_owned());
    }
    if had.services != has.services {
        changes.push("services changed".to_owned());
    }
    if had.monitors != has.monitors {
        changes.push("monitors changed".to_owned());
    }
    if had.assertions != has.assertions {
        changes.push("assertions changed".to_owned());
    }
    changes.extend(settings_changed(&before.settings, &loaded.settings));
    changes
}

/// Sections that are followed at once and that nothing else tells of, in words.
fn settings_changed(had: &Settings, has: &Settings) -> Vec<String> {
    let policies = |settings: &Settings| {
        settings.zones.iter().map(|source| (source.origins.clone(), source.policy.clone())).collect::<Vec<_>>()
    };
    let sections = [
        ("geo settings", had.geo != has.geo),
        ("safety settings", had.safety != has.safety),
        ("[objectives]", had.objectives != has.objectives),
        ("[audit]", had.audit != has.audit),
        ("[dnssec]", had.dnssec != has.dnssec),
        ("[[drill]]", had.drills != has.drills),
        ("[[notify]]", had.notify != has.notify),
        ("[[hook]]", had.hooks != has.hooks),
        ("[[zone]]", policies(had) != policies(has)),
        ("who [admin] lets in", had.admin.entrance != has.admin.entrance),
    ];
    sections.into_iter().filter(|(_, changed)| *changed).map(|(section, _)| format!("{section} changed")).collect()
}

/// Says of each of `zones` what `words` has for it; of many, only of the first by name, and how many more there are.
fn tell(changes: &mut Vec<String>, mut zones: Vec<&Zone>, outcome: &str, words: impl Fn(&Zone) -> String) {
    let more = zones.len().saturating_sub(ZONES_TOLD);
    if more > 0 {
        zones.select_nth_unstable_by(ZONES_TOLD, |one, other| one.origin().as_wire().cmp(other.origin().as_wire()));
        zones.truncate(ZONES_TOLD);
    }
    let mut told: Vec<String> = zones.iter().map(|zone| format!("zone {} {}", zone.origin(), words(zone))).collect();
    told.sort();
    changes.extend(told);
    if more > 0 {
        changes.push(format!("{more} more zones {outcome}"));
    }
}

/// Settings that a running node cannot change, in words.
fn needs_restart(at_start: &Settings, now: &Settings) -> Vec<String> {
    let mut changes = Vec::new();
    if at_start.node.listen != now.node.listen {
        changes.push("node.listen changed: restart the node to use it".to_owned());
    }
    for (key, changed) in [
        ("listen", at_start.admin.listen != now.admin.listen),
        ("socket", at_start.admin.socket != now.admin.socket),
        ("certificate, key or client_ca", at_start.admin.tls != now.admin.tls),
    ] {
        if changed {
            changes.push(format!("{key} of [admin] changed: restart the node to use it"));
        }
    }
    if at_start.audit.history != now.audit.history {
        changes.push("history of [audit] changed: restart the node to use it".to_owned());
    }
    if at_start.state != now.state {
        changes.push("[state] changed: restart the node to use it".to_owned());
    }
    for (section, changed) in [
        ("encrypted", at_start.encrypted != now.encrypted),
        ("limits", at_start.limits != now.limits),
        ("rate_limit", at_start.rate_limit != now.rate_limit),
    ] {
        if changed {
            changes.push(format!("[{section}] changed: restart the node to use it"));
        }
    }
    let (before, after) = (Identity::of(at_start), Identity::of(now));
    for (key, changed) in [
        ("name", before.name != after.name),
        ("site", before.site != after.site),
        ("failure_domain", before.failure_domain != after.failure_domain),
    ] {
        if changed {
            changes.push(format!("node.{key} changed: restart the node to use it"));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_reload_names_every_section_that_it_changed() {
        let read = |more: &str| {
            let text = format!(
                "[node]\nname = \"n\"\nlisten = [\"127.0.0.1:5353\"]\n[[site]]\nname = \"fra\"\nlocation = {{ country = \"DE\" }}\n\
                 networks = [\"192.0.2.0/26\"]\n[[site]]\nname = \"iad\"\nlocation = {{ country = \"US\" }}\n\
                 networks = [\"198.51.100.0/26\"]\n[[service]]\nname = \"mx\"\nnames = [\"a.example\", \"mx.a.example\"]\n\
                 types = [\"MX\", \"A\"]\nmonitors = [\"tcp\"]\n[monitor.tcp]\nkind = \"tcp\"\nport = 25\n\
                 [[zone]]\norigin = \"a.example\"\nfile = \"a\"\n{more}"
            );
            let (settings, report) = crate::config::read(Path::new("waypost.toml"), &text);
            settings.unwrap_or_else(|| panic!("{report}"))
        };
        let before = read("");
        for (section, more) in [
            ("[objectives]", "[objectives]\nrto = \"10m\"\n"),
            ("[audit]", "[audit]\nkeep = \"30d\"\n"),
            (
                "[[drill]]",
                "[[drill]]\nname = \"daily\"\nsites = [\"iad\"]\nevery = \"7d\"\nfrom = \"10:00\"\nto = \"12:00\"\nzone = \"UTC\"\n",
            ),
            ("[[notify]]", "[[notify]]\nname = \"c\"\nkind = \"slack\"\nsecret_file = \"c.url\"\n"),
            ("[[hook]]", "[[hook]]\nname = \"mend\"\nsite = \"fra\"\non = [\"down\"]\ncommand = [\"/bin/true\"]\n"),
        ] {
            assert_eq!(settings_changed(&before, &read(more)), [format!("{section} changed")]);
        }
        assert!(settings_changed(&before, &read("")).is_empty());
        assert!(needs_restart(&before, &read("[audit]\nhistory = 1\n")).iter().any(|said| said.contains("history")));
    }
}
