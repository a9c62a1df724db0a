//! Replication: what the part that a database server plays, and how far it is behind, mean to a monitor.

use std::time::Duration;

use crate::health::{FailureKind, Outcome};
use crate::model::{DatabaseCheck, DatabaseRole};

/// How far a replica is behind its primary.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lag {
    /// So far.
    Behind(Duration),
    /// Nobody can say, and why.
    Unknown(String),
}

/// What it means that a server is a primary or a replica, where `wanted` was wanted.
pub(super) fn judge_role(wanted: DatabaseRole, is_replica: bool) -> Outcome {
    let reason = match (wanted, is_replica) {
        (DatabaseRole::Primary, true) => "it is a replica, not the primary",
        (DatabaseRole::Replica, false) => "it is a primary, not a replica",
        _ => return Outcome::Ok,
    };
    Outcome::failed(FailureKind::Protocol, reason)
}

/// What `lag` means to `check`. Where nobody can say and it matters, that is trouble.
pub(super) fn judge_lag(check: &DatabaseCheck, lag: &Lag) -> Outcome {
    match lag {
        Lag::Unknown(why) if asks_for_lag(check) => Outcome::Deferring(why.clone()),
        Lag::Unknown(_) => Outcome::Ok,
        Lag::Behind(behind) => {
            let over = |limit: Option<Duration>| limit.filter(|limit| behind >= limit);
            let words = |key: &str, limit: Duration| {
                format!("the replica is {:.1} s behind, {key} is {} s", behind.as_secs_f64(), limit.as_secs_f64())
            };
            match (over(check.lag_critical), over(check.lag_warning)) {
                (Some(limit), _) => Outcome::failed(FailureKind::Protocol, words("lag_critical", limit)),
                (None, Some(limit)) => Outcome::Deferring(words("lag_warning", limit)),
                (None, None) => Outcome::Ok,
            }
        }
    }
}

/// Whether `check` has a bound on the lag.
pub(super) fn asks_for_lag(check: &DatabaseCheck) -> bool {
    check.lag_warning.is_some() || check.lag_critical.is_some()
}

/// The gravest of `outcomes`, the first of the equally grave.
pub(super) fn gravest(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let grade = |outcome: &Outcome| match outcome {
        Outcome::Failed { .. } => 0,
        Outcome::Deferring(_) => 1,
        Outcome::Unchecked(_) => 2,
        Outcome::Inconclusive(_) => 3,
        Outcome::Ok => 4,
    };
    outcomes.into_iter().min_by_key(grade).unwrap_or(Outcome::Ok)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{TlsMode, TlsPolicy};

    pub(crate) fn check(role: DatabaseRole, warning: Option<u64>, critical: Option<u64>) -> DatabaseCheck {
        let tls = TlsPolicy { mode: TlsMode::Off, verify: true, ca: None, name: None, expiry_warning: Duration::ZERO };
        DatabaseCheck {
            user: "waypost".into(),
            password_file: None,
            tls,
            role,
            lag_warning: warning.map(Duration::from_secs),
            lag_critical: critical.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_server_plays_the_part_that_is_wanted() {
        for (wanted, is_replica, good) in [
            (DatabaseRole::Any, true, true),
            (DatabaseRole::Any, false, true),
            (DatabaseRole::Primary, false, true),
            (DatabaseRole::Primary, true, false),
            (DatabaseRole::Replica, true, true),
            (DatabaseRole::Replica, false, false),
        ] {
            assert_eq!(judge_role(wanted, is_replica) == Outcome::Ok, good, "{wanted:?} {is_replica}");
        }
    }

    #[test]
    fn lag_that_nobody_knows_is_trouble_where_it_is_asked_for() {
        let lag = Lag::Unknown("no replay yet".into());
        assert_eq!(judge_lag(&check(DatabaseRole::Any, None, None), &lag), Outcome::Ok);
        let deferring = Outcome::Deferring("no replay yet".into());
        assert_eq!(judge_lag(&check(DatabaseRole::Any, Some(1), None), &lag), deferring);
        assert_eq!(judge_lag(&check(DatabaseRole::Any, None, Some(1)), &lag), deferring);
    }

    proptest! {
        #[test]
        fn more_lag_is_never_better(behind in 0_u64..100, more in 0_u64..100, warning in 1_u64..50, critical in 50_u64..100) {
            let grade = |seconds| match judge_lag(
                &check(DatabaseRole::Any, Some(warning), Some(critical)),
                &Lag::Behind(Duration::from_secs(seconds)),
            ) {
                Outcome::Ok => 0,
                Outcome::Deferring(_) => 1,
                _ => 2,
            };
            prop_assert!(grade(behind) <= grade(behind + more));
            prop_assert_eq!(grade(behind), u8::from(behind >= warning) + u8::from(behind >= critical));
        }
    }
}
