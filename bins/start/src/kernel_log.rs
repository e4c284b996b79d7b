//! The kernel's log, where it can be read: it alone knows which system call seccomp ended a process
//! for.

use std::os::fd::OwnedFd;

use rustix::{
    fs::{Mode, OFlags, SeekFrom, open, seek},
    io::Errno,
};

/// Records looked through for one exit.
const RECORDS_MAX: usize = 4096;

/// /dev/kmsg, opened before the lock-down.
#[derive(Debug)]
pub(crate) struct KernelLog(Option<OwnedFd>);

impl KernelLog {
    /// Opens it at its end; without the right to read it, everything else works.
    pub(crate) fn open() -> Self {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = open("/dev/kmsg", flags, Mode::empty()).ok();
        if let Some(fd) = &fd {
            let _ = seek(fd, SeekFrom::End(0));
        }
        Self(fd)
    }

    /// Returns what the kernel said of the call that process `pid` was killed for: `call=NUMBER`.
    pub(crate) fn violation(&mut self, pid: i32) -> Option<String> {
        let fd = self.0.as_ref()?;
        let mut record = [0; 8192];
        let mut found = None;
        for _ in 0..RECORDS_MAX {
            match rustix::io::read(fd, &mut record) {
                Ok(count) => {
                    let text = String::from_utf8_lossy(record.get(..count)?);
                    found = call_of(&text, pid).or(found);
                }
                // The kernel's buffer was overwritten while nobody looked: go on with the oldest
                // record there is.
                Err(Errno::PIPE) => {}
                Err(_) => break,
            }
        }
        found
    }
}

/// An audit record of type 1326 (seccomp) for that process names the call by number.
fn call_of(record: &str, pid: i32) -> Option<String> {
    let number = record.contains("type=1326").then(|| field(record, "syscall="))??;
    (field(record, " pid=")? == pid.to_string()).then(|| format!("call={}", number))
}

fn field<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    record.split_once(name)?.1.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_call_of_the_process_and_of_no_other() {
        let record = "5,1,2,-;audit: type=1326 audit(1.2:3): auid=1 uid=2 gid=2 ses=1 pid=77 comm=\"x\" exe=\"/x\" sig=31 arch=c000003e syscall=41 compat=0";
        assert_eq!(call_of(record, 77).as_deref(), Some("call=41"));
        assert_eq!(call_of(record, 7), None);
        assert_eq!(call_of("pid=77 syscall=41", 77), None);
    }
}
