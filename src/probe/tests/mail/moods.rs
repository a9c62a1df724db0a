//! What can go wrong at every step of every mail protocol, played through from the same scripts.

use futures_util::future::join_all;

use super::*;

/// How long a probe waits for a server that is not going to answer.
const WAIT: Duration = Duration::from_millis(500);

impl Play {
    async fn against(&self, script: Vec<Step>) -> Report {
        probed(&self.kind, script).await
    }

    async fn against_silence(&self, script: Vec<Step>) -> Report {
        probe_within(self.kind.clone(), server(script).await, WAIT).await
    }

    /// The places of what the server says.
    fn sayings(&self) -> Vec<usize> {
        (0..self.script.len()).filter(|place| matches!(self.script[*place], Say(_))).collect()
    }

    /// The script up to every step that the probe must see, and up to the middle of everything that is said.
    fn cut(&self) -> Vec<Vec<Step>> {
        let last = self.sayings().into_iter().max().unwrap();
        let at_steps = (0..=last).map(|place| self.script[..place].to_vec());
        let in_the_middle = self.sayings().into_iter().map(|place| {
            let Say(words) = self.script[place] else { unreachable!() };
            [&self.script[..place], &[Say(&words[..words.len() / 2])]].concat()
        });
        at_steps.chain(in_the_middle).collect()
    }

    /// The script with `step` in the place of each thing that is said, after which nothing is.
    fn instead_of_each(&self, step: &Step) -> Vec<Vec<Step>> {
        let sayings = self.sayings().into_iter();
        sayings.map(|place| [&self.script[..place], &[step.clone(), Hang]].concat()).collect()
    }

    fn logs_in(&self) -> bool {
        match &self.kind {
            MonitorKind::Submission(check) => check.login.is_some(),
            MonitorKind::Imap(check) => check.visit.is_some(),
            MonitorKind::Pop3(check) => check.login.is_some(),
            _ => false,
        }
    }

    fn is_secured(&self) -> bool {
        self.script.iter().any(|step| matches!(step, Tls(_)))
    }
}

#[track_caller]
fn assert_kind(play: &Play, report: &Report, expected: &[FailureKind]) {
    let Outcome::Failed { kind, reason } = &report.finding.outcome else {
        panic!("{}: {:?}\n{:?}", play.name, report.finding.outcome, report.transcript)
    };
    assert!(expected.contains(kind), "{}: {kind}, {reason}\n{:?}", play.name, report.transcript);
}

#[tokio::test]
async fn servers_as_they_should_be_are_well() {
    for play in Props::good().plays() {
        let report = play.against(play.script.clone()).await;
        assert_eq!(report.finding.outcome, Outcome::Ok, "{}: {:?}", play.name, report.transcript);
        assert!(report.finding.connected.is_some());
    }
}

#[tokio::test]
async fn silence_at_any_step_times_out() {
    for play in Props::good().plays() {
        let silent = play.cut().into_iter().map(|script| play.against_silence([script, vec![Hang]].concat()));
        for report in join_all(silent).await {
            assert_kind(&play, &report, &[FailureKind::Timeout]);
            assert!(report.finding.latency >= WAIT, "{}", play.name);
        }
    }
}

#[tokio::test]
async fn a_connection_closed_at_any_step_has_failed() {
    for play in Props::good().plays() {
        let closed = play.cut().into_iter().map(|script| play.against(script));
        for report in join_all(closed).await {
            assert_kind(&play, &report, &[FailureKind::Reset, FailureKind::Tls]);
        }
    }
}

#[tokio::test]
async fn a_server_that_drips_gets_no_more_time() {
    let drops: &'static str = Box::leak("250-+* x".repeat(100).into_boxed_str());
    for play in Props::good().plays() {
        let dripping = play.instead_of_each(&Drip(drops)).into_iter().map(|script| play.against_silence(script));
        for report in join_all(dripping).await {
            assert_kind(&play, &report, &[FailureKind::Timeout]);
        }
    }
}

#[tokio::test]
async fn an_overlong_line_is_not_read_to_its_end() {
    for play in Props::good().plays() {
        let long = play.instead_of_each(&Flood("xxxxxxxxxxxxxxxx")).into_iter().map(|script| play.against(script));
        for report in join_all(long).await {
            assert_kind(&play, &report, &[FailureKind::Protocol]);
            assert!(report.finding.outcome.reason().unwrap().contains("8192 octets"), "{:?}", report.finding.outcome);
        }
    }
}

#[tokio::test]
async fn endless_lines_are_not_read_to_their_end() {
    for play in Props::good().plays() {
        let endless = play.instead_of_each(&Flood(play.endless)).into_iter().map(|script| play.against(script));
        for report in join_all(endless).await {
            assert_kind(&play, &report, &[FailureKind::Protocol]);
        }
    }
}

#[tokio::test]
async fn words_slipped_in_before_any_handshake_are_noticed() {
    let props = Props::good();
    for play in props.plays() {
        let Some(place) = play.script.iter().position(|step| matches!(step, Tls(_))).filter(|place| *place > 0) else {
            continue;
        };
        let Say(go) = play.script[place - 1] else { panic!("{}", play.name) };
        let slipped: &'static str = Box::leak(format!("{go}{go}").into_boxed_str());
        let script = [&play.script[..place - 1], &[Say(slipped), Hang]].concat();
        assert_failed(&play.against(script).await, FailureKind::Protocol, "before the TLS handshake");
    }
}

#[tokio::test]
async fn bad_certificates_defer_and_get_no_password() {
    let cases = [
        (Props::new("mail.example.net", -1, 90), "for mail.example.net, not for mx.example.org"),
        (Props::new("mx.example.org", -90, -3), "expired 3 days ago"),
    ];
    for (props, words) in cases {
        for play in props.plays().into_iter().filter(Play::is_secured) {
            let report = play.against(play.script.clone()).await;
            assert_deferring(&report, words);
            let transcript = report.transcript.unwrap();
            assert_eq!(transcript.contains("* no login"), play.logs_in(), "{}: {transcript}", play.name);
            assert!(!transcript.contains("***"), "{}: {transcript}", play.name);
        }
    }
}

#[tokio::test]
async fn a_certificate_that_ends_soon_defers_after_all_has_been_tried() {
    for play in Props::new("mx.example.org", -1, 5).plays().into_iter().filter(Play::is_secured) {
        let report = play.against(play.script.clone()).await;
        assert_deferring(&report, "certificate ends in ");
        assert_eq!(report.transcript.unwrap().contains("***"), play.logs_in(), "{}", play.name);
    }
}

#[tokio::test]
async fn a_password_that_cannot_be_read_is_blamed_on_its_file_and_not_on_the_server() {
    let props = Props::good();
    std::fs::remove_file(props.password_file()).unwrap();
    for play in props.plays().into_iter().filter(Play::logs_in) {
        let report = play.against(play.script.clone()).await;
        assert_unchecked(&report, &format!("password file {}: there is no such file", props.password_file().display()));
        // A server that has failed has failed, whatever the password.
        assert_kind(&play, &play.against(play.script[..1].to_vec()).await, &[FailureKind::Reset, FailureKind::Tls]);
    }
}

#[tokio::test]
async fn a_password_is_shown_nowhere() {
    let props = Props::good();
    let message = BASE64.encode(format!("\0{USER}\0{PASSWORD}").as_bytes());
    for play in props.plays().into_iter().filter(Play::logs_in) {
        // Servers that repeat what they heard, in the place of every reply.
        for reply in [format!("- {PASSWORD}|{message}\r\n"), format!("535 {PASSWORD}|{message}\r\n")] {
            let reply: &'static str = Box::leak(reply.into_boxed_str());
            let mut heard_it = 0;
            for script in play.instead_of_each(&Say(reply)) {
                let report = play.against(script).await;
                let shown = format!("{report:?}{:?}", Check::new(&target(play.kind.clone(), nobody().await, WAIT)));
                if shown.contains("***") {
                    heard_it += 1;
                    assert!(!shown.contains(PASSWORD) && !shown.contains(&message), "{}: {shown}", play.name);
                }
            }
            assert!(heard_it > 0, "{}", play.name);
        }
    }
}

#[tokio::test]
async fn no_password_is_sent_in_the_clear_whatever_the_model_says() {
    let props = Props::good();
    let secured = props.plays().into_iter().filter(Play::logs_in);
    for mut play in secured {
        let off = props.tls(TlsMode::Off);
        match &mut play.kind {
            // The step is not even reached.
            MonitorKind::Submission(_) => continue,
            MonitorKind::Imap(check) => check.tls = off,
            MonitorKind::Pop3(check) => check.tls = off,
            other => panic!("{other:?}"),
        }
        let script: Vec<Step> = play.script.iter().filter(|step| !matches!(step, Tls(_))).cloned().collect();
        let report = play.against(script).await;
        assert_eq!(
            report.finding.outcome,
            Outcome::Inconclusive("no password is sent without TLS".into()),
            "{}",
            play.name
        );
    }
}
