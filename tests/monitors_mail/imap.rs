//! IMAP: would a site stay in the answers whose users cannot read their mail?

use waypost::health::FailureKind;

use crate::dovecot::Dovecot;
use crate::stage::{
    BUSY, GOOD, Stage, USER, assert_deferring, assert_failed, assert_ok, assert_unchecked, login, on_stage,
};
use crate::states::{look_at_certificates, walk_through};

const STARTTLS: &str = "kind = \"imap\"\nca = \"ca.pem\"";
const IMPLICIT: &str = "kind = \"imap\"\ntls = \"implicit\"\nca = \"ca.pem\"";

#[test]
fn a_real_imap_server_is_seen_as_it_is() {
    on_stage("imap::a_real_imap_server_is_seen_as_it_is", |stage| {
        let dovecot = Dovecot::start(stage);
        for monitor in [STARTTLS, IMPLICIT] {
            logins(stage, monitor);
        }
        let visit = format!("{STARTTLS}\n{}\nmailbox = \"INBOX\"", login(USER, "probe.pw"));
        let monitors = [STARTTLS.to_owned(), visit, IMPLICIT.to_owned(), "kind = \"imap\"\ntls = \"none\"".to_owned()];
        look_at_certificates(stage, &monitors);
        walk_through(stage, dovecot, &monitors);
    });
}

fn logins(stage: &Stage<'_>, monitor: &str) {
    let visit =
        |user: &str, file: &str, more: &str| stage.probe(&format!("{monitor}\n{}\n{more}", login(user, file)), GOOD);
    assert_ok(monitor, &visit(USER, "probe.pw", ""));
    let refused = visit(USER, "wrong.pw", "");
    assert_failed(monitor, &refused, FailureKind::Protocol, "NO [AUTHENTICATIONFAILED]");
    assert!(refused.transcript.contains("AUTHENTICATE PLAIN ***\n"), "{}", refused.transcript);
    assert_deferring(monitor, &visit(BUSY, "probe.pw", ""), "NO [UNAVAILABLE]");
    assert_unchecked(monitor, &visit(USER, "missing.pw", ""), "missing.pw: there is no such file");
    let nowhere = visit(USER, "probe.pw", "mailbox = \"Nowhere\"");
    assert_failed(monitor, &nowhere, FailureKind::Protocol, "(to EXAMINE)");
}
