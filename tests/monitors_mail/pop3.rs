//! POP3: would a site stay in the answers whose users cannot fetch their mail?

use waypost::health::FailureKind;

use crate::dovecot::Dovecot;
use crate::stage::{
    BUSY, GOOD, Stage, USER, assert_deferring, assert_failed, assert_ok, assert_unchecked, login, on_stage,
};
use crate::states::{look_at_certificates, walk_through};

const STARTTLS: &str = "kind = \"pop3\"\nca = \"ca.pem\"";
const IMPLICIT: &str = "kind = \"pop3\"\ntls = \"implicit\"\nca = \"ca.pem\"";

#[test]
fn a_real_pop3_server_is_seen_as_it_is() {
    on_stage("pop3::a_real_pop3_server_is_seen_as_it_is", |stage| {
        let dovecot = Dovecot::start(stage);
        for monitor in [STARTTLS, IMPLICIT] {
            logins(stage, monitor);
        }
        let with_login = format!("{IMPLICIT}\n{}", login(USER, "probe.pw"));
        let monitors = [STARTTLS.to_owned(), with_login, "kind = \"pop3\"\ntls = \"none\"".to_owned()];
        look_at_certificates(stage, &monitors);
        walk_through(stage, dovecot, &monitors);
    });
}

fn logins(stage: &Stage<'_>, monitor: &str) {
    let as_user = |user: &str, file: &str| stage.probe(&format!("{monitor}\n{}", login(user, file)), GOOD);
    let well = as_user(USER, "probe.pw");
    assert_ok(monitor, &well);
    assert!(well.transcript.contains("> STAT\n< +OK 0 0\n"), "{}", well.transcript);
    let refused = as_user(USER, "wrong.pw");
    assert_failed(monitor, &refused, FailureKind::Protocol, "-ERR [AUTH]");
    assert!(refused.transcript.contains("***\n"), "{}", refused.transcript);
    assert_deferring(monitor, &as_user(BUSY, "probe.pw"), "-ERR [SYS/TEMP]");
    assert_unchecked(monitor, &as_user(USER, "missing.pw"), "missing.pw: there is no such file");
}
