//! Nodes that share files through a store. Broken, they sign with different keys, or a secret is where it must not be.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;

use super::*;
use crate::dnssec::DnssecKey;
use crate::dnssec::lifecycle::{Division, Policy, begin};
use crate::model::{FileChange, Settings};
use crate::node::keyset_files;
use crate::store::sealed::ClusterKeys;
use crate::store::{SharedFile, Written};

/// A store in memory that anybody may write, as an attacker could.
#[derive(Default)]
struct Shared {
    records: Mutex<BTreeMap<String, (Vec<u8>, u64)>>,
    writes: Mutex<u64>,
}

impl Shared {
    fn get(&self, name: &str) -> Vec<u8> {
        self.records.lock().unwrap()[name].0.clone()
    }

    fn put(&self, name: &str, record: &[u8]) {
        let mut writes = self.writes.lock().unwrap();
        *writes += 1;
        self.records.lock().unwrap().insert(name.to_owned(), (record.to_vec(), *writes));
    }

    fn writes(&self) -> u64 {
        *self.writes.lock().unwrap()
    }
}

#[async_trait]
impl SharedFiles for Shared {
    async fn list(&self) -> Result<Vec<SharedFile>, StoreError> {
        let records = self.records.lock().unwrap();
        let file = |(name, (record, seen)): (&String, &(Vec<u8>, u64))| SharedFile {
            name: name.clone(),
            record: record.clone(),
            seen: *seen,
        };
        Ok(records.iter().map(file).collect())
    }

    async fn swap(&self, name: &str, seen: Option<u64>, record: Vec<u8>) -> Result<Written, StoreError> {
        if self.records.lock().unwrap().get(name).map(|(_, seen)| *seen) != seen {
            return Ok(Written::Overtaken);
        }
        self.put(name, &record);
        Ok(Written::Done)
    }
}

/// A node: its directory, and its mirror.
struct Node {
    place: tempfile::TempDir,
    name: &'static str,
    store: Arc<Shared>,
    mirror: Mirror,
    keys: Vec<u8>,
}

impl Node {
    fn new(name: &'static str, store: &Arc<Shared>) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mirror = mirror(name, store, place.path());
        Self { place, name, store: Arc::clone(store), mirror, keys: b"a".to_vec() }
    }

    fn restart(&mut self) {
        self.mirror = mirror(self.name, &self.store, self.place.path());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn settings(&self) -> Settings {
        let text = "[node]\nname = \"n\"\n[cookies]\nsecrets = \"cookies\"\n[dnssec]\nkeys = \"keys\"\n[[zone]]\n\
                    origin = \"example.org\"\nfile = \"zone\"\ndnssec = true\n";
        let (settings, report) = crate::config::read(&self.path("waypost.toml"), text);
        settings.unwrap_or_else(|| panic!("{report}"))
    }

    fn write(&self, name: &str, text: &str) {
        keyset_files::make_directory(&self.path("keys")).unwrap();
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    async fn pass(&mut self) -> Passed {
        let lines: Vec<String> = self.keys.iter().map(|octet| data_encoding::BASE64.encode(&[*octet; 32])).collect();
        let keys = ClusterKeys::parse(&lines.join("\n")).unwrap();
        let (passed, done) = self.mirror.pass(&Shelf::of(&self.settings()), &keys, Timestamp::now()).await;
        done.unwrap();
        passed
    }

    /// What one pass changes, in words; nothing may be in the way.
    #[track_caller]
    fn changes(passed: &Passed) -> Vec<String> {
        assert!(passed.troubles.is_empty() && passed.overtaken == 0, "{passed:?}");
        let words = |change: &Change| format!("{} {} {}", change.name, change.change.as_str(), change.version);
        passed.changes.iter().map(words).collect()
    }
}

fn mirror(name: &str, store: &Arc<Shared>, directory: &Path) -> Mirror {
    let (known, trouble) = Known::load(directory);
    assert_eq!(trouble, None);
    Mirror::new(name, Arc::clone(store) as Arc<dyn SharedFiles>, known)
}

fn nodes(store: &Arc<Shared>) -> [Node; 3] {
    ["ns1", "ns2", "ns3"].map(|name| Node::new(name, store))
}

const COOKIES: &str = "000102030405060708090a0b0c0d0e0f\n";
const OTHER: &str = "101112131415161718191a1b1c1d1e1f\n";
const THIRD: &str = "202122232425262728292a2b2c2d2e2f\n";
const KEYSET: &str = "keys/example.org.keys";
const SPARE: &str = "keys/spare.keys";

fn keyset() -> String {
    let mut source = || DnssecKey::generate(&SystemRandom::new());
    begin(Division::Combined, &mut source, Timestamp::now(), &Policy::default()).unwrap().to_text()
}

/// The troubles of one pass in one text.
async fn troubles(node: &mut Node) -> String {
    node.pass().await.troubles.join("\n")
}

#[tokio::test]
async fn what_one_node_has_all_get_and_then_they_rest() {
    let store = Arc::default();
    let [mut one, mut two, mut three] = nodes(&store);
    let keys = keyset();
    one.write("cookies", COOKIES);
    one.write(KEYSET, &keys);
    assert!(two.pass().await.changes.is_empty(), "nothing anywhere");
    assert_eq!(Node::changes(&one.pass().await), ["cookies published 1", "dnssec/example.org published 1"]);
    for node in [&mut two, &mut three] {
        let passed = node.pass().await;
        assert_eq!(Node::changes(&passed), ["cookies taken over 1", "dnssec/example.org taken over 1"]);
        assert_eq!(passed.changes[0].detail, "published by ns1");
        assert_eq!((node.read("cookies").as_deref(), node.read(KEYSET)), (Some(COOKIES), Some(keys.clone())));
        for (name, mode) in [("cookies", 0o600), (KEYSET, 0o600), ("keys", 0o700), ("shared-files.json", 0o600)] {
            assert_eq!(fs::metadata(node.path(name)).unwrap().permissions().mode() & 0o7777, mode, "{name}");
        }
    }
    two.write("cookies", OTHER);
    assert_eq!(Node::changes(&two.pass().await), ["cookies published 2"]);
    three.restart();
    assert_eq!(Node::changes(&three.pass().await), ["cookies taken over 2"]);
    assert_eq!(Node::changes(&one.pass().await), ["cookies taken over 2"]);
    let writes = store.writes();
    for node in [&mut one, &mut two, &mut three] {
        assert!(Node::changes(&node.pass().await).is_empty());
        assert_eq!(node.read("cookies").as_deref(), Some(OTHER));
        assert!(fs::read_dir(node.place.path()).unwrap().count() <= 3, "nothing else is left behind");
    }
    assert_eq!(store.writes(), writes);
}

#[tokio::test]
async fn of_two_changes_the_published_one_stands_and_the_other_is_kept_and_told() {
    let store = Arc::default();
    let [mut one, mut two, _] = nodes(&store);
    one.write("cookies", COOKIES);
    one.pass().await;
    two.pass().await;
    one.write("cookies", OTHER);
    two.write("cookies", THIRD);
    assert_eq!(Node::changes(&two.pass().await), ["cookies published 2"]);
    let passed = one.pass().await;
    assert!(passed.changes[0].detail.contains("cookies.conflict-"), "{passed:?}");
    assert_eq!(one.read("cookies").as_deref(), Some(THIRD));
    let aside = Shelf::of(&one.settings()).aside();
    let [aside] = aside.as_slice() else { panic!("{aside:?}") };
    assert_eq!(fs::read_to_string(aside).unwrap(), OTHER);
    assert!(troubles(&mut one).await.contains(&format!("{} holds a change", aside.display())));
    fs::remove_file(aside).unwrap();
    assert!(Node::changes(&one.pass().await).is_empty());
}

#[tokio::test]
async fn a_keyset_is_deleted_everywhere_unless_a_zone_needs_it() {
    let store = Arc::default();
    let [mut one, mut two, _] = nodes(&store);
    one.write(KEYSET, &keyset());
    one.write(SPARE, &keyset());
    one.pass().await;
    two.pass().await;
    assert!(two.read(SPARE).is_some());
    fs::remove_file(two.path(SPARE)).unwrap();
    fs::remove_file(two.path(KEYSET)).unwrap();
    let changes = Node::changes(&two.pass().await);
    assert_eq!(changes, ["dnssec/example.org taken over 1", "dnssec/spare withdrawn 2"]);
    assert_eq!(Node::changes(&one.pass().await), ["dnssec/spare removed 2"]);
    assert!(one.read(SPARE).is_none() && one.read(KEYSET).is_some() && two.read(KEYSET).is_some());
}

#[tokio::test]
async fn a_directory_that_is_gone_was_not_emptied() {
    let store = Arc::default();
    let [mut one, mut two, _] = nodes(&store);
    one.write(SPARE, &keyset());
    one.pass().await;
    two.pass().await;
    fs::rename(one.path("keys"), one.path("elsewhere")).unwrap();
    let writes = store.writes();
    assert!(troubles(&mut one).await.contains("the directory of the keysets"));
    assert_eq!(store.writes(), writes);
    fs::rename(one.path("elsewhere"), one.path("keys")).unwrap();
    assert!(Node::changes(&one.pass().await).is_empty());
}

#[tokio::test]
async fn an_old_record_in_the_place_of_a_new_one_is_seen_and_put_right() {
    let store: Arc<Shared> = Arc::default();
    let [mut one, mut two, mut three] = nodes(&store);
    one.write("cookies", COOKIES);
    one.pass().await;
    two.pass().await;
    let old = store.get("cookies");
    one.write("cookies", OTHER);
    one.pass().await;
    two.pass().await;
    store.put("cookies", &old);
    let passed = two.pass().await;
    assert_eq!(Node::changes(&passed), ["cookies published 3"]);
    assert!(passed.changes[0].detail.contains("gone back from version 2 to 1"), "{passed:?}");
    one.pass().await;
    three.pass().await;
    for node in [&one, &two, &three] {
        assert_eq!(node.read("cookies").as_deref(), Some(OTHER));
    }
}

#[tokio::test]
async fn records_that_were_swapped_or_damaged_reach_no_file() {
    let store: Arc<Shared> = Arc::default();
    let [mut one, mut two, mut three] = nodes(&store);
    one.write(KEYSET, &keyset());
    one.write(SPARE, &keyset());
    one.pass().await;
    two.pass().await;
    let (needed, spare) = (two.read(KEYSET), two.read(SPARE));
    let (first, second) = (store.get("dnssec/example.org"), store.get("dnssec/spare"));
    store.put("dnssec/example.org", &second);
    store.put("dnssec/spare", &first[..first.len() - 9]);
    let told = troubles(&mut three).await;
    assert!(told.contains("damaged") && told.contains("unknown layout"), "{told}");
    assert!(three.read(KEYSET).is_none() && three.read(SPARE).is_none());
    // Who knows the version writes over what is not newer.
    let passed = two.pass().await;
    assert_eq!(passed.changes.len(), 1, "{passed:?}");
    assert_eq!((two.read(KEYSET), two.read(SPARE)), (needed.clone(), spare));
    three.pass().await;
    assert_eq!(three.read(KEYSET), needed);
}

#[tokio::test]
async fn a_node_with_another_key_waits_and_says_so() {
    let store = Arc::default();
    let [mut one, mut two, _] = nodes(&store);
    one.write("cookies", COOKIES);
    one.pass().await;
    two.keys = b"b".to_vec();
    two.write("cookies", OTHER);
    let writes = store.writes();
    let told = troubles(&mut two).await;
    assert!(told.contains("sealed under another key") && told.contains("the same key_file"), "{told}");
    assert_eq!((store.writes(), two.read("cookies").as_deref()), (writes, Some(OTHER)));
}

#[tokio::test]
async fn the_key_of_the_cluster_is_replaced_without_a_moment_of_discord() {
    let store: Arc<Shared> = Arc::default();
    let mut all = nodes(&store);
    all[0].write("cookies", COOKIES);
    for node in &mut all {
        node.pass().await;
    }
    // The guide's steps, on one node after the other, with passes of all in between.
    for keys in ["ab", "ba", "b"] {
        for at in 0..all.len() {
            all[at].keys = keys.into();
            for node in &mut all {
                Node::changes(&node.pass().await);
            }
        }
    }
    let record = store.get("cookies");
    let opened =
        |key: u8| ClusterKeys::parse(&data_encoding::BASE64.encode(&[key; 32])).unwrap().open("cookies", &record);
    assert!(opened(b'b').is_ok() && opened(b'a').is_err());
    let writes = store.writes();
    for node in &mut all {
        assert!(Node::changes(&node.pass().await).is_empty());
        assert_eq!(node.read("cookies").as_deref(), Some(COOKIES));
    }
    assert_eq!(store.writes(), writes);
}

#[tokio::test]
async fn files_that_were_never_the_same_are_left_alone() {
    let store = Arc::default();
    let [mut one, mut two, _] = nodes(&store);
    one.write("cookies", COOKIES);
    two.write("cookies", OTHER);
    one.pass().await;
    let told = troubles(&mut two).await;
    assert!(told.contains("never the same") && told.contains("ns1"), "{told}");
    assert_eq!(two.read("cookies").as_deref(), Some(OTHER));
    fs::rename(two.path("cookies"), two.path("away")).unwrap();
    assert_eq!(Node::changes(&two.pass().await), ["cookies taken over 1"]);
    // A node that forgot what it knew has the same files still.
    fs::remove_file(two.path("shared-files.json")).unwrap();
    two.restart();
    assert!(Node::changes(&two.pass().await).is_empty());
    two.write("cookies", THIRD);
    assert_eq!(Node::changes(&two.pass().await), ["cookies published 2"]);
    fs::write(two.path("shared-files.json"), "{").unwrap();
    let (known, trouble) = Known::load(two.place.path());
    assert!(trouble.unwrap().contains("shared-files.json") && known.names().next().is_none());
}

#[tokio::test]
async fn a_store_is_not_filled_beyond_what_it_can_give_at_once() {
    let store: Arc<Shared> = Arc::default();
    let [mut one, ..] = nodes(&store);
    one.write("cookies", COOKIES);
    one.pass().await;
    for at in 0..64 {
        store.put(&format!("later/{at}"), &[0; 64 << 10]);
    }
    one.write("cookies", OTHER);
    assert!(troubles(&mut one).await.contains("cookies is not shared: with it all shared files"));
    store.put("later/0", &[0; 60 << 10]);
    assert_eq!(Node::changes(&one.pass().await), ["cookies published 2"]);
}

#[tokio::test]
async fn what_cannot_be_used_neither_leaves_nor_enters_a_node() {
    let store: Arc<Shared> = Arc::default();
    let [mut one, mut two, _] = nodes(&store);
    one.write("cookies", COOKIES);
    one.pass().await;
    two.pass().await;
    let writes = store.writes();
    two.write("cookies", "half a secr");
    assert!(troubles(&mut two).await.contains("no cookie secret"));
    two.write("cookies", OTHER);
    fs::set_permissions(two.path("cookies"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(troubles(&mut two).await.contains("mode 0644"));
    assert_eq!(store.writes(), writes);
    // Sealed by who has the key, as a later version of the program might.
    let keys = ClusterKeys::parse(&data_encoding::BASE64.encode(&[b'a'; 32])).unwrap();
    let odd = keys.seal("cookies", 2, "ns9", Some(&crate::store::sealed::SecretText::new("canary"))).unwrap();
    store.put("cookies", &odd);
    let told = troubles(&mut one).await;
    assert!(
        told.contains("version 2 of cookies, published by ns9, is not taken over") && !told.contains("canary"),
        "{told}"
    );
    assert_eq!(one.read("cookies").as_deref(), Some(COOKIES));
    store.put("sites/of-a-later-version", b"{}");
    assert!(!troubles(&mut one).await.contains("later"), "what nobody here knows is nobody's business");
}

/// Secrets stand in files alone: in no record, event, trouble or debug output, whatever goes wrong.
#[tokio::test]
async fn no_secret_is_told_or_stored_in_the_clear() {
    let store: Arc<Shared> = Arc::default();
    let [mut one, mut two, _] = nodes(&store);
    let canaries =
        ["c0ffeec0ffeec0ffeec0ffeec0ffee01", "c0ffeec0ffeec0ffeec0ffeec0ffee02", "c0ffeec0ffeec0ffeec0ffeec0ffeeXX"];
    let keys = keyset();
    let private = keys.lines().find_map(|line| line.strip_prefix("private = ")).unwrap().trim_matches('"');
    let private = &private[private.len() / 2..];
    one.write(KEYSET, &keys);
    let mut said = String::new();
    for (at, other) in [(0, 1), (1, 0), (2, 0)] {
        one.write("cookies", canaries[at]);
        two.write("cookies", canaries[other]);
        for node in [&mut one, &mut two] {
            let passed = node.pass().await;
            said += &format!("{passed:?}");
            said += &format!("{:?}", Shelf::of(&node.settings()).look([], |_| true));
            said += &node.read("shared-files.json").unwrap();
        }
    }
    two.write(KEYSET, &keys.replace("private = \"", "private = \"x"));
    said += &troubles(&mut two).await;
    for name in ["cookies", "dnssec/example.org"] {
        said += &String::from_utf8(store.get(name)).unwrap();
    }
    let cluster_key = data_encoding::BASE64.encode(&[b'a'; 32]);
    for secret in canaries.into_iter().chain([private, cluster_key.as_str()]) {
        let hidden = [secret.to_owned(), data_encoding::BASE64.encode(secret.as_bytes())];
        assert!(hidden.iter().all(|hidden| !said.contains(hidden.as_str())), "{said}");
    }
    assert!(said.contains("never the same") && said.contains("no cookie secret"), "{said}");
    assert_eq!(FileChange::TakenOver.as_str(), "taken over");
}
