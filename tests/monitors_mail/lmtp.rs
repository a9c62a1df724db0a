//! LMTP: would a site stay in the answers that takes mail and cannot put it into mailboxes?

use waypost::health::FailureKind;

use crate::dovecot::Dovecot;
use crate::stage::{BUSY, GOOD, Stage, USER, assert_deferring, assert_failed, on_stage};
use crate::states::{see_an_end, see_another_name, walk_through};

const PLAIN: &str = "kind = \"lmtp\"\ntls = \"none\"";
const STARTTLS: &str = "kind = \"lmtp\"\ntls = \"starttls\"\nca = \"ca.pem\"";

#[test]
fn a_real_lmtp_server_is_seen_as_it_is() {
    on_stage("lmtp::a_real_lmtp_server_is_seen_as_it_is", |stage| {
        let dovecot = Dovecot::start(stage);
        mailboxes(stage);
        let to = |monitor: &str| format!("{monitor}\nrecipient = \"{USER}\"");
        walk_through(stage, dovecot, &[PLAIN.to_owned(), to(PLAIN), to(STARTTLS)]);
        // Dovecot shows one certificate for LMTP, whatever the address.
        let shown = Dovecot::showing(stage, "other");
        see_another_name(stage, &to(STARTTLS), GOOD);
        drop(shown);
        let shown = Dovecot::showing(stage, "expired");
        see_an_end(stage, &to(STARTTLS), GOOD);
        drop(shown);
    });
}

fn mailboxes(stage: &Stage<'_>) {
    let to = |mailbox: &str| stage.probe(&format!("{PLAIN}\nrecipient = \"{mailbox}\""), GOOD);
    assert_failed("nobody's", &to("nobody@example.org"), FailureKind::Protocol, "550 5.1.1");
    assert_deferring("out of order", &to(BUSY), "451 4.3.0");
}
