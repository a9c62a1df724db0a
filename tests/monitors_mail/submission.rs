//! Submission: would a site stay in the answers whose users can connect and cannot log in?

use std::fs;

use waypost::health::FailureKind;

use crate::dovecot::Dovecot;
use crate::postfix::Postfix;
use crate::stage::{GOOD, Stage, USER, assert_deferring, assert_failed, assert_ok, assert_unchecked, login, on_stage};
use crate::states::{Server, look_at_certificates, walk_through};

const STARTTLS: &str = "kind = \"submission\"\nca = \"ca.pem\"";
const IMPLICIT: &str = "kind = \"submission\"\ntls = \"implicit\"\nca = \"ca.pem\"";

#[test]
fn a_real_submission_server_is_seen_as_it_is() {
    on_stage("submission::a_real_submission_server_is_seen_as_it_is", |stage| {
        let dovecot = Dovecot::start(stage);
        let postfix = Postfix::start(stage);
        for monitor in [STARTTLS, IMPLICIT] {
            logins(stage, monitor);
        }
        not_for_users(stage);
        let dovecot = without_anybody_to_ask(stage, dovecot);
        let with_login = |monitor: &str| format!("{monitor}\n{}", login(USER, "probe.pw"));
        let monitors = [STARTTLS.to_owned(), with_login(STARTTLS), with_login(IMPLICIT)];
        look_at_certificates(stage, &monitors);
        walk_through(stage, postfix, &monitors);
        drop(dovecot);
    });
}

fn logins(stage: &Stage<'_>, monitor: &str) {
    let as_user = |user: &str, file: &str| stage.probe(&format!("{monitor}\n{}", login(user, file)), GOOD);
    let refused = as_user(USER, "wrong.pw");
    assert_failed(monitor, &refused, FailureKind::Protocol, "535 5.7.8");
    assert!(refused.transcript.contains("> AUTH PLAIN ***\n"), "{}", refused.transcript);
    assert_unchecked(monitor, &as_user(USER, "missing.pw"), "missing.pw: there is no such file");
    // A renewed password needs no reload.
    fs::write(stage.file("renewed.pw"), "out of date").unwrap();
    assert_failed(monitor, &as_user(USER, "renewed.pw"), FailureKind::Protocol, "535 5.7.8");
    fs::copy(stage.file("probe.pw"), stage.file("renewed.pw")).unwrap();
    assert_ok(monitor, &as_user(USER, "renewed.pw"));
}

/// Postfix cannot ask whether a password is right while Dovecot is gone.
fn without_anybody_to_ask(stage: &Stage<'_>, mut dovecot: Dovecot) -> Dovecot {
    dovecot.stop();
    for monitor in [STARTTLS, IMPLICIT] {
        let probed = stage.probe(&format!("{monitor}\n{}", login(USER, "probe.pw")), GOOD);
        assert_deferring(monitor, &probed, "454 4.7.0");
    }
    drop(dovecot);
    Dovecot::start(stage)
}

/// Port 25 of the same Postfix is for mail servers: it lets nobody log in.
fn not_for_users(stage: &Stage<'_>) {
    let probed = stage.probe(&format!("{STARTTLS}\nport = 25"), GOOD);
    assert_failed("port 25", &probed, FailureKind::Protocol, "AUTH is not offered behind TLS");
}
