//! Users with passwords.

use crate::names::{FilePath, Network, QuotedText, UserField, UserLine};
use crate::section::Presence::{Absent, Default};
use crate::section::{At, section};

section! {
    /// Requests are served only if they come with the name and the password of a user (RFC 7617);
    /// others get 401. Use it over https alone: the password comes with every request. It is
    /// checked by a program of its own, fosse-password(8), one check at a time, and remembered for
    /// five minutes by its digest. A client whose attempts come faster than they are checked gets
    /// 429. Without a result in time a request gets 503.
    BasicAuth "[site.basic_auth]" {
        /// The name that a browser shows when it asks for the password.
        realm: QuotedText, Default("\"restricted\"");
        /// Users, each as "fosse password NAME" or htpasswd -nB prints them: a name, a colon, and a
        /// hash of bcrypt or Argon2id.
        users: Vec<At<UserLine>>, Default("[]"), 0..=256;
        /// A file with such lines, as htpasswd -B makes it. Others must not read it: give it to
        /// root and the group of this configuration, with mode 640. A change is in force after a
        /// reload.
        users_file: Option<FilePath>, Absent("users has all of them");
        /// Header in which the application gets the name of the user. Those of clients with such a
        /// name, however it is spelt, are left out always.
        user_header: Option<UserField>, Absent("it does not get the name");
        /// The application gets the header Authorization, and with it the password.
        keep_authorization: bool, Default("false");
        /// Networks whose clients are let in without a password.
        anonymous_networks: Vec<At<Network>>, Default("[]"), 0..=256;
    }
}
