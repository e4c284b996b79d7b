//! The places where counters are read: the word for a public one, and what it must not be.

use crate::address::{ListenAddress, is_loopback};
use crate::check::listen::covers;
use crate::model::{Edge, Listen};
use crate::problem::Problems;
use crate::section::At;

/// Notes the problems of the socket and of the address of fosse-status.
pub(crate) fn status(edge: &Edge, problems: &mut Problems) {
    socket(edge, problems);
    address(edge, problems);
}

fn socket(edge: &Edge, problems: &mut Problems) {
    let Some(socket) = edge.status_socket.sound() else { return };
    if let Some(path) = &socket.0 {
        let is_same =
            |listen: &&At<Listen>| matches!(listen.address.sound(), Some(ListenAddress::Unix(other)) if other == path);
        if let Some(listen) = edge.listen.iter().find(is_same) {
            let what = "status_socket has this path too";
            problems.note_with_cure(&listen.address.span, what, "choose another one for either");
        }
        return;
    }
    let (owner, group) = (&edge.status_socket_owner, &edge.status_socket_group);
    let written = [
        (owner.written().is_some(), &owner.span),
        (group.written().is_some(), &group.span),
        (edge.status_socket_mode.written().is_some(), &edge.status_socket_mode.span),
    ];
    for (_, span) in written.into_iter().filter(|(written, _)| *written) {
        problems.note_with_cure(span, "status_socket is \"off\": there is no socket for it", "remove the line");
    }
}

fn address(edge: &Edge, problems: &mut Problems) {
    let (At { span, .. }, public) = (&edge.status_address, &edge.status_public);
    let Some(written) = edge.status_address.sound() else { return };
    let Some(address) = written else {
        if public.written() == Some(&true) {
            problems.note_with_cure(&public.span, "there is no status_address to be public", "remove the line");
        }
        return;
    };
    if public.sound() == Some(&false) && !is_loopback(&address.0) {
        let what = format!("other machines can reach {}", address.0);
        problems.note_with_cure(span, what, "if that is meant, add status_public = true");
    }
    for listen in edge.listen.iter() {
        if let Some(ListenAddress::Tcp(other)) = listen.address.sound()
            && (*other == address.0 || covers(other, &address.0) || covers(&address.0, other))
        {
            problems.note_with_cure(span, format!("{other} is a listener's address"), "choose another port");
        }
    }
}
