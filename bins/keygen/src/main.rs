//! fosse-keygen: makes a private key in a file that it is given, and a request for a certificate.
//!
//! Reads the names and the kind of the key on fd 5; writes the key to fd 8 and has it on the disk
//! before it says anything of it, then the request to fd 9. With `--local` that is a certificate
//! for this machine alone, and fd 10 gets that of its authority, whose key ends with this process.
//! It opens nothing, and knows nobody.

#![forbid(unsafe_code)]

use fosse_inherit::inherit;
use fosse_keygen::{PROGRAM, options, outputs::Outputs, policy};
use fosse_lockdown::enter;
use fosse_settings::tls::Keygen;

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let (mode, is_local) = options::of_process();
    let mut fds = inherit(PROGRAM, options::DESCRIPTORS);
    let task = fosse_inherit::blob::<Keygen>(PROGRAM, &mut fds, 5);
    let (key, out, authority) = (fds.required(8), fds.required(9), fds.optional(10));
    // The library collects its entropy here.
    let _ = aws_lc_rs::rand::fill(&mut [0; 32]);

    let locked = enter(&policy::POLICY, mode);

    let task = task.open(locked).read();
    let outputs = Outputs { key, out, authority };
    let written = if is_local { outputs.local(&task) } else { outputs.request(&task) };
    if let Err(error) = written {
        fosse_die::temporary(PROGRAM, format_args!("unable to write: {error}"));
    }
}
