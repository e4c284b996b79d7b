//! Backends that speak FastCGI.

use crate::names::{Directory, Params, ScriptName, ScriptPath, ScriptPattern};
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, section};

section! {
    /// The servers of this backend speak FastCGI, as PHP-FPM does. Which script runs is decided by
    /// the path, decoded and without dots, and by this table alone: a script is never looked for on
    /// the disk. Request bodies are received whole before a server is chosen, as with
    /// buffer_requests = true, unless that is false; then a chunked body that does not end within
    /// 64 KiB gets 411. pool_connections_max is 0 where it is not written: each worker of PHP-FPM
    /// serves one connection, and is taken as long as that is kept. Write it only where it, times
    /// lanes, is well below pm.max_children.
    FastCgi "[backend.fastcgi]" {
        /// Directory of the scripts as the servers see it: with a path of the table it becomes
        /// SCRIPT_FILENAME. It is DOCUMENT_ROOT as well.
        root: Directory, Required;
        /// Paths that are scripts of their own. The last part may hold one star, which stands for
        /// any letters but a slash and a dot at its beginning. Directories are spelt out: with a
        /// star there, somebody's upload.jpg/x.php would be one.
        scripts: Vec<At<ScriptPattern>>, Default("[]"), 0..=256;
        /// The script that gets every path that is no script's.
        front_controller: Option<ScriptPath>, Absent("such paths get 404");
        /// A path that ends in a slash stands for this script in its directory, where that is one.
        index: Option<ScriptName>, Absent("such paths are no script's");
        /// A path may go on after that of a script, from a slash on: the rest is PATH_INFO. Without
        /// it such a path is no script's.
        path_info: bool, Default("false");
        /// Further parameters, beside those that fosse writes.
        params: Option<Params>, Absent("there are none"), 0..=64;
    }
}
