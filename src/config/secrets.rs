//! `[secrets]`: how files of secrets come to the other nodes.

use super::reader::Reader;
use super::value::Table;
use crate::model::{SecretsSettings, StateSettings};

/// `[secrets]`. `share` defaults to false: operators bring the files to each node.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>, state: &StateSettings) -> SecretsSettings {
    let Some(table) = reader.section(root, "secrets") else { return SecretsSettings::default() };
    reader.allow(&table, &["share", "key_file"]);
    let share = table.get("share");
    let shared = share.as_ref().and_then(|value| reader.boolean(value)) == Some(true);
    let key_file = table.get("key_file");
    if let (false, Some(value)) = (shared, &key_file) {
        let remedy = "add share = true, or delete key_file";
        reader.warning(
            &value.key_span,
            "key_file of [secrets] without effect",
            "it together with share = true",
            remedy,
        );
    }
    let shared_under = key_file.and_then(|value| reader.path(&value));
    let Some(share) = share.filter(|_| shared) else { return SecretsSettings::default() };
    if table.get("key_file").is_none() {
        let remedy =
            "make one with 'waypost key cluster cluster.key', copy it to all nodes and add key_file = \"cluster.key\"";
        reader.missing(&table, "key_file", "the file of the key that shared secrets are sealed under", remedy);
    }
    if state.etcd.is_none() && reader.is_good() {
        let expected = "a store that the nodes share, store = \"etcd\" in [state]";
        let remedy = "delete share, and bring the files to each node; or give the nodes a store that they share";
        reader.error(&share.span, "share = true in [secrets] of a node with a store of its own", expected, remedy);
    }
    SecretsSettings { shared_under }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use toml::de::DeTable;

    use super::*;
    use crate::config::Report;
    use crate::model::EtcdSettings;

    const FILE: &str = "/etc/waypost/waypost.toml";

    /// What `text` says on a node with a store that nodes share, or without.
    fn read_text(text: &str, etcd: Option<EtcdSettings>) -> (SecretsSettings, Report) {
        let document = DeTable::parse(text).unwrap();
        let mut reader = Reader::new(Path::new(FILE), text);
        let state = StateSettings { path: PathBuf::from("/var/lib/waypost"), etcd };
        let settings = read(&mut reader, &Table::root(&document), &state);
        (settings, reader.finish())
    }

    fn etcd() -> Option<EtcdSettings> {
        Some(EtcdSettings {
            endpoints: vec!["http://192.0.2.1:2379".to_owned()],
            prefix: "/waypost".to_owned(),
            ca: None,
            identity: None,
            login: None,
        })
    }

    #[test]
    fn nothing_is_shared_unless_it_is_said() {
        for text in ["", "[secrets]\n", "[secrets]\nshare = false\n"] {
            let (settings, report) = read_text(text, etcd());
            assert!(report.is_empty(), "{report}");
            assert_eq!(settings, SecretsSettings::default());
        }
        let (settings, report) = read_text("[secrets]\nshare = true\nkey_file = \"cluster.key\"\n", etcd());
        assert!(report.is_empty(), "{report}");
        assert_eq!(settings.shared_under, Some(PathBuf::from("/etc/waypost/cluster.key")));
    }

    #[test]
    fn slips_have_their_place_and_their_remedy() {
        for (text, etcd, line, words) in [
            ("[secrets]\nshare = true\n", etcd(), 1, "waypost key cluster"),
            ("[secrets]\nkey_file = \"k\"\n", etcd(), 2, "without effect"),
            ("[secrets]\nshare = false\nkey_file = \"k\"\n", etcd(), 3, "add share = true"),
            ("[secrets]\nshare = \"yes\"\n", etcd(), 2, "true or false"),
            ("[secrets]\nshare = true\nkey_file = 1\n", etcd(), 3, "quotes"),
            ("[secrets]\nshare = true\nkeyfile = \"k\"\nkey_file = \"k\"\n", etcd(), 3, "did you mean \"key_file\"?"),
            ("[secrets]\nshare = true\nkey_file = \"k\"\n", None, 2, "store = \"etcd\" in [state]"),
        ] {
            let (_, report) = read_text(text, etcd);
            let found: Vec<_> = report.iter().collect();
            let [only] = found.as_slice() else { panic!("{text}: {report}") };
            assert_eq!(only.line, line, "{text}: {report}");
            assert!(only.to_string().contains(words), "{text}: {report}");
        }
    }
}
