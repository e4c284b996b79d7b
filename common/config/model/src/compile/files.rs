//! Backends that serve files, as start and fosse-static see them.

use fosse_plan::FilesPlan;
use fosse_settings as blobs;
use fosse_wire::blob::encode;

use crate::model::{Backend, CacheControl, Coding};
use crate::names::{Directory, TryFile};
use crate::problem::Problems;

/// Returns the plan of a backend that serves the files of `root`; `None` with the problem noted
/// where its settings are too large.
pub(crate) fn plan(backend: &Backend, root: &Directory, problems: &mut Problems) -> Option<FilesPlan> {
    let name = backend.name.0.clone();
    let settings = blobs::Files {
        name: name.clone(),
        index: backend.index.iter().map(|name| name.0.clone()).collect(),
        try_files: backend.try_files.iter().map(|place| try_file(place)).collect(),
        precompressed: backend.precompressed.iter().map(|coding| compiled(coding.value)).collect(),
        cache_control: backend.cache_control.iter().map(|table| cache_control(table)).collect(),
    };
    let span = &backend.files.span;
    let noted =
        encode(&settings).map_err(|error| problems.note(span, format!("the settings of fosse-static: {error}")));
    let root = root.0.clone().into_bytes();
    noted.ok().map(|settings| FilesPlan { name: name.into_bytes(), root, settings })
}

fn try_file(place: &TryFile) -> blobs::TryFile {
    match place {
        TryFile::Path => blobs::TryFile::Path,
        TryFile::PathAnd(ending) => blobs::TryFile::PathAnd(ending.clone()),
        TryFile::File(path) => blobs::TryFile::File(path.trim_start_matches('/').to_owned()),
    }
}

const fn compiled(coding: Coding) -> blobs::Coding {
    match coding {
        Coding::Brotli => blobs::Coding::Brotli,
        Coding::Zstd => blobs::Coding::Zstd,
        Coding::Gzip => blobs::Coding::Gzip,
    }
}

fn cache_control(table: &CacheControl) -> blobs::CacheControl {
    let paths = table.paths.iter().map(|glob| glob.0.clone()).collect();
    blobs::CacheControl { paths, value: table.value.0.clone() }
}
