//! How an edge is started: the commands, the log, and its word that it is ready.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::sockets::readable;
use crate::stage::SPAWNING;
use crate::{Dir, programs, wait_for};

/// The soft limit of descriptors that supervisors give: what needs more has to see to it itself.
const SUPERVISED: &str = "ulimit -Sn 1024; exec \"$0\" \"$@\"";

/// Runs `fosse up` by flags, as `uid` where one is given. A backend that is an absolute path is a
/// directory of files.
pub(crate) fn up(dir: &Dir, address: SocketAddr, backend: &str, flags: &[&str], uid: Option<u32>) -> Child {
    let mut command = fosse_up();
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    let serves = if backend.starts_with('/') { "--files" } else { "--backend" };
    command.args(["--listen", &address.to_string(), serves, backend]);
    command.arg("--status-socket").arg(dir.join("status.sock"));
    launch(command.args(flags), dir)
}

/// Runs `fosse up` with the configuration in `dir`.
pub(crate) fn up_with_config(dir: &Dir, flags: &[&str]) -> Child {
    launch(configured(dir).args(flags), dir)
}

/// Does the same with more variables in the environment.
pub(crate) fn up_with_variables(dir: &Dir, variables: &[(&str, &str)]) -> Child {
    launch(configured(dir).envs(variables.iter().copied()), dir)
}

/// Does the same in a process group of its own.
pub(crate) fn up_in_foreground(dir: &Dir, flags: &[&str]) -> Child {
    launch(configured(dir).args(flags).process_group(0), dir)
}

fn configured(dir: &Dir) -> Command {
    let mut command = fosse_up();
    command.arg("--config").arg(dir.join("fosse.toml")).arg("--log-dir").arg(dir.path());
    command
}

fn fosse_up() -> Command {
    let mut command = Command::new(programs().join("fosse"));
    command.arg("up").env("FOSSE_PROGRAMS", programs());
    command
}

/// Runs fosse-start with the configuration in `dir`.
pub(crate) fn supervised(dir: &Dir) -> Child {
    // A name of its own: whoever ends every fosse-start of this machine does not mean this one.
    let program = dir.join("test-start");
    let _ = fs::remove_file(&program);
    std::os::unix::fs::symlink(programs().join("fosse-start"), &program).unwrap();
    let mut command = Command::new("/bin/bash");
    command.args(["-c", SUPERVISED]).arg(program).arg("--config").arg(dir.join("fosse.toml"));
    launch(command.arg("--programs").arg(programs()).arg("--dir").arg(dir.path()), dir)
}

/// Returns everything that was logged so far.
pub(crate) fn log(dir: &Dir) -> String {
    String::from_utf8_lossy(&fs::read(dir.join("log")).unwrap_or_default()).into_owned()
}

/// Returns when it is ready. Its end before is the end of the test.
fn launch(command: &mut Command, dir: &Dir) -> Child {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let guard = SPAWNING.lock().unwrap();
    fcntl_setfd(&write, FdFlags::empty()).unwrap();
    let log_file = File::options().create(true).append(true).open(dir.join("log")).unwrap();
    command.args(["--ready-fd", &write.as_raw_fd().to_string()]).stdin(Stdio::null());
    let mut child = command.stdout(log_file.try_clone().unwrap()).stderr(log_file).spawn().unwrap();
    drop((write, guard));
    wait_for("the edge", || {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the edge ended ({status}): {}", log(dir));
        }
        is_ready(&read).then_some(())
    });
    child
}

/// Returns whether the newline has come.
fn is_ready(ready: &OwnedFd) -> bool {
    let mut byte = [0];
    readable(ready, Duration::ZERO) && rustix::io::read(ready, &mut byte[..]).unwrap() == 1 && byte == *b"\n"
}
