//! The files that a key, and what there is of it, are written to.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use fosse_settings::tls::Keygen;

use crate::{PROGRAM, local, made};

/// The files.
#[derive(Debug)]
pub struct Outputs {
    /// That of the key.
    pub key: OwnedFd,
    /// That of the request, or of the certificate.
    pub out: OwnedFd,
    /// That of the certificate of an authority.
    pub authority: Option<OwnedFd>,
}

impl Outputs {
    /// Writes a key and the request for its certificate.
    ///
    /// # Errors
    /// Those of write(2) and fdatasync(2).
    pub fn request(self, task: &Keygen) -> io::Result<()> {
        let made = made::make(task).unwrap_or_else(|error| refuse(&error));
        write(self.key, made.key.as_bytes())?;
        write(self.out, &made.request)
    }

    /// Writes a key, its certificate for this machine alone, and that of the authority.
    ///
    /// # Errors
    /// As those of [`Outputs::request`].
    pub fn local(self, task: &Keygen) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let made = local::make(task, now).unwrap_or_else(|error| refuse(&error));
        write(self.key, made.key.as_bytes())?;
        write(self.out, made.chain.as_bytes())?;
        self.authority.map_or(Ok(()), |file| write(file, made.authority.as_bytes()))
    }
}

/// Writes a file, onto the disk where it has one.
fn write(file: OwnedFd, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::from(file);
    file.write_all(bytes)?;
    file.sync_data()
}

fn refuse(error: &impl std::fmt::Display) -> ! {
    fosse_die::fatal(PROGRAM, format_args!("unable to make a key: {error}"))
}
