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
