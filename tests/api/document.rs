//! Broken here, and a script that was written by the document fails, or a strange request makes the node fail.

use std::process::Command;

use serde_json::Value;

use crate::python::program;
use crate::scene::Scene;

#[test]
fn requests_drawn_from_the_document_get_what_it_says() {
    let scene = Scene::with(|text| format!("{text}\n[safety]\nsettle = \"0s\"\n"));
    let made = scene.node.order(&["token", "create", "drawn", "--role", "admin", "-o", "json"]);
    let secret = serde_json::from_str::<Value>(&made).unwrap()["secret"].as_str().unwrap().to_owned();
    let url = format!("http://127.0.0.1:{}/api/v1/openapi.json", scene.admin);
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                  response_headers_conformance";
    let output = Command::new(program("schemathesis"))
        .current_dir(scene.directory.path())
        .args(["run", &url, "--header", &format!("Authorization: Bearer {secret}")])
        .args(["--checks", checks, "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--seed", "7"])
        .args(["--generation-deterministic", "--no-color", "--request-timeout", "30", "--max-time", "90"])
        // A stream never ends, and the token in use must not be revoked in between.
        .args(["--exclude-path-regex", "^/api/v1/tokens/", "--continue-on-failure"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("passed"), "{said}");
    assert_eq!(scene.status()["ready"], true);
}
