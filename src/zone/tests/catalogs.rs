//! Catalog zones: a good one lists its members, a broken one lists nothing.

use super::{good, name};
use crate::zone::catalog;

const GOOD: &str = "version TXT \"2\"\n\
    A1.zones PTR Alpha.example.\n\
    group.a1.zones TXT \"mail\"\ngroup.a1.zones TXT \"signed\"\n\
    coo.a1.zones PTR other.example.\n\
    b2.zones PTR beta.example.\n\
    ext.b2.zones TXT ignored\nzones TXT ignored\nx.ext PTR ignored.example.\nb2.zones TXT ignored\n\
    only.a.group.c3.zones TXT ignored\n";

#[test]
fn members_have_their_zone_label_groups_and_new_owner() {
    let found = catalog(&good(GOOD)).unwrap().members;
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0].zone, found[0].unique.as_slice()), (&name("alpha.example"), &b"a1"[..]));
    assert_eq!(found[0].group, ["mail", "signed"]);
    assert_eq!(found[0].coo, Some(name("other.example")));
    assert_eq!((&found[1].zone, &found[1].coo, found[1].group.len()), (&name("beta.example"), &None, 0));
    assert!(catalog(&good("version TXT 2\n")).unwrap().members.is_empty());
}

#[test]
fn a_broken_catalog_is_an_error_in_words() {
    for (text, words) in [
        ("a.zones PTR a.example.\n", "no TXT at version.example.org."),
        ("version TXT 1\n", "schema version \"1\""),
        ("version TXT 2\nversion TXT 1\n", "more than one TXT"),
        ("version TXT 2 2\n", "not one string"),
        ("version TXT 2\na.zones PTR a.example.\na.zones PTR b.example.\n", "more than one PTR at a.zones"),
        ("version TXT 2\na.zones PTR a.example.\nb.zones PTR A.example.\n", "lists A.example. twice, at a.zones"),
        ("version TXT 2\na.zones PTR a.\ncoo.a.zones PTR b.\ncoo.a.zones PTR c.\n", "more than one PTR at coo.a"),
        ("version TXT 2\na.zones PTR a.\ngroup.a.zones TXT b c\n", "not one string"),
    ] {
        let why = catalog(&good(text)).unwrap_err();
        assert!(why.contains(words), "missing {words:?}: {why}");
    }
}
