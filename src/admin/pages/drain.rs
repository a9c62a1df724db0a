//! `/drain`: orders about a site, in two steps: what would happen, then the order. The dialog over other pages is this form.
//!
//! Only what a preview showed can be ordered: the form repeats what tells that preview from others, and where the state has
//! changed since, nothing is ordered and the new preview is shown (409).

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Extension, Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use super::drain_form::{Asked, Fields, Kind, digest, in_words_of_the_form};
use super::frame::{Frame, Screen};
use super::link;
use super::page;
use super::when::When;
use crate::admin::access::{Peer, somebody_is_there};
use crate::admin::api::{AnswerPreview, LiftOutcome, OrderOutcome, OrderPreview, Outcome, SiteForecast, Status};
use crate::admin::progress::timetable;
use crate::admin::router::Shared;
use crate::admin::words::{moment_and_distance, order, plain, replaces, undo};
use crate::admin::{Caller, Command, Deed, Lifting, Problem, ProblemKind, Proposal};
use crate::model::{Lifetime, OrdersTag};

/// `GET /drain?site=fra`
pub(super) async fn form(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<Fields>, QueryRejection>,
) -> Result<Html<String>, Problem> {
    let Query(mut fields) = query?;
    if fields.span.is_empty() {
        fields.span = "4h".to_owned();
    }
    let status = shared.control.status();
    let shown = Shown::of(&shared, &fields, &caller, status.time).await;
    page(&OrderPage::new(&status, &caller, &fields, shown, None)?)
}

/// `POST /drain`
pub(super) async fn post(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<Fields>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(fields) = form.map_err(|rejection| Problem::new(ProblemKind::Invalid, rejection.body_text()))?;
    let status = shared.control.status();
    // Before the preview that the form's is held against: what changes between the two is found, too.
    let standing = shared.control.orders().tag;
    let shown = Shown::of(&shared, &fields, &caller, status.time).await;
    if fields.step != "order" {
        return Ok(page(&OrderPage::new(&status, &caller, &fields, shown, None)?)?.into_response());
    }
    // Previews are posted by the page itself whenever the state changes; an order is somebody's.
    somebody_is_there(&shared, &peer, &headers);
    let (code, trouble) = match hindrance(&fields, &shown) {
        Some(hindrance) => hindrance,
        None => match given(&shared, &fields, &caller, standing, status.time).await {
            Ok(done) => {
                // As the node stands with it.
                let frame = Frame::new(&shared.control.status(), Screen::Site, "Order", Some(&caller));
                return Ok(page(&OutcomePage { frame, done })?.into_response());
            }
            Err(problem) => {
                let code = StatusCode::from_u16(problem.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (code, told(&problem))
            }
        },
    };
    // What would happen may be another matter by now.
    let shown = Shown::of(&shared, &fields, &caller, status.time).await;
    Ok((code, page(&OrderPage::new(&status, &caller, &fields, shown, Some(trouble))?)?).into_response())
}

/// Why what the form asks for is not ordered.
fn hindrance(fields: &Fields, shown: &Shown) -> Option<(StatusCode, String)> {
    let unfit = |what: String| Some((StatusCode::UNPROCESSABLE_ENTITY, what));
    let (input, _) = fields.seen.split_once('.').unwrap_or_default();
    if fields.seen.is_empty() || input != fields.digest() {
        return unfit("Nothing is ordered yet: this is what would happen. Look, and order it then.".to_owned());
    }
    if shown.trouble.is_some() {
        return unfit("Nothing is ordered: it cannot be ordered like this.".to_owned());
    }
    if !shown.ready {
        return unfit("Nothing is ordered: an order needs a reason and an end.".to_owned());
    }
    if fields.seen != shown.seen {
        let what =
            "Nothing is ordered: the state has changed since the preview was made. This is what would happen now.";
        return Some((StatusCode::CONFLICT, what.to_owned()));
    }
    if !shown.severe.is_empty() && fields.confirm.trim() != fields.site {
        return unfit(format!("Nothing is ordered: type {} to confirm.", fields.site));
    }
    None
}

/// What came of it.
struct Done {
    heading: String,
    link: String,
    site: String,
    /// Phrases.
    changes: Vec<String>,
    acknowledged_by: Vec<String>,
    missing: Vec<String>,
    drained_by: Option<When>,
    /// Whether the site leaves the answers, so that the absence of a time says something.
    leaves: bool,
    timetable: Vec<String>,
    /// How long it stands.
    stands: Option<String>,
    /// The order that it took the place of.
    replaces: Option<String>,
    undo: Option<String>,
    undo_link: Option<String>,
}

async fn given(
    shared: &Shared,
    fields: &Fields,
    caller: &Caller,
    standing: OrdersTag,
    now: Timestamp,
) -> Result<Done, Problem> {
    caller.over(&fields.site)?;
    let asked = fields.asked(now);
    match asked.deed? {
        Deed::Give(command) => {
            let command = Command { dry_run: false, seen: Some(standing), ..*command };
            let outcome = shared.control.order(command, caller.clone()).await?;
            Ok(Done::ordered(&outcome, fields, asked.kind, now))
        }
        Deed::Lift(scope) => {
            let reason = crate::admin::orders::text(&fields.reason)?;
            let outcome = shared.control.lift(Lifting { scope, reason, seen: Some(standing) }, caller.clone()).await?;
            Ok(Done::lifted(outcome, fields))
        }
    }
}

impl Done {
    fn ordered(outcome: &OrderOutcome, fields: &Fields, kind: Kind, now: Timestamp) -> Self {
        let what = order(&outcome.intent);
        let scope = &outcome.intent.scope;
        Self {
            heading: match outcome.outcome {
                Outcome::Unchanged => format!("Unchanged: {what} stood already"),
                Outcome::Accepted | Outcome::DryRun => format!("Ordered: {what}"),
            },
            link: link::site(&fields.site),
            site: fields.site.clone(),
            changes: outcome.changes.iter().map(|change| plain(change)).collect(),
            acknowledged_by: outcome.acknowledged_by.clone(),
            missing: outcome.missing.iter().map(|node| node.name.clone()).collect(),
            drained_by: outcome.drained_by.or(outcome.expected_drained_by).map(|by| When::new(by, now)),
            leaves: matches!(kind, Kind::Drain | Kind::Isolate),
            timetable: timetable(&outcome.intent, &outcome.timetable, now),
            stands: Some(stands("Stands", outcome.intent.lifetime, now)),
            replaces: outcome.replaces.as_ref().map(|old| sentence(&replaces(old, &outcome.intent))),
            // What took the place of another order is not undone by lifting it.
            undo_link: (outcome.undo == undo(scope))
                .then(|| link::order(&scope.site, scope.service.as_deref(), Kind::Undrain.word())),
            undo: Some(plain(&outcome.undo)),
        }
    }

    fn lifted(outcome: LiftOutcome, fields: &Fields) -> Self {
        let what = outcome.intent.as_ref().map_or_else(|| format!("no order about {}", fields.scope()), order);
        Self {
            heading: match outcome.outcome {
                Outcome::Unchanged => format!("Unchanged: {what} stood"),
                Outcome::Accepted | Outcome::DryRun => format!("Lifted: {what}"),
            },
            link: link::site(&fields.site),
            site: fields.site.clone(),
            changes: outcome.changes.iter().map(|change| plain(change)).collect(),
            acknowledged_by: outcome.acknowledged_by,
            missing: outcome.missing.into_iter().map(|node| node.name).collect(),
            drained_by: None,
            leaves: false,
            timetable: Vec::new(),
            stands: None,
            replaces: None,
            undo: outcome.undo.as_deref().map(plain),
            undo_link: None,
        }
    }
}

/// What would happen.
#[derive(Default)]
struct Shown {
    /// Why it cannot be ordered like this.
    trouble: Option<String>,
    /// Whether overriding safety rules would help.
    can_force: bool,
    unchanged: bool,
    changes: Vec<String>,
    answers: Vec<AnswerRow>,
    loads: Vec<LoadRow>,
    drained_by: Option<When>,
    /// Whether the site leaves the answers.
    leaves: bool,
    /// How long it would stand; `None` of a lifting.
    stands: Option<String>,
    /// The order that it would take the place of.
    replaces: Option<String>,
    severe: Vec<String>,
    line: Option<String>,
    /// What it starts from.
    grounds: String,
    /// What tells this preview from others: of the input, and of what would happen.
    seen: String,
    /// Whether it can be ordered.
    ready: bool,
}

struct AnswerRow {
    service: String,
    question: String,
    client: String,
    before: Vec<String>,
    after: Vec<String>,
}

struct LoadRow {
    site: String,
    capacity: String,
    before: String,
    after: String,
}

impl Shown {
    async fn of(shared: &Shared, fields: &Fields, caller: &Caller, now: Timestamp) -> Self {
        let Asked { kind, deed, line, complete } = fields.asked(now);
        let line = line.map(|line| plain(&line));
        let client = match fields.client.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                Problem::new(ProblemKind::Invalid, format!("'{}' is not an address of a client", plain(text)))
            }),
        };
        let proposal = caller.over(&fields.site).and(deed).and_then(|deed| Ok(Proposal { deed, client: client? }));
        let preview = match proposal {
            Ok(proposal) => shared.control.rehearse(proposal, caller.clone()).await,
            Err(problem) => Err(problem),
        };
        match preview {
            Err(problem) => Self {
                can_force: problem.kind == ProblemKind::Refused,
                trouble: Some(told(&problem)),
                line,
                seen: format!("{}.", fields.digest()),
                ..Self::default()
            },
            Ok(preview) => Self {
                unchanged: preview.outcome == Outcome::Unchanged,
                grounds: format!("plan {}, orders {}", preview.generation, preview.tag),
                seen: format!("{}.{}", fields.digest(), state(&preview)),
                changes: preview.changes.iter().map(|change| plain(change)).collect(),
                answers: preview.answers.into_iter().map(AnswerRow::new).collect(),
                loads: preview.loads.iter().map(LoadRow::new).collect(),
                drained_by: preview.drained_by.map(|by| When::new(by, now)),
                leaves: matches!(kind, Kind::Drain | Kind::Isolate),
                // Before an end was chosen there is none to tell.
                stands: preview
                    .intent
                    .as_ref()
                    .filter(|_| !fields.ends.is_empty())
                    .map(|intent| stands("Would stand", intent.lifetime, now)),
                replaces: preview.replaces.zip(preview.intent).map(|(old, new)| sentence(&replaces(&old, &new))),
                severe: preview.severe,
                can_force: !fields.force.is_empty(),
                ready: complete,
                trouble: None,
                line,
            },
        }
    }
}

/// What tells what would happen from anything else; amounts that move all the time left out.
fn state(preview: &OrderPreview) -> String {
    let orders = preview.tag.to_string();
    let answers = preview.answers.iter().flat_map(|answer| answer.before.iter().chain(&answer.after));
    let parts = [&orders].into_iter().chain(&preview.changes).chain(answers).chain(&preview.severe);
    digest(parts.map(String::as_str))
}

impl AnswerRow {
    fn new(answer: AnswerPreview) -> Self {
        let country = answer.country.map(|country| format!(" ({country})")).unwrap_or_default();
        Self {
            service: answer.service,
            question: format!("{} {}", plain(&answer.name), answer.rtype),
            client: format!("{}{country}", answer.client),
            before: answer.before.iter().map(|data| plain(data)).collect(),
            after: answer.after.iter().map(|data| plain(data)).collect(),
        }
    }
}

impl LoadRow {
    fn new(load: &SiteForecast) -> Self {
        let free = load.headroom_percent.map(|percent| format!(" ({percent:.0}% free)")).unwrap_or_default();
        Self {
            site: load.site.clone(),
            capacity: load.capacity.map_or_else(|| "no bound".to_owned(), |capacity| capacity.to_string()),
            before: format!("{:.0}", load.load),
            after: format!("{:.0}{free}", load.predicted),
        }
    }
}

/// How long an order stands: `Stands until 2026-05-01T16:00:00Z (in 4 h), then ends by itself`.
fn stands(verb: &str, lifetime: Lifetime, now: Timestamp) -> String {
    match lifetime {
        Lifetime::Until(end) => format!("{verb} until {}, then ends by itself", moment_and_distance(end, now)),
        Lifetime::UntilCleared => format!("{verb} until somebody lifts it"),
    }
}

/// `words` as the beginning of a sentence.
fn sentence(words: &str) -> String {
    let words = plain(words);
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// A problem in a sentence or two.
fn told(problem: &Problem) -> String {
    let remedy = problem.remedy.as_deref().map(|remedy| format!(": {remedy}")).unwrap_or_default();
    plain(&in_words_of_the_form(&format!("{}{remedy}", problem.detail)))
}

#[derive(Template)]
#[template(path = "drain.html", config = "dashboards/operator/askama.toml")]
struct OrderPage {
    frame: Frame,
    site: String,
    site_link: String,
    csrf: String,
    kinds: Vec<Choice>,
    services: Vec<Choice>,
    fields: Fields,
    shown: Shown,
    /// What came of the last attempt.
    trouble: Option<String>,
}

/// One of several.
struct Choice {
    value: String,
    words: String,
    chosen: bool,
}

impl OrderPage {
    fn new(
        status: &Status,
        caller: &Caller,
        fields: &Fields,
        shown: Shown,
        trouble: Option<String>,
    ) -> Result<Self, Problem> {
        let of_site =
            status.services.iter().filter(|service| service.sites.iter().any(|site| site.name == fields.site));
        let mut services: Vec<Choice> = of_site
            .map(|service| Choice {
                value: service.name.clone(),
                words: service.name.clone(),
                chosen: service.name == fields.service,
            })
            .collect();
        if services.is_empty() {
            return Err(Problem::new(ProblemKind::NotFound, format!("there is no site '{}'", plain(&fields.site))));
        }
        services.insert(
            0,
            Choice { value: String::new(), words: "every service".to_owned(), chosen: fields.service.is_empty() },
        );
        let kinds = Kind::ALL.into_iter().map(|kind| Choice {
            value: kind.word().to_owned(),
            words: kind.meaning().to_owned(),
            chosen: kind == fields.kind(),
        });
        Ok(Self {
            frame: Frame::new(status, Screen::Site, format!("Order about {}", fields.site), Some(caller)),
            site: fields.site.clone(),
            site_link: link::site(&fields.site),
            csrf: caller.csrf().unwrap_or_default().to_owned(),
            kinds: kinds.collect(),
            services,
            fields: fields.clone(),
            shown,
            trouble,
        })
    }
}

#[derive(Template)]
#[template(path = "drained.html", config = "dashboards/operator/askama.toml")]
struct OutcomePage {
    frame: Frame,
    done: Done,
}
