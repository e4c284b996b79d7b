//! fosse-routing: the choice of a site by its host and of one of its policies by path and
//! conditions, and the target that goes on. Parse decides with it, waf-filter and dispatch check
//! that request and policy belong together, `fosse explain` shows it.

#![forbid(unsafe_code)]

mod conditions;
mod facts;
mod path;
pub mod pattern;
mod rewrite;
mod router;
mod routes;
mod scripts;
mod sites;
mod template;

use fosse_settings::DispatchSite;

pub use facts::{Facts, Headers};
pub use path::{split, understood};
pub use rewrite::{Changed, Unwritable};
pub use router::Router;
pub use routes::Routes;
pub use scripts::{Script, script};
pub use template::render;

/// Returns whether `host`, as parse found it, belongs to the site that parse named.
#[must_use]
pub fn owns(site: &DispatchSite, host: &[u8]) -> bool {
    site.default || site.hosts.iter().any(|h| matches(h.as_bytes(), host))
}

fn matches(pattern: &[u8], host: &[u8]) -> bool {
    match pattern.strip_prefix(b"*") {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_takes_names_below_it_and_not_itself() {
        let site = DispatchSite { hosts: vec!["*.example.org".into(), "b.example".into()], ..Default::default() };
        assert!(owns(&site, b"a.example.org") && owns(&site, b"b.example"));
        assert!(!owns(&site, b"example.org") && !owns(&site, b"evil-example.org"));
    }
}
