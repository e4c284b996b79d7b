//! git over smart HTTP: clone, fetch and push through the edge.

use std::{path::Path, process::Command};

use fosse_applications::{Server, installed, output};
use fosse_harness::{Dir, Edge, free_port};

fn git(directory: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]).args(words);
    for name in ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"] {
        command.env(name, "/dev/null");
    }
    output(command.env("HOME", directory).env("GIT_TERMINAL_PROMPT", "0"))
}

/// lighttpd with git's own CGI program.
fn server(dir: &Dir, port: u16) -> Option<Server> {
    let lighttpd = installed("lighttpd")?;
    let backend = Path::new("/usr/lib/git-core/git-http-backend");
    if !backend.is_file() {
        println!("skipped: git's CGI program is not installed");
        return None;
    }
    let root = dir.path().display();
    std::fs::write(
        dir.join("lighttpd.conf"),
        format!(
            "server.document-root = \"{root}\"\nserver.port = {port}\nserver.bind = \"127.0.0.1\"\n\
             server.modules = (\"mod_setenv\", \"mod_alias\", \"mod_cgi\")\n\
             alias.url = (\"/git\" => \"{}\")\ncgi.assign = (\"\" => \"\")\n\
             setenv.add-environment = (\"GIT_PROJECT_ROOT\" => \"{root}\", \"GIT_HTTP_EXPORT_ALL\" => \"1\")\n",
            backend.display()
        ),
    )
    .unwrap();
    let conf = dir.join("lighttpd.conf");
    Some(Server::start(Command::new(lighttpd).args(["-D", "-f"]).arg(conf), dir).on_port(port))
}

#[test]
fn a_repository_is_cloned_pushed_to_and_fetched_from() {
    let (dir, port) = (Dir::new(), free_port());
    if installed("git").is_none() {
        return;
    }
    git(dir.path(), &["init", "-q", "--bare", "-b", "main", "project.git"]);
    git(&dir.join("project.git"), &["config", "http.receivepack", "true"]);
    let Some(_server) = server(&dir, port) else { return };
    let edge = Edge::up(&format!("127.0.0.1:{port}"), &["--body-max", "64 MiB"]);
    let url = format!("http://{}/git/project.git", edge.address());
    let (here, there) = (dir.join("here"), dir.join("there"));
    let path = |path: &Path| path.to_string_lossy().into_owned();
    git(dir.path(), &["clone", "-q", &url, &path(&here)]);
    git(&here, &["checkout", "-q", "-b", "main"]);
    for (number, size) in [(1_u32, 100), (2, 5_000_000)] {
        // What does not compress: a push beyond a MiB has no Content-Length.
        let bytes = (0..size).scan(number, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(state.to_be_bytes()[0])
        });
        std::fs::write(here.join("file"), bytes.collect::<Vec<u8>>()).unwrap();
        git(&here, &["add", "file"]);
        git(&here, &["commit", "-q", "-m", &format!("size {size}")]);
        git(&here, &["push", "-q", "origin", "main"]);
        if number == 1 {
            git(dir.path(), &["clone", "-q", &url, &path(&there)]);
        } else {
            git(&there, &["pull", "-q", "--ff-only"]);
        }
        assert_eq!(git(&there, &["rev-parse", "HEAD"]), git(&here, &["rev-parse", "HEAD"]));
        git(&there, &["fsck", "--strict"]);
    }
}
