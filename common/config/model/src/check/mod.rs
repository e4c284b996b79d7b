//! Checks of several values: whether the tables fit together.

mod backend;
mod limits;
mod listen;
mod site;

use crate::model::Edge;
use crate::problem::Problems;

/// Notes everything that does not fit together.
pub(crate) fn edge(edge: &Edge, problems: &mut Problems) {
    limits::limits(edge, problems);
    listen::listeners(&edge.listen, problems);
    site::sites(&edge.site, &edge.backend, problems);
    backend::backends(&edge.backend, problems);
}
