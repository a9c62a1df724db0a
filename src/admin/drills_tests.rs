//! Drills as callers of the API meet them.

use reqwest::Method;
use serde_json::{Value, json};

use super::tests::{Api, problem};

#[tokio::test]
async fn a_drill_is_asked_for_listed_told_and_ended() {
    let api = Api::start().await;
    let body = json!({ "scope": { "site": "fra" }, "for_seconds": 60, "reason": "monthly" });
    let begun = api.socket(Method::POST, "/api/v1/drills").json(&body).send().await.unwrap();
    assert_eq!(begun.status(), 200);
    let begun: Value = begun.json().await.unwrap();
    assert_eq!((&begun["schema"], &begun["drill"]["id"]), (&json!("waypost.drill-begun/1"), &json!("fra-2")));
    let listed: Value = api.socket(Method::GET, "/api/v1/drills").send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["drills"][0]["outcome"], "SUCCEEDED");
    let report: Value = api.socket(Method::GET, "/api/v1/drills/fra-1").send().await.unwrap().json().await.unwrap();
    assert_eq!((&report["schema"], &report["phase"]), (&json!("waypost.drill/1"), &json!("ended")));
    let ended = api.socket(Method::POST, "/api/v1/drills/fra-1/abort").json(&json!({})).send().await.unwrap();
    assert_eq!(ended.status(), 200);
}

#[tokio::test]
async fn a_report_is_markdown_by_query_or_header() {
    let api = Api::start().await;
    let by_query = api.socket(Method::GET, "/api/v1/drills/fra-1?format=md");
    let by_header = api.socket(Method::GET, "/api/v1/drills/fra-1").header("accept", "text/markdown, */*;q=0.1");
    for request in [by_query, by_header] {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/markdown; charset=utf-8");
        assert_eq!(response.text().await.unwrap(), "# fra-1\n");
    }
}

#[tokio::test]
async fn what_may_not_begin_is_refused_with_a_kind() {
    let api = Api::start().await;
    for (body, expected) in [
        (json!({ "scope": { "site": "full" } }), (422, "refused".to_owned(), 3)),
        (json!({ "scope": { "site": "fra" }, "for_seconds": 0 }), (400, "invalid".to_owned(), 2)),
        (json!({ "for_seconds": 60 }), (400, "invalid".to_owned(), 2)),
    ] {
        let response = api.socket(Method::POST, "/api/v1/drills").json(&body).send().await.unwrap();
        let (status, kind, code) = problem(response).await;
        // What is not of the right form is 400 or 422 by the framework's word.
        assert_eq!((kind, code), (expected.1, expected.2), "{body}: {status}");
    }
    let unknown = api.socket(Method::GET, "/api/v1/drills/none").send().await.unwrap();
    assert_eq!(problem(unknown).await, (404, "not-found".into(), 2));
    let tcp =
        api.tcp(Method::POST, "/api/v1/drills").json(&json!({ "scope": { "site": "fra" } })).send().await.unwrap();
    assert_eq!(tcp.status(), 401, "nobody begins a drill without a token");
}
