//! `key generate`: the first keys of a keyset.

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;

use super::super::arguments::Global;
use super::super::exit::{Exit, Failure};
use super::super::output::{Format, Output};
use super::arguments::Generate;
use super::documents::{KeysetDocument, Keysets};
use super::place::{Place, failure, unread};
use crate::admin::api::words::moment;
use crate::dnssec::DnssecKey;
use crate::dnssec::lifecycle::{Division, begin};
use crate::node::keyset_files::{self, Earlier};

pub(super) fn generate(global: &Global, output: &Output, arguments: &Generate) -> Result<Exit, Failure> {
    let place = Place::find(global, &arguments.directory)?;
    let name = place.subject(&arguments.subject)?;
    let now = Timestamp::now();
    let policy = place.policy(&name, &arguments.times, output);
    let division = if arguments.split { Division::Split } else { Division::Combined };
    let random = SystemRandom::new();
    let keyset = begin(division, &mut || DnssecKey::generate(&random), now, &policy)
        .map_err(|refusal| Failure::Fault(refusal.to_string()))?;
    keyset_files::make_directory(&place.directory).map_err(failure)?;
    let _alone = keyset_files::lock(&place.directory, &name).map_err(unread)?;
    keyset_files::write(&place.directory, &name, &keyset, Earlier::Kept).map_err(failure)?;

    let path = keyset_files::path_of(&place.directory, &name);
    match output.format() {
        Format::Json | Format::Jsonl | Format::Name => output.show(
            &Keysets {
                schema: Keysets::SCHEMA,
                time: moment(now),
                keysets: vec![KeysetDocument::of(&name, &path, &keyset, now)],
            },
            |_| Vec::new(),
        )?,
        Format::Table | Format::Wide => {
            for key in keyset.keys() {
                output.line(&format!(
                    "key {} ({}) in {}",
                    key.key().tag(),
                    key.duty().role().as_str(),
                    path.display()
                ))?;
            }
        }
    }
    let sign = match &arguments.subject.keyset {
        Some(name) => format!("dnssec = {{ keyset = \"{name}\" }}"),
        None => "dnssec = true".to_owned(),
    };
    let offered = keyset.awaited(now).map_or(now, |awaited| awaited.from);
    output.progress(&format!(
        "next: {}, write {sign} in its [[zone]] and run 'waypost reload'.\n\
         Then, not before {} and not before every cache has forgotten the unsigned zone: give the parent what '{}' \
         prints.\n\
         undo: delete {}, as long as no zone is signed with it",
        place.spread(),
        moment(offered),
        place.ds_command(&name, &arguments.subject),
        path.display()
    ));
    Ok(Exit::Done)
}
