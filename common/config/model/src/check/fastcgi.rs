//! Backends that speak FastCGI: what goes with HTTP alone, and scripts.

use crate::model::{Backend, ProxyOut};
use crate::problem::{Problems, Span};

/// Notes keys that mean nothing for FastCGI, and a table that names no script.
pub(super) fn fastcgi(backend: &Backend, problems: &mut Problems) {
    let Some(fastcgi) = &backend.fastcgi.value else { return };
    let none = fastcgi.scripts.sound().is_some_and(Vec::is_empty)
        && fastcgi.front_controller.sound().is_some_and(Option::is_none);
    if none {
        let what = "no script is named: every request would get 404";
        problems.note_with_cure(&fastcgi.span, what, "add front_controller = \"/index.php\", or scripts");
    }
    let upgrade = backend.upgrade.written().filter(|tokens| !tokens.is_empty()).map(|_| &backend.upgrade.span);
    let proxy = backend.proxy_protocol.written().filter(|out| **out != ProxyOut::Off);
    let only_for_http: [(Option<&Span>, &str); 3] = [
        (upgrade, "no connection of FastCGI can be upgraded"),
        (
            proxy.map(|_| &backend.proxy_protocol.span),
            "no server of FastCGI takes a PROXY header; it is told REMOTE_ADDR",
        ),
        (
            backend.health.path.written().map(|_| &backend.health.path.span),
            "checks speak HTTP, and these servers FastCGI",
        ),
    ];
    for (span, what) in only_for_http {
        if let Some(span) = span {
            problems.note_with_cure(span, what, "remove the line");
        }
    }
}
