//! Exceptions to a rule: each is there for now, and the list only shrinks.

/// Fails with every finding that is no exception, and with every exception that is found no more.
///
/// # Panics
/// Where there is one of either.
pub fn only(what: &str, exceptions: &[&str], findings: &[String]) {
    let new = findings.iter().filter(|finding| !exceptions.contains(&finding.as_str())).cloned().collect::<Vec<_>>();
    crate::none(what, &new);
    let is_gone = |exception: &&&str| !findings.iter().any(|finding| finding == **exception);
    let gone = exceptions.iter().filter(is_gone).map(|exception| (*exception).to_owned()).collect::<Vec<_>>();
    crate::none(&format!("{what}: exceptions that nothing needs any more; take them out of the list"), &gone);
}
