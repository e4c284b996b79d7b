//! Links that are signed.

use crate::names::{FilePath, QueryArgument};
use crate::section::Presence::{Default, Required};
use crate::section::{At, section};

section! {
    /// Requests are served only if they come by a link that was signed: by "fosse sign", or by the
    /// application as in the section SIGNED LINKS. Such a link is good for one path and query, as
    /// they are written, at one host, until a time, for GET and HEAD. A request without one gets
    /// 403; one whose time is over 410. A link may be used by whoever has it, as often as he likes.
    SignedLinks "[site.signed_links]" {
        /// Files with the keys that may have signed: one, and while it is being replaced two. Each
        /// holds 32 bytes or more ("openssl rand -hex 32"); a line end at its end is none of them.
        /// Others must not read it: give it to root and the group of this configuration, with mode
        /// 640.
        keys: Vec<At<FilePath>>, Required, 1..=2;
        /// Name of the argument with the time at which a link ends, in seconds since 1970.
        expires_argument: QueryArgument, Default("\"expires\"");
        /// Name of the argument with the signature.
        signature_argument: QueryArgument, Default("\"signature\"");
        /// A link is for one client alone: the signature covers its address.
        bind_client: bool, Default("false");
        /// The application gets the two arguments too. The firewall sees them anyway.
        keep_arguments: bool, Default("false");
    }
}
