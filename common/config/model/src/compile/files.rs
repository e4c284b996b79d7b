//! Backends that serve files, as start and fosse-static see them.

use fosse_plan::FilesPlan;
use fosse_settings as blobs;
use fosse_wire::blob::encode;

use crate::model::Backend;
use crate::names::Directory;
use crate::problem::Problems;

/// Returns the plan of a backend that serves the files of `root`; `None` with the problem noted
/// where its settings are too large.
pub(crate) fn plan(backend: &Backend, root: &Directory, problems: &mut Problems) -> Option<FilesPlan> {
    let name = backend.name.0.clone();
    let settings =
        blobs::Files { name: name.clone(), index: backend.index.iter().map(|name| name.0.clone()).collect() };
    let span = &backend.files.span;
    let noted =
        encode(&settings).map_err(|error| problems.note(span, format!("the settings of fosse-static: {error}")));
    let root = root.0.clone().into_bytes();
    noted.ok().map(|settings| FilesPlan { name: name.into_bytes(), root, settings })
}
