//! The kernel's log, where it can be read: it alone has the number of the system call that seccomp
//! ended a process for. The parent sees SIGSYS and nothing else.

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
            // Where that fails, old records are read first, and name other process IDs.
            let _ = seek(fd, SeekFrom::End(0));
        }
        Self(fd)
    }

    /// Returns the system call that process `pid` was killed for, from the kernel's record:
    /// `call=NUMBER`. The kernel limits the rate of records, so there may be none.
    pub(crate) fn violation(&mut self, pid: i32) -> Option<String> {
        let fd = self.0.as_ref()?;
        let mut record = [0; 8192];
        let mut found = None;
        for _ in 0..RECORDS_MAX {
            match rustix::io::read(fd, &mut record) {
                Ok(count) => {
                    let text = String::from_utf8_lossy(&record[..count]);
                    found = call_of(&text, pid).or(found);
                }
                // The kernel's buffer was overwritten since the last look: go on with the oldest
                // record there is (Documentation/ABI/testing/dev-kmsg).
                Err(Errno::PIPE) => {}
                Err(_) => break,
            }
        }
        found
    }
}

/// Returns the call of a record, where it is an audit record of type 1326 (seccomp) for that
/// process.
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
