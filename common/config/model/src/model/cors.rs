//! Cross-origin requests.

use crate::names::{FieldName, Method, OriginPattern};
use crate::section::Presence::{Default, Required};
use crate::section::{At, section};
use crate::value::Seconds;

section! {
    /// Pages of other origins may make requests to the site, and their browsers let them read the
    /// responses (CORS, as the Fetch standard has it). Preflights are responded to by fosse, with
    /// 204, before any check of who asks, since they come without a password; the application sees
    /// none. Its own headers of CORS are left out. An origin that is not listed gets no header: its
    /// browser refuses the response. Requests are served as without this table: what must not be
    /// done for a page of another origin has to be refused otherwise.
    Cors "[site.cors]" {
        /// Origins whose pages may: "https://app.example.org", with a port where it is not the
        /// usual one; "https://*.example.org" for all names below one; "*" for every page, which
        /// goes with nothing else. Where they are listed, responses say Vary: Origin.
        origins: Vec<At<OriginPattern>>, Required, 1..=64;
        /// Methods that such requests may have.
        methods: Vec<At<Method>>, Default("[\"GET\", \"HEAD\", \"POST\"]"), 1..=64;
        /// Headers that such requests may have, beside those that every page may send; "*" for any
        /// but Authorization.
        headers: Vec<At<FieldName>>, Default("[]"), 0..=64;
        /// Headers of responses that pages may read, beside those that every page may.
        expose_headers: Vec<At<FieldName>>, Default("[]"), 0..=64;
        /// Requests may come with cookies, passwords and certificates. Not with origins = ["*"]:
        /// every page of the web could then act as whoever looks at it.
        credentials: bool, Default("false");
        /// Time for which a browser may remember what a preflight has said.
        max_age_seconds: Seconds, Default("600"), 0..=86400;
    }
}
