//! fosse-certs: checks the certificates and keys of a configuration, and makes images of them.
//!
//! Reads what the files are on fd 5 and the files on fd 8; writes the image of chains, which is
//! public, to fd 9, that of keys, which is for fosse-keys alone, to fd 10, and what there is to say
//! of each certificate to fd 11. What is wrong goes to fds 2 and 11, all of it at once, and the
//! exit code is 100.

#![forbid(unsafe_code)]

use fosse_certs::{
    PROGRAM,
    images::{self, Outputs},
    options, policy,
};
use fosse_images::FILES_BYTES_MAX;
use fosse_inherit::inherit;
use fosse_lockdown::{Sealed, enter};
use fosse_settings::tls::Certs;
use fosse_sys::blob;

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let (mode, strictness) = options::of_process();
    let mut fds = inherit(PROGRAM, options::DESCRIPTORS);
    let task = fosse_inherit::blob::<Certs>(PROGRAM, &mut fds, 5);
    let files = blob::map(fds.required(8), FILES_BYTES_MAX)
        .unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("files: {error}")));
    // It is gone in a moment; where memory cannot be locked, it was readable in its file before.
    let _ = files.keep_secret();
    let (chains, keys, listing) = (fds.required(9), fds.required(10), fds.required(11));
    let (files, outputs) = (Sealed::new(files), Outputs { chains, keys, listing });

    let locked = enter(&policy::POLICY, mode);

    images::make(&task.open(locked).read(), &files.open(locked), outputs, strictness);
}
