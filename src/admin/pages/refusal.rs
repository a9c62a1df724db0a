//! Problems as pages: what a browser gets in place of a document for programs. Nothing on them is of the node, for they are
//! also what a stranger gets.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::frame::{Frame, Screen};
use super::page;
use crate::admin::words::plain;
use crate::admin::{Problem, ProblemKind};

#[derive(Template)]
#[template(path = "refusal.html", config = "dashboards/operator/askama.toml")]
struct Refusal {
    frame: Frame,
    status: u16,
    heading: &'static str,
    detail: String,
    next: String,
    diagnostics: Vec<String>,
}

impl Refusal {
    fn new(problem: &Problem) -> Self {
        let title = problem.kind.title();
        Self {
            frame: Frame::bare(Screen::Refusal, title),
            status: problem.kind.status(),
            heading: title,
            detail: plain(&problem.detail),
            next: problem.remedy.as_deref().map_or_else(|| remedy(problem.kind).to_owned(), plain),
            diagnostics: problem.diagnostics.iter().map(|line| plain(line)).collect(),
        }
    }
}

/// What to do about a problem that does not say so itself.
const fn remedy(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::NotFound => "start from the overview: it names every site and service",
        ProblemKind::Unauthenticated | ProblemKind::Forbidden => "sign in with a role that may see this",
        ProblemKind::TooMany | ProblemKind::Unavailable | ProblemKind::Timeout => "wait a moment and load this again",
        _ => "go back and change what was asked for",
    }
}

/// Gives whoever asks for a page a problem as a page.
pub(in crate::admin) async fn for_people(request: Request, next: Next) -> Response {
    let wants_page = prefers_page(request.headers());
    let mut response = next.run(request).await;
    if !wants_page {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let refusal = Refusal::new(&problem);
    // A page that cannot be made leaves the document, which says the same.
    let Ok(Html(text)) = page(&refusal) else { return response };
    let (mut parts, _document) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    (parts, text).into_response()
}

/// Whether `Accept` names HTML: browsers name it when they open a page, programs do not.
fn prefers_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| range.split(';').next().is_some_and(|kind| kind.trim() == "text/html"))
}
