//! The pages around signing in: they tell nothing of the node.

use askama::Template;
use axum::response::Html;

use super::frame::{Frame, Screen};
use super::page;
use crate::admin::Problem;

/// Where one signs in, or out again.
#[derive(Template)]
#[template(path = "login.html", config = "dashboards/operator/askama.toml")]
struct LoginPage {
    frame: Frame,
    next: String,
    trouble: Option<&'static str>,
    passwords: bool,
    provider: bool,
    signed_in: Option<(String, String, String)>,
}

/// What the page for signing in is about.
pub(in crate::admin) struct Login<'a> {
    /// Where to go afterwards: a path of this node.
    pub(in crate::admin) next: &'a str,
    /// Why it did not work.
    pub(in crate::admin) trouble: Option<&'static str>,
    /// The ways beside tokens.
    pub(in crate::admin) ways: Ways,
    /// Who is signed in, until when, and the value that the form to sign out repeats.
    pub(in crate::admin) signed_in: Option<(String, String, String)>,
}

/// Ways to sign in beside tokens.
pub(in crate::admin) struct Ways {
    /// With name and password.
    pub(in crate::admin) passwords: bool,
    /// Through a provider.
    pub(in crate::admin) provider: bool,
}

/// The page for signing in.
pub(in crate::admin) fn login(login: Login<'_>) -> Result<Html<String>, Problem> {
    page(&LoginPage {
        frame: Frame::bare(Screen::SignIn, if login.signed_in.is_some() { "Signed in" } else { "Sign in" }),
        next: login.next.to_owned(),
        trouble: login.trouble,
        passwords: login.ways.passwords,
        provider: login.ways.provider,
        signed_in: login.signed_in,
    })
}

#[derive(Template)]
#[template(path = "welcome.html", config = "dashboards/operator/askama.toml")]
struct WelcomePage {
    frame: Frame,
    next: String,
}

/// The page that leads on from another site.
pub(in crate::admin) fn welcome(next: &str) -> Result<String, Problem> {
    page(&WelcomePage { frame: Frame::bare(Screen::SignIn, "Signed in"), next: next.to_owned() }).map(|Html(text)| text)
}
