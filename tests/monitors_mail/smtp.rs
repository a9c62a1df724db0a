//! SMTP: would a dead, hanging or overloaded Postfix keep getting mail, or a good one be taken for dead?

use waypost::health::FailureKind;

use crate::postfix::{PUT_OFF, Postfix};
use crate::stage::{GOOD, Stage, assert_deferring, assert_failed, on_stage};
use crate::states::{look_at_certificates, walk_through};

const STARTTLS: &str = "kind = \"smtp\"\nca = \"ca.pem\"";
const PLAIN: &str = "kind = \"smtp\"\ntls = \"none\"\nrecipient = \"probe@example.org\"";

#[test]
fn a_real_smtp_server_is_seen_as_it_is() {
    on_stage("smtp::a_real_smtp_server_is_seen_as_it_is", |stage| {
        let postfix = Postfix::start(stage);
        mail_that_is_put_off_or_refused(stage);
        let addressed = format!("{STARTTLS}\nrecipient = \"probe@example.org\"");
        let monitors = [STARTTLS.to_owned(), addressed, PLAIN.to_owned()];
        look_at_certificates(stage, &monitors);
        walk_through(stage, postfix, &monitors);
    });
}

fn mail_that_is_put_off_or_refused(stage: &Stage<'_>) {
    let to = |mailbox: &str| stage.probe(&format!("{STARTTLS}\nrecipient = \"{mailbox}\""), GOOD);
    assert_deferring("put off", &to(PUT_OFF), "451 4.3.2");
    let refused = to("somebody@elsewhere.example");
    assert_failed("refused", &refused, FailureKind::Protocol, "554 5.7.1");
    assert!(refused.transcript.contains("> EHLO ns1\n"), "{}", refused.transcript);
}
