//! `key rollover`: a key takes the place of another.

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;

use super::super::arguments::Global;
use super::super::exit::{Exit, Failure};
use super::super::output::{Format, Output};
use super::arguments::{Rollover, Subject};
use super::documents::{KeysetDocument, Keysets};
use super::place::{Place, failure, unread};
use super::words::timeline;
use crate::admin::api::words::{moment, moment_and_distance, span};
use crate::dnssec::lifecycle::{ParentChecked, Policy, Refusal, ds_seen, roll, take_back};
use crate::dnssec::{DnssecKey, KeyRole, Keyset, KeysetName};
use crate::node::keyset_files::{self, Earlier};

pub(super) fn rollover(global: &Global, output: &Output, arguments: &Rollover) -> Result<Exit, Failure> {
    let place = Place::find(global, &arguments.directory)?;
    let name = place.subject(&arguments.subject)?;
    let policy = place.policy(&name, &arguments.times, output);
    // Two commands at once would each undo what the other does.
    let _alone = keyset_files::lock(&place.directory, &name).map_err(unread)?;
    let before = place.read(&name)?;
    let now = Timestamp::now();
    let scene = Scene { place: &place, name: &name, subject: &arguments.subject, now };
    let (after, said) = match scene.change(arguments, &before, &policy) {
        Ok(changed) => changed,
        Err(Refusal::Known { tag, since }) => {
            output.progress(&format!(
                "nothing to do: the DS of key {tag} is known to be at the parent since {}",
                moment(since)
            ));
            return Ok(Exit::Done);
        }
        Err(refusal) => return Err(scene.failure(refusal, &before)),
    };
    if !arguments.dry_run {
        keyset_files::write(&place.directory, &name, &after, Earlier::Replaced).map_err(failure)?;
    }
    scene.tell(output, arguments, &after, &said, &policy)?;
    Ok(Exit::Done)
}

/// What one rollover command is about.
struct Scene<'a> {
    place: &'a Place,
    name: &'a KeysetName,
    subject: &'a Subject,
    now: Timestamp,
}

impl Scene<'_> {
    /// The keyset after the command, and what that did.
    fn change(&self, arguments: &Rollover, before: &Keyset, policy: &Policy) -> Result<(Keyset, String), Refusal> {
        let now = self.now;
        if arguments.ds_published {
            let after = ds_seen(before, now, policy)?;
            let tag = before.awaited(now).map_or(0, |awaited| awaited.key.tag());
            return Ok((after, format!("the DS of key {tag} is at the parent")));
        }
        let role = arguments.role.map_or_else(|| default_role(before, arguments.cancel, now), KeyRole::from);
        if arguments.cancel {
            let checked = if arguments.force { ParentChecked::HasNoDs } else { ParentChecked::Unknown };
            let after = take_back(before, role, checked, now, policy)?;
            return Ok((after, format!("the rollover of the {} is taken back", role.as_str())));
        }
        let random = SystemRandom::new();
        let old = before.keys().iter().find(|key| key.duty().role() == role && !key.is_removed(now));
        let old = old.map_or(0, |key| key.key().tag());
        let after = roll(before, role, &mut || DnssecKey::generate(&random), now, policy)?;
        let new = after.keys().last().map_or(0, |key| key.key().tag());
        Ok((after, format!("key {new} ({}) begins to take the place of key {old}", role.as_str())))
    }

    fn tell(
        &self,
        output: &Output,
        arguments: &Rollover,
        after: &Keyset,
        said: &str,
        policy: &Policy,
    ) -> Result<(), Failure> {
        let now = self.now;
        let path = keyset_files::path_of(&self.place.directory, self.name);
        if arguments.dry_run {
            // The key of a dry run is gone: its tag would only confuse.
            output.progress("dry run: nothing was changed; a real run makes a key with another tag");
        }
        match output.format() {
            Format::Json | Format::Jsonl | Format::Name => output.show(
                &Keysets {
                    schema: Keysets::SCHEMA,
                    time: moment(now),
                    keysets: vec![KeysetDocument::of(self.name, &path, after, now)],
                },
                |_| Vec::new(),
            )?,
            Format::Table | Format::Wide => {
                output.line(&format!("{}: {said}", self.name))?;
                let told = self.place.command("rollover --ds-published", self.name);
                if let Some(timeline) = timeline(after, now, &told, output.page()) {
                    output.line(&timeline)?;
                }
            }
        }
        if arguments.dry_run {
            return Ok(());
        }
        output.progress(&format!(
            "next: copy {} to every other node that serves the zone within {}; running nodes take it up by themselves",
            path.display(),
            span(policy.propagation)
        ));
        if after.awaited(now).is_some_and(|awaited| awaited.from <= now) {
            output.progress(&format!("the DS for the parent: {}", self.place.ds_command(self.name, self.subject)));
        }
        if !arguments.ds_published && !arguments.cancel {
            let role = after.keys().last().map_or("csk", |key| key.duty().role().as_str());
            let verb = format!("rollover --cancel --role {role}");
            output.progress(&format!("undo: {}", self.place.command(&verb, self.name)));
        }
        Ok(())
    }

    /// What a refusal is for this command, with its remedy.
    fn failure(&self, refusal: Refusal, keyset: &Keyset) -> Failure {
        let list = self.place.command("list", self.name).replace("--keyset ", "");
        let told = || self.place.command("rollover --ds-published", self.name);
        let remedy = match refusal {
            Refusal::NoSuchRole(_) => {
                let roles: Vec<&str> = [KeyRole::Csk, KeyRole::Ksk, KeyRole::Zsk]
                    .into_iter()
                    .filter(|role| keyset.keys().iter().any(|key| key.duty().role() == *role))
                    .map(KeyRole::as_str)
                    .collect();
                return Failure::Usage(format!("{refusal}; choose with --role {}", roles.join(" or --role ")));
            }
            Refusal::NotUnderWay(_) => return Failure::Negative(refusal.to_string()),
            Refusal::Key(_) | Refusal::Keyset(_) => return Failure::Fault(refusal.to_string()),
            Refusal::UnderWay(role) if role != KeyRole::Zsk && keyset.awaited(self.now).is_some() => {
                format!("end it first: have the parent take the DS, then '{}'; its steps: '{list}'", told())
            }
            Refusal::UnderWay(_) => format!("wait until it has ended; its steps: '{list}'"),
            Refusal::Times(fault) => fault.remedy().to_owned(),
            Refusal::Clock(_) => "set the clock".to_owned(),
            Refusal::TooEarly { known, .. } => {
                let known = moment_and_distance(known, self.now);
                format!("keep the DS of the old key at the parent, and say so again {known}")
            }
            Refusal::Known { .. } => "nothing".to_owned(),
            Refusal::Offered(tag) => format!(
                "look whether the parent has the DS of key {tag}: if so, go on with '{}'; if not, add --force",
                told()
            ),
            Refusal::TakenOver(_) => "wait until the rollover has ended, and begin another".to_owned(),
        };
        Failure::Refused { detail: refusal.to_string(), remedy }
    }
}

/// The role that is meant where none is named: of a rollover to take back the one that is under way, else the csk.
fn default_role(keyset: &Keyset, cancel: bool, now: Timestamp) -> KeyRole {
    let living =
        |role: KeyRole| keyset.keys().iter().filter(|key| key.duty().role() == role && !key.is_removed(now)).count();
    let under_way = [KeyRole::Csk, KeyRole::Ksk, KeyRole::Zsk].into_iter().find(|role| living(*role) > 1);
    under_way.filter(|_| cancel).unwrap_or(KeyRole::Csk)
}
