//! Backends that speak FastCGI as dispatch sees them.

use fosse_settings as blobs;

use crate::model::{Backend, FastCgi};

impl Backend {
    /// Returns whether request bodies are received whole. CGI has no body without a length.
    #[must_use]
    pub fn buffers_requests(&self) -> bool {
        self.buffer_requests.value || self.fastcgi.is_some() && self.buffer_requests.written().is_none()
    }
}

/// Returns the settings of a backend that speaks FastCGI.
pub(super) fn fastcgi(backend: &Backend) -> Option<blobs::FastCgi> {
    let FastCgi { root, scripts, front_controller, index, path_info, params, .. } = backend.fastcgi.as_ref()?;
    Some(blobs::FastCgi {
        root: root.0.trim_end_matches('/').to_owned(),
        scripts: scripts.iter().map(|pattern| pattern.0.clone()).collect(),
        front_controller: front_controller.as_ref().map(|path| path.0.clone()),
        index: index.as_ref().map(|name| name.0.clone()),
        path_info: path_info.value,
        params: with_software(params.as_ref().map(|params| params.0.clone()).unwrap_or_default()),
    })
}

/// Adds the name of this software, unless another one is written: WordPress has pretty links for
/// those that it knows.
fn with_software(mut params: Vec<(String, String)>) -> Vec<(String, String)> {
    const NAME: &str = "SERVER_SOFTWARE";
    if !params.iter().any(|(name, _)| name == NAME) {
        params.push((NAME.to_owned(), "fosse".to_owned()));
    }
    params
}
