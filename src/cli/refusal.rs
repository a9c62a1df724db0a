//! A refusal by a safety rule, as the command line says it: what was refused, that nothing was changed, and the way out.

use crate::admin::api::ProblemDocument;

/// How a rule ends that an order may override.
const FORCE: &str = "force it with a reason";
/// The same among the options of an order.
const BY_OPTION: &str = "override the rule with --force";
/// How a refusal of a drill begins; drills override nothing.
const OF_DRILL: &str = "the drill does not begin: ";

/// The lines that are said of `problem`.
pub(super) fn lines(problem: &ProblemDocument) -> Vec<String> {
    let detail = problem.detail.as_str();
    // A rule names itself and then the way out, in one sentence, as the journal has it.
    let parted = detail.rsplit_once("; ").filter(|(what, _)| problem.remedy.is_none() && what.contains("(rule "));
    let (what, way_out) = match parted {
        Some((what, way_out)) => (what, Some(way_out)),
        None => (detail, problem.remedy.as_deref()),
    };
    let way_out = way_out.map(|way_out| {
        if detail.contains(OF_DRILL) {
            return way_out.replace(&format!(", or {FORCE}"), "");
        }
        way_out.replace(FORCE, BY_OPTION)
    });
    let head = format!("refused: {what}; nothing was changed");
    // The first reason is the sentence already.
    let more = problem.diagnostics.iter().filter(|reason| !detail.ends_with(reason.trim_start_matches("- ")));
    let more = more.cloned();
    std::iter::once(head).chain(more).chain(way_out.map(|way_out| format!("remedy: {way_out}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{Problem, ProblemKind};

    fn refused(detail: &str) -> Problem {
        Problem::new(ProblemKind::Refused, detail)
    }

    #[test]
    fn a_rule_that_refuses_says_what_and_the_way_out_on_lines_of_their_own() {
        let said = "drain nrt would leave service 'mx' with 0 of at least 1 sites in service (rule min_sites); undrain or \
                    repair another site first, lower min_sites, or force it with a reason";
        assert_eq!(
            lines(&refused(said).document()),
            [
                "refused: drain nrt would leave service 'mx' with 0 of at least 1 sites in service (rule min_sites); nothing \
                 was changed",
                "remedy: undrain or repair another site first, lower min_sites, or override the rule with --force",
            ]
        );
        let said = "drain fra would send more than they can carry (rule capacity): iad 9 of 8; 1 of 9 would find no place; \
                    raise capacity, or force it with a reason";
        let lines = lines(&refused(said).document());
        assert!(lines[0].ends_with("1 of 9 would find no place; nothing was changed"), "{lines:?}");
        assert_eq!(lines[1], "remedy: raise capacity, or override the rule with --force");
    }

    #[test]
    fn a_refusal_that_comes_with_its_remedy_or_none_is_taken_as_it_is() {
        let with = refused("x; y").with_remedy("do z").document();
        assert_eq!(lines(&with), ["refused: x; y; nothing was changed", "remedy: do z"]);
        assert_eq!(lines(&refused("x; y").document()), ["refused: x; y; nothing was changed"]);
    }

    #[test]
    fn a_refused_drill_says_each_reason_once_and_offers_no_force() {
        let reasons = vec!["- nrt is down".to_owned(), "- incident 7 is open".to_owned()];
        let said = refused("the drill does not begin: nrt is down").with_diagnostics(reasons).document();
        assert_eq!(
            lines(&said),
            ["refused: the drill does not begin: nrt is down; nothing was changed", "- incident 7 is open"]
        );
        let said = "the drill does not begin: x (rule min_sites); repair another site first, or force it with a reason";
        assert_eq!(lines(&refused(said).document())[1], "remedy: repair another site first");
    }
}
