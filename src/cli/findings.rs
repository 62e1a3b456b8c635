//! What `tightrope check` finds out about a set.

use crate::offline::dry_run::rehearse;
use crate::offline::lints::{Hint, hints};
use crate::offline::wire_load::{Need, needs};
use crate::set::Set;

/// What was found out about a set.
pub(crate) struct Findings {
    pub set: Set,
    pub needs: Vec<Need>,
    pub hints: Vec<Hint>,
}

impl Findings {
    pub(crate) fn about(set: Set) -> Findings {
        let rehearsals = rehearse(&set);
        let needs = needs(&set, &rehearsals);
        let hints = hints(&set, &rehearsals, &needs);
        Findings { set, needs, hints }
    }
}
