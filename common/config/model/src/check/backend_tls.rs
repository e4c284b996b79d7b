//! TLS to servers: that there is a server that speaks it, and that what is written goes together.

use crate::model::Backend;
use crate::problem::Problems;

/// Notes what is wrong with a backend's TLS.
pub(super) fn of_backend(backend: &Backend, problems: &mut Problems) {
    let Some(tls) = backend.tls.sound() else { return };
    let speaks = backend.all_servers().any(|server| server.address.sound().is_none_or(|url| url.tls));
    let is_meant = [
        tls.ca_file.written().is_some(),
        tls.server_name.written().is_some(),
        tls.minimum_version.written().is_some(),
        tls.verify.written().is_some(),
    ];
    if is_meant.contains(&true) && backend.has_sound_servers() && !speaks {
        let what = "tls is for servers that speak it, and no server is written with https://";
        return problems.note_with_cure(&backend.tls.span, what, "write https:// before one, or remove the table");
    }
    if tls.verify.sound() == Some(&false) && tls.ca_file.written().is_some() {
        let what = "ca_file says who is trusted, and verify = false that whoever is there is";
        problems.note_with_cure(&tls.verify.span, what, "remove one of the two");
    }
}
