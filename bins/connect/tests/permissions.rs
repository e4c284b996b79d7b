//! Unix sockets with the permissions that applications give them: the edge's one group lets
//! fosse-connect in, whatever its user is at the moment.

use std::fs::{Permissions, set_permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fosse_harness::{Dir, Edge, fosse, get, is_root, sockets, wait_for};

/// A group that no account has, as an application's may be one.
const GROUP: u32 = 4711;
const OTHER_GROUP: u32 = 4712;

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn give(path: &Path, group: u32, mode: u32) {
    chown(path, Some(0), Some(group)).unwrap();
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A socket of mode 0660 in a directory of mode 0750, both of a group.
fn application(group: u32) -> Dir {
    let dir = Dir::new();
    sockets::listen(&dir.join("app.sock"), |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(RESPONSE);
    });
    give(&dir.join("app.sock"), group, 0o660);
    give(dir.path(), group, 0o750);
    dir
}

fn configuration(sockets: &[&Path], keys: &str) -> String {
    let servers: Vec<String> = sockets.iter().map(|path| format!("unix:{}", path.display())).collect();
    format!(
        "uid_base = {{uid_base}}\nlanes = 1\n{keys}\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = {servers:?}\n"
    )
}

fn skipped() -> bool {
    if !is_root() {
        println!("skipped: needs root");
    }
    !is_root()
}

#[test]
fn a_socket_that_lets_in_a_group_serves_in_every_lane_and_after_each_reload() {
    if skipped() {
        return;
    }
    let app = application(GROUP);
    let configuration = configuration(&[&app.join("app.sock")], &format!("group = {GROUP}"));
    let edge = Edge::with_config(&configuration.replace("lanes = 1", "lanes = 2"), &[]);
    for _ in 0..2 {
        (0..8).for_each(|_| assert_eq!(get(edge.address(), "/").status, 200));
        edge.reload(&configuration);
    }
    let audit = edge.fosse(&["audit"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[test]
fn without_the_group_the_log_the_check_and_the_doctor_say_the_cure() {
    if skipped() {
        return;
    }
    let app = application(OTHER_GROUP);
    let configuration = configuration(&[&app.join("app.sock")], &format!("group = {GROUP}"));
    let edge = Edge::with_config(&configuration, &[]);
    assert_eq!(get(edge.address(), "/").status, 502);
    let cure = "errno=\"Permission denied (os error 13)\" cure=\"chgrp 4711 and chmod 0660 the socket";
    edge.wait_for_log(cure);
    let says = |text: &str| {
        let check = fosse(&["check", &edge.dir().join("fosse.toml").to_string_lossy()]);
        let said = String::from_utf8_lossy(&check.stderr).into_owned();
        // It is no error: an application makes its socket when it likes.
        assert!(check.status.success(), "{said}");
        assert!(said.contains(text), "{said}");
        let doctor = edge.fosse(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(doctor.status.code() == Some(1) && said.contains("problem  unix:"), "{said}");
        assert!(said.contains(text), "{said}");
    };
    let (dir, socket) = (app.path().display(), app.join("app.sock"));
    says(&format!("lets in only root and the group {OTHER_GROUP}: chgrp {GROUP} {dir}, chmod g+x {dir}"));
    give(app.path(), GROUP, 0o750);
    let path = socket.display();
    says(&format!("lets in only root and the group {OTHER_GROUP}: chgrp {GROUP} {path}, chmod 0660 {path}"));
    give(&socket, GROUP, 0o660);
    assert_eq!(get(edge.address(), "/").status, 200, "the cure cures");
}

const APPLICATION: &str = "
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'ok']
";

/// gunicorn as a service runs it: it makes its socket anew at each start.
struct Gunicorn {
    child: Child,
}

impl Gunicorn {
    fn start(dir: &Dir, socket: &Path) -> Option<Self> {
        std::fs::write(dir.join("app.py"), APPLICATION).unwrap();
        let mut command = Command::new("/usr/bin/gunicorn");
        command.args(["--workers", "2", "--umask", "7", "--user", "33", "--group", &GROUP.to_string()]);
        command.arg("--bind").arg(format!("unix:{}", socket.display())).arg("app");
        let quiet = command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().ok()?;
        wait_for("gunicorn", || std::os::unix::net::UnixStream::connect(socket).ok());
        Some(Self { child })
    }

    fn stop(mut self) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::TERM)
            .unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Gunicorn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn applications_may_remake_their_sockets_under_load_at_any_time() {
    if skipped() {
        return;
    }
    let dirs = [Dir::new(), Dir::new()];
    let sockets = [dirs[0].join("app.sock"), dirs[1].join("app.sock")];
    for dir in &dirs {
        chown(dir.path(), Some(33), Some(GROUP)).unwrap();
        set_permissions(dir.path(), Permissions::from_mode(0o750)).unwrap();
    }
    let Some(first) = Gunicorn::start(&dirs[0], &sockets[0]) else {
        println!("skipped: gunicorn is not installed");
        return;
    };
    let mut running = [Some(first), Gunicorn::start(&dirs[1], &sockets[1])];
    let paths: Vec<&Path> = sockets.iter().map(std::path::PathBuf::as_path).collect();
    let edge = Arc::new(Edge::with_config(&configuration(&paths, &format!("group = {GROUP}")), &[]));
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (edge, over, served) = (Arc::clone(&edge), Arc::clone(&over), Arc::clone(&served));
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(get(edge.address(), "/").status, 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let more = |count: usize| {
        let before = served.load(Ordering::Relaxed);
        wait_for("requests", || (served.load(Ordering::Relaxed) >= before + count).then_some(()));
    };
    // One at a time, as a rolling restart does: the other one serves meanwhile.
    for at in [0, 1, 0, 1] {
        more(20);
        running[at].take().unwrap().stop();
        more(20);
        running[at] = Gunicorn::start(&dirs[at], &sockets[at]);
    }
    over.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
}
