//! Backends that serve files: a directory in place of servers, and the keys that one of the two has
//! no use for.

use fosse_wire::files::FILES_BACKENDS_MAX;

use crate::model::{Backend, ProxyOut};
use crate::problem::{Problems, Span};
use crate::section::At;

/// Notes what is wrong with each backend that serves files, and with their number.
pub(crate) fn files(backends: &[At<Backend>], problems: &mut Problems) {
    for backend in backends {
        match backend.files.sound() {
            Some(Some(_)) => of_files(backend, problems),
            Some(None) => of_servers(backend, problems),
            None => {}
        }
    }
    let served: Vec<&At<Backend>> = backends.iter().filter(|backend| backend.files.is_some()).collect();
    if let Some(more) = served.get(FILES_BACKENDS_MAX) {
        let what = format!("more than {FILES_BACKENDS_MAX} backends serve files, each by a process of its own");
        let cure = "serve several directories below one, and give sites routes to it";
        problems.note_with_cure(&more.files.span, what, cure);
    }
}

fn of_files(backend: &Backend, problems: &mut Problems) {
    let only_for_servers: [(&str, Option<&Span>); 8] = [
        ("servers", backend.servers.written().filter(|servers| !servers.is_empty()).map(|_| &backend.servers.span)),
        ("server", backend.server.written().filter(|servers| !servers.is_empty()).map(|_| &backend.server.span)),
        ("remote", backend.remote.written().map(|_| &backend.remote.span)),
        ("source_address", backend.source_address.written().map(|_| &backend.source_address.span)),
        ("balance", backend.balance.written().map(|_| &backend.balance.span)),
        (
            "proxy_protocol",
            backend.proxy_protocol.written().filter(|out| **out != ProxyOut::Off).map(|_| &backend.proxy_protocol.span),
        ),
        ("fastcgi", backend.fastcgi.value.as_ref().map(|table| &table.span)),
        // fosse-start watches the process itself.
        ("a check", backend.health.path.written().filter(|path| path.is_some()).map(|_| &backend.health.path.span)),
    ];
    for (key, span) in only_for_servers {
        if let Some(span) = span {
            problems.note_with_cure(span, format!("{key} is for servers, and this backend serves files"), "remove one");
        }
    }
}

fn of_servers(backend: &Backend, problems: &mut Problems) {
    let only_for_files: [(&str, Option<&Span>); 4] = [
        ("index", backend.index.written().map(|_| &backend.index.span)),
        ("try_files", backend.try_files.written().map(|_| &backend.try_files.span)),
        ("precompressed", backend.precompressed.written().map(|_| &backend.precompressed.span)),
        ("cache_control", backend.cache_control.written().map(|_| &backend.cache_control.span)),
    ];
    for (key, span) in only_for_files {
        if let Some(span) = span {
            problems.note_with_cure(span, format!("{key} is for a backend that serves files"), "add files");
        }
    }
}
