//! What the admin API needs of a node that runs drills.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::api::{DrillBegun, Drills};
use super::{Caller, Problem};
use crate::model::{Drill, Scope};

/// A drill as the node gets it: checked for form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillCommand {
    /// What is taken out.
    pub scope: Scope,
    /// For how long.
    pub length: Duration,
    /// Why.
    pub reason: String,
    /// Only say whether it might begin.
    pub dry_run: bool,
}

/// See the module.
pub trait DrillControl {
    /// The drills that ran, run and are to come.
    fn drills(&self) -> Drills;

    /// The drill of this id.
    ///
    /// # Errors
    /// [`super::ProblemKind::NotFound`] where this node knows none.
    fn drill(&self, id: &str) -> Result<Drill, Problem>;

    /// Its report as Markdown.
    fn drill_in_words(&self, drill: &Drill) -> String;

    /// Begins a drill if all is as it must be.
    fn begin_drill(&self, command: DrillCommand, caller: Caller) -> BoxFuture<'_, Result<DrillBegun, Problem>>;

    /// Ends a drill at once; gives it as it then is.
    fn abort_drill(&self, id: String, reason: String, caller: Caller) -> BoxFuture<'_, Result<Drill, Problem>>;
}
