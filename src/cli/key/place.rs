//! Where the keyset lies that a command is about, and what its zones' TTLs are.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::arguments::Global;
use super::super::configured::configuration;
use super::super::exit::Failure;
use super::super::output::Output;
use super::arguments::{Directory, Subject, Times};
use crate::config;
use crate::dnssec::lifecycle::Policy;
use crate::dnssec::{Keyset, KeysetName};
use crate::model::{Name, Settings, ZoneOrigins};
use crate::node::keyset_files::Problem;
use crate::node::{key_ttls, keys, keyset_files};

/// The key directory, and the configuration that names it where there is one.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    settings: Option<Settings>,
    /// What of the command line leads here, for commands that are printed.
    options: String,
}

impl Place {
    /// What the options name.
    pub(super) fn find(global: &Global, directory: &Directory) -> Result<Self, Failure> {
        let file = match (&global.config, &directory.dir) {
            (Some(file), _) => Some(file.clone()),
            // A configuration that happens to lie about does not count where a directory is named.
            (None, Some(_)) => None,
            (None, None) => Some(configuration(global).map_err(|_| {
                let detail = "there is no configuration that says where keys lie; name one with --config FILE, or the \
                              directory with --dir DIR";
                Failure::Usage(detail.to_owned())
            })?),
        };
        let settings = file.as_deref().map(read_settings).transpose()?;
        let mut options = String::new();
        for (option, path) in [("--config", &global.config), ("--dir", &directory.dir)] {
            if let Some(path) = path {
                options = format!("{options} {option} {}", path.display());
            }
        }
        let configured = settings.as_ref().map(|settings| settings.dnssec.keys.clone());
        let directory = directory.dir.clone().or(configured).unwrap_or_default();
        Ok(Self { directory, settings, options })
    }

    /// The keyset that signs `zone`.
    pub(super) fn keyset_of(&self, zone: &Name) -> KeysetName {
        let sources = self.settings.iter().flat_map(|settings| &settings.zones);
        let mut named = sources.filter(|source| matches!(&source.origins, ZoneOrigins::One(origin) if origin == zone));
        let configured = named.find_map(|source| keys::keyset_name(zone, &source.policy)?.ok());
        configured.unwrap_or_else(|| KeysetName::of_zone(zone))
    }

    /// The keyset that a command is about.
    pub(super) fn subject(&self, subject: &Subject) -> Result<KeysetName, Failure> {
        match (&subject.keyset, &subject.zone) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(zone)) => Ok(self.keyset_of(zone)),
            (None, None) => Err(Failure::Usage("name a zone, or a keyset with --keyset NAME".to_owned())),
        }
    }

    /// `waypost key VERB` for the same keyset, as it can be typed.
    pub(super) fn command(&self, verb: &str, name: &KeysetName) -> String {
        format!("waypost key {verb} --keyset {name}{}", self.options)
    }

    /// `waypost key ds` for the zone or zones of the keyset.
    pub(super) fn ds_command(&self, name: &KeysetName, subject: &Subject) -> String {
        let options = &self.options;
        match &subject.zone {
            Some(zone) => format!("waypost key ds {zone}{options}"),
            None => format!("waypost key ds ZONE --keyset {name}{options}"),
        }
    }

    /// How the file of a new keyset comes to the other nodes.
    pub(super) fn spread(&self) -> &'static str {
        let is_shared = self.settings.as_ref().is_some_and(|settings| settings.secrets.shared_under.is_some());
        if is_shared {
            "the other nodes get the file through the store by themselves ([secrets] share = true)"
        } else {
            "copy the file to every node that serves the zone (mode 0600)"
        }
    }

    /// The keyset `name`; a file that is missing or has faults is what was typed wrong.
    pub(super) fn read(&self, name: &KeysetName) -> Result<Keyset, Failure> {
        keyset_files::read(&self.directory, name).map_err(unread)
    }

    /// What the moments of the keyset's life are reckoned from: its zones, but at least the defaults, for a TTL that
    /// was lowered lately is in caches still; and what was typed above all.
    pub(super) fn policy(&self, name: &KeysetName, times: &Times, output: &Output) -> Policy {
        let mut policy = Policy::default();
        if let Some(settings) = &self.settings {
            let (found, unread) = key_ttls::longest(settings, name);
            for problem in unread {
                output.progress(&format!("warning: TTLs of a zone could not be read: {problem}; see --zone-ttl"));
            }
            let found = found.unwrap_or_default();
            policy.dnskey_ttl = policy.dnskey_ttl.max(found.soa);
            policy.zone_ttl = policy.zone_ttl.max(found.longest);
        }
        times.over(policy)
    }
}

fn read_settings(file: &Path) -> Result<Settings, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("the configuration '{}' cannot be read: {error}", file.display())))?;
    config::read(file, &text).0.ok_or_else(|| {
        let file = file.display();
        Failure::Usage(format!(
            "the configuration '{file}' has errors; see: waypost check --config {file}, or use --dir DIR"
        ))
    })
}

/// What a problem is for a command that cannot begin for it.
pub(super) fn unread(problem: Problem) -> Failure {
    match failure(problem) {
        Failure::Negative(said) => Failure::Usage(said),
        failure => failure,
    }
}

/// What a problem with files is for a command.
pub(super) fn failure(problem: Problem) -> Failure {
    let is_denied = matches!(problem, Problem::Denied(_));
    if let Problem::Exists(found) = problem {
        return Failure::Refused { detail: format!("{}: {}", found.file.display(), found.what), remedy: found.remedy };
    }
    let said: Vec<String> = problem.diagnostics().iter().map(ToString::to_string).collect();
    let said = said.join("\n");
    if is_denied { Failure::NotAuthorised(said) } else { Failure::Negative(said) }
}
