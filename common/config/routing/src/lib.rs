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

pub use facts::{Facts, Headers};
pub use path::{split, understood};
pub use rewrite::{Changed, Unwritable};
pub use router::Router;
pub use routes::Routes;
pub use scripts::{Script, script};
pub use sites::Sites;
pub use template::{origin, render, render_part};
