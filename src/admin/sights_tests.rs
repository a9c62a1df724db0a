//! What pages show of a node that only remembers what it was told: nothing that is stored or asked ever becomes markup.

use reqwest::Method;

use super::api::{
    CountrySteering, Evidence, Findings, FoundLine, NodeVote, PlacedSite, ProbeHistory, RefusedLoad, Sights, World,
};
use super::tests::{Api, Fake, SCRIPT, now};
use crate::model::{Coordinates, State};
use crate::steer::Told;

impl Sights for Fake {
    fn world(&self, _service: &str) -> Option<World> {
        let steered = |country: &str, first: Option<&str>| CountrySteering {
            country: country.parse().unwrap(),
            first: first.map(Into::into),
            order: vec![SCRIPT.into()],
        };
        Some(World {
            told: Told::ByPlace,
            sites: vec![PlacedSite { name: SCRIPT.into(), at: Coordinates::new(50.1, 8.7) }],
            countries: vec![steered("DE", Some(SCRIPT)), steered("JP", None), steered("MT", Some(SCRIPT))],
        })
    }

    fn evidence(&self, _site: &str) -> Vec<Evidence> {
        let vote = |node: &str, state, counts| NodeVote { node: node.into(), state, counts, is_local: false };
        vec![Evidence {
            service: SCRIPT.into(),
            address: "192.0.2.1".parse().unwrap(),
            votes: vec![vote(SCRIPT, Some(State::Down), true), vote("iad-ns1", None, false)],
            probes: vec![ProbeHistory { monitor: SCRIPT.into(), samples: vec![Some(1.5), None, Some(3.0)] }],
        }]
    }

    fn findings(&self) -> Findings {
        let line =
            || FoundLine { place: SCRIPT.into(), found: SCRIPT.into(), expected: SCRIPT.into(), remedy: SCRIPT.into() };
        Findings {
            loaded: now(),
            warnings: vec![line()],
            warnings_more: 3,
            refused: Some(RefusedLoad { time: now(), errors: vec![line()], errors_more: 0 }),
        }
    }
}

#[tokio::test]
async fn the_map_marks_countries_by_letter_and_says_the_same_in_a_table() {
    let api = Api::start().await;
    let page = api.tcp(Method::GET, "/").send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("style="), "{page}");
    assert!(
        page.contains("class=\"country to0\"") && page.contains("<text class=\"letter\""),
        "Germany by fill and letter"
    );
    assert!(page.contains("class=\"country land\""), "Japan is sent nowhere");
    assert!(page.contains("<circle class=\"country to0\""), "Malta has no outline");
    assert!(page.contains("DE MT"), "the table names the countries");
}

/// `SCRIPT` as part of an address.
const ASKED: &str = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22'%3E%3Cimg%20src%3Dx%20onerror%3Dalert(2)%3E";

const PAGES: [&str; 10] = [
    "/",
    "/?service=",
    "/sites/",
    "/timeline?kind=rest&site=",
    "/timeline?since=",
    "/nodes?",
    "/explain?name=",
    "/explain?name=x&type=MX&client=",
    "/whatif?fail=",
    "/zones?",
];

/// Whether `page` holds no element that a hostile name would have made.
fn is_inert(page: &str) -> bool {
    let made = ["<script>", "<img", "onerror=alert(2)>", "style="];
    !made.iter().any(|element| page.contains(element))
}

#[tokio::test]
async fn neither_what_is_stored_nor_what_is_asked_becomes_markup() {
    let api = Api::start().await;
    api.fake.happens(SCRIPT);
    for path in PAGES {
        let asked = if path == "/" { path.to_owned() } else { format!("{path}{ASKED}") };
        let response = api.tcp(Method::GET, &asked).header("accept", "text/html").send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8", "{asked}");
        let page = response.text().await.unwrap();
        assert!(is_inert(&page), "{asked}\n{page}");
        assert!(!page.contains("{{") && page.contains("<html lang=\"en\""), "{asked}");
        assert_eq!(page.matches("<h1").count(), 1, "{asked}");
        assert_eq!(page.matches("<main").count(), 1, "{asked}");
        let tables = page.matches("<table").count();
        assert_eq!(page.matches("<caption").count(), tables, "{asked}: every table says what it holds");
    }
}

#[tokio::test]
async fn every_live_part_has_a_name_of_its_own() {
    let api = Api::start().await;
    for path in ["/".to_owned(), format!("/sites/{ASKED}"), "/timeline".to_owned(), "/zones".to_owned()] {
        let page = api.tcp(Method::GET, &path).send().await.unwrap().text().await.unwrap();
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(ids.len(), distinct.len(), "{path}: {ids:?}");
        let live = page.split('<').filter(|tag| tag.split('>').next().is_some_and(|tag| tag.contains(" data-live")));
        assert!(live.clone().count() >= 2 && live.clone().all(|tag| tag.contains(" id=\"")), "{path}");
        assert!(page.contains("data-generation=\"1.2\"") && page.contains("data-last-event="), "{path}");
    }
}

#[tokio::test]
async fn a_browser_gets_a_problem_as_a_page_and_a_program_as_a_document() {
    let api = Api::start().await;
    for (path, status, said) in [
        ("/nowhere", 404, "There is no such thing"),
        ("/sites/nowhere", 404, "there is no site"),
        ("/timeline?kind=nonsense", 400, "is no kind of event"),
        ("/timeline?before=x", 400, "The request is not valid"),
        ("/api/v1/store", 401, "Not authenticated"),
    ] {
        let ask = |accept: &'static str| api.tcp(Method::GET, path).header("accept", accept).send();
        let page = ask("text/html,application/xhtml+xml;q=0.9").await.unwrap();
        assert_eq!(
            (page.status().as_u16(), &page.headers()["content-type"]),
            (status, &"text/html; charset=utf-8".parse().unwrap())
        );
        let text = page.text().await.unwrap();
        assert!(text.contains(said) && text.contains("Next: ") && is_inert(&text), "{path}\n{text}");
        assert!(!text.contains("data-node") && !text.contains("id=\"state\""), "a stranger learns nothing of the node");
        for accept in ["application/json", "*/*"] {
            let document = ask(accept).await.unwrap();
            assert_eq!(document.headers()["content-type"], "application/problem+json", "{path} for {accept}");
        }
    }
    let rebound = api.tcp(Method::GET, "/").header("host", "evil.example").header("accept", "text/html");
    let rebound = rebound.send().await.unwrap();
    assert_eq!(rebound.status(), 421);
    assert!(!rebound.text().await.unwrap().contains("data-node"), "nor does a page under a foreign name");
}

#[tokio::test]
async fn an_asset_is_kept_by_its_digest_and_checked_without() {
    let api = Api::start().await;
    let page = api.tcp(Method::GET, "/").send().await.unwrap();
    assert_eq!(page.headers()["cache-control"], "no-store", "a page is never stale");
    let page = page.text().await.unwrap();
    let href = page.split("rel=\"stylesheet\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let named = api.tcp(Method::GET, href).send().await.unwrap();
    assert!(named.headers()["cache-control"].to_str().unwrap().contains("immutable"), "{href}");
    assert_eq!(named.headers()["content-type"], "text/css; charset=utf-8");
    let tag = named.headers()["etag"].clone();
    let plain = api.tcp(Method::GET, "/assets/operator.css").send().await.unwrap();
    assert_eq!(plain.headers()["cache-control"], "no-cache");
    let known = api.tcp(Method::GET, "/assets/operator.css").header("if-none-match", tag).send().await.unwrap();
    assert_eq!((known.status().as_u16(), known.text().await.unwrap().as_str()), (304, ""));
    let stale = api.tcp(Method::GET, "/assets/operator.css?v=0123456789abcdef").send().await.unwrap();
    assert_eq!(stale.headers()["cache-control"], "no-cache", "another version's name keeps nothing");
    assert_eq!(api.tcp(Method::GET, "/assets/nothing.js").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_timeline_comes_in_pages_and_is_sifted() {
    let api = Api::start().await;
    for _ in 0..205 {
        api.fake.happens("store");
    }
    let rows = async |path: &str| {
        let page = api.tcp(Method::GET, path).send().await.unwrap().text().await.unwrap();
        let ids: Vec<u64> =
            page.split("<tr id=\"event-").skip(1).filter_map(|row| row.split('"').next()?.parse().ok()).collect();
        (ids, page)
    };
    let (first, page) = rows("/timeline").await;
    assert_eq!(first, (106..=205).rev().collect::<Vec<_>>());
    assert!(page.contains("before=106\">Older"), "{page}");
    let (last, page) = rows("/timeline?before=6").await;
    assert_eq!(last, [5, 4, 3, 2, 1]);
    assert!(!page.contains(">Older<") && page.contains(">Newest<"));
    assert_eq!(rows("/timeline?before=106").await.0, (6..=105).rev().collect::<Vec<_>>());
    let (none, page) = rows("/timeline?kind=orders").await;
    assert!(none.is_empty() && page.contains("It was read to its begin"));
    assert_eq!(rows("/timeline?kind=rest&since=2026-05-01T12:00:00Z").await.0.len(), 100);
    assert!(rows("/timeline?since=2026-05-01T12:00:01Z").await.0.is_empty());
}

#[tokio::test]
async fn a_site_shows_who_says_what_and_what_its_probes_found() {
    let api = Api::start().await;
    let page = api.tcp(Method::GET, &format!("/sites/{ASKED}")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("iad-ns1: does not know it"), "{page}");
    assert!(page.contains("does not count: not heard of lately"));
    assert!(page.contains("<span class=\"mark down\"><span class=\"shape\" aria-hidden=\"true\">✕</span> down</span>"));
    assert!(page.contains("type=\"button\" disabled") && page.contains("sign in as an operator to order"));
    assert!(!page.contains("href=\"/drain"), "who may not order gets no link to it");
    let socket = api.socket(Method::GET, &format!("/sites/{ASKED}")).send().await.unwrap().text().await.unwrap();
    assert!(socket.contains("href=\"/drain?site=%3Cscript"), "an administrator does");
    assert!(!socket.contains(" disabled"));
}

#[tokio::test]
async fn an_incident_has_a_page_of_its_own_that_lasts() {
    let api = Api::start().await;
    for _ in 0..8 {
        api.fake.happens(SCRIPT);
    }
    api.fake.incidents.lock().unwrap().push(super::incidents_tests::hostile_incident());
    let list = api.tcp(Method::GET, "/timeline").send().await.unwrap().text().await.unwrap();
    assert!(list.contains("<a href=\"/timeline/7\">7</a>") && list.contains("open</span>"), "{list}");
    let page = api.tcp(Method::GET, "/timeline/7").send().await.unwrap().text().await.unwrap();
    assert!(is_inert(&page) && is_inert(&list), "{page}");
    assert!(page.contains("href=\"/api/v1/incidents/7?format=md\"") && page.contains("href=\"/timeline/7\""));
    assert!(page.contains("waypost incident 7 -o md"));
    assert!(page.contains("id=\"event-7\"") && !page.contains("id=\"event-6\""), "its own events and no others");
    for unknown in ["/timeline/8", "/timeline/x"] {
        let response = api.tcp(Method::GET, unknown).header("accept", "text/html").send().await.unwrap();
        assert_eq!(response.status(), 404, "{unknown}");
        assert!(response.text().await.unwrap().contains("too old to be kept"));
    }
}
