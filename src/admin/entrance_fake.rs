//! A door for tests: tokens called by their role, users that a test puts there, and what was journalled.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use super::entrance_control::{Entrance, SignInEntry, Tally};
use super::tests::{Fake, now};
use crate::model::{Entrance as Settings, Remit, Role, Token, User};

/// See the module.
pub(super) struct Door {
    pub(super) settings: Mutex<Arc<Settings>>,
    pub(super) revoked: Mutex<bool>,
    pub(super) journalled: Mutex<Vec<SignInEntry>>,
    pub(super) certificate: watch::Sender<Option<Result<String, String>>>,
    pub(super) tally: Tally,
}

impl Default for Door {
    fn default() -> Self {
        let hour = Duration::from_secs(3_600);
        let settings = Settings {
            names: Vec::new(),
            clients: Vec::new(),
            oidc: None,
            users: Vec::new(),
            idle: hour,
            longest: 12 * hour,
        };
        Self {
            settings: Mutex::new(Arc::new(settings)),
            revoked: Mutex::default(),
            journalled: Mutex::default(),
            certificate: watch::channel(None).0,
            tally: Tally::default(),
        }
    }
}

impl Door {
    /// Lets `users` in with their passwords, and nobody else.
    pub(super) fn let_in(&self, users: Vec<User>) {
        let mut settings = self.settings.lock().unwrap();
        *settings = Arc::new(Settings { users, ..Settings::clone(&settings) });
    }

    /// Has sessions end so soon.
    pub(super) fn end_after(&self, idle: Duration, longest: Duration) {
        let mut settings = self.settings.lock().unwrap();
        *settings = Arc::new(Settings { idle, longest, ..Settings::clone(&settings) });
    }
}

/// `operator-token`, or `operator-fra-token` for one site, whose secrets are `wp_operator` and `wp_operator-fra`.
fn token(called: &str) -> Option<Token> {
    let (role, site) = called.split_once('-').map_or((called, None), |(role, site)| (role, Some(site.to_owned())));
    let role: Role = role.parse().ok()?;
    let remit = site.map_or(Remit::Everywhere, |site| Remit::Sites([site].into()));
    Some(Token { name: format!("{called}-token"), role, remit, created: now(), by: "root".into(), expires: None })
}

impl Entrance for Fake {
    fn entrance(&self) -> Arc<Settings> {
        Arc::clone(&self.door.settings.lock().unwrap())
    }

    fn authenticate(&self, secret: &str) -> Option<Token> {
        token(secret.strip_prefix("wp_")?).filter(|_| !*self.door.revoked.lock().unwrap())
    }

    fn token(&self, name: &str) -> Option<Token> {
        token(name.strip_suffix("-token")?).filter(|_| !*self.door.revoked.lock().unwrap())
    }

    fn journal_sign_in(&self, entry: SignInEntry) {
        self.door.journalled.lock().unwrap().push(entry);
    }

    fn certificate(&self, state: Result<String, String>) {
        self.door.certificate.send_replace(Some(state));
    }

    fn tally(&self) -> &Tally {
        &self.door.tally
    }
}
