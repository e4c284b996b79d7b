//! `fosse password`: a line with the name of a user and the hash of a password that is typed.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use fosse_args::Args;
use fosse_die::{fatal, usage};
use fosse_passwords::{
    BCRYPT_COST_MAX, BCRYPT_COST_MIN, BCRYPT_PASSWORD_BYTES_MAX, Hash, PASSWORD_BYTES_MAX, SALT_BYTES, User,
};
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::PROGRAM;
use crate::output::print;

/// Prints the line of a user.
pub(crate) fn run(words: &Args) -> i32 {
    let name = words.positional(0).unwrap_or_default();
    let cost: Option<u32> = words.parsed("--bcrypt", "a cost");
    if cost.is_some_and(|cost| !(BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost)) {
        usage(PROGRAM, &format!("password: --bcrypt takes a cost from {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX}"));
    }
    let password = typed(name);
    if password.is_empty() {
        fatal(PROGRAM, "an empty password is none");
    }
    if password.len() > PASSWORD_BYTES_MAX {
        fatal(PROGRAM, format_args!("a password has {PASSWORD_BYTES_MAX} bytes at most"));
    }
    let line = format!("{name}:{}", hash(&password, cost));
    // As whoever reads it will.
    match User::parse(&line) {
        Ok(_) => print(&format!("{line}\n")),
        Err(fault) => usage(PROGRAM, &format!("password: '{}': {fault}", name.escape_debug())),
    }
}

fn hash(password: &[u8], cost: Option<u32>) -> Hash {
    let mut salt = [0; SALT_BYTES];
    if getrandom(&mut salt, GetRandomFlags::empty()) != Ok(SALT_BYTES) {
        fatal(PROGRAM, "the kernel has no random bytes");
    }
    let Some(cost) = cost else { return Hash::of(password, salt) };
    Hash::bcrypt_of(password, cost, salt).unwrap_or_else(|_| {
        fatal(
            PROGRAM,
            format_args!(
                "bcrypt takes a password of {BCRYPT_PASSWORD_BYTES_MAX} bytes at most without NUL; leave out --bcrypt"
            ),
        )
    })
}

/// Returns the password: on a terminal it is asked for twice, and not shown; else it is the first
/// line of the standard input.
fn typed(name: &str) -> Zeroizing<Vec<u8>> {
    if !std::io::stdin().is_terminal() {
        return line();
    }
    let unseen = Unseen::begin();
    let first = asked(&format!("Password of {name}: "));
    if *asked("Again: ") != *first {
        drop(unseen);
        fatal(PROGRAM, "the two are not the same");
    }
    first
}

fn asked(question: &str) -> Zeroizing<Vec<u8>> {
    // To where it does not become part of the file.
    let mut out = std::io::stderr();
    let _ = out.write_all(question.as_bytes());
    let password = line();
    let _ = out.write_all(b"\n");
    password
}

fn line() -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(2 * PASSWORD_BYTES_MAX));
    if let Err(error) = std::io::stdin().lock().read_until(b'\n', &mut line) {
        fatal(PROGRAM, format_args!("unable to read the password: {error}"));
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    line
}

/// A terminal that does not show what is typed, for as long as it lives.
struct Unseen(Option<rustix::termios::Termios>);

impl Unseen {
    fn begin() -> Self {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut unseen = before.clone();
            unseen.local_modes -= LocalModes::ECHO;
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &unseen);
        }
        Self(before)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}
