//! A WebDAV server, with the methods that the flags allow; and a large file each way.

use std::{path::Path, process::Command};

use fosse_applications::{Server, curl, example, installed, output};
use fosse_harness::{Dir, Edge, free_port};

/// lighttpd with mod_webdav, serving and changing `files` below the directory.
fn server(dir: &Dir, port: u16) -> Option<Server> {
    let lighttpd = installed("lighttpd")?;
    if !Path::new("/usr/lib/lighttpd/mod_webdav.so").is_file() {
        println!("skipped: lighttpd-mod-webdav is not installed");
        return None;
    }
    std::fs::create_dir(dir.join("files")).unwrap();
    std::fs::write(
        dir.join("lighttpd.conf"),
        format!(
            "server.document-root = \"{root}/files\"\nserver.port = {port}\nserver.bind = \"127.0.0.1\"\n\
             server.upload-dirs = (\"{root}\")\nserver.modules = (\"mod_webdav\")\nwebdav.activate = \"enable\"\n\
             server.stream-request-body = 2\n",
            root = dir.path().display()
        ),
    )
    .unwrap();
    let conf = dir.join("lighttpd.conf");
    Some(Server::start(Command::new(lighttpd).args(["-D", "-f"]).arg(conf), dir).on_port(port))
}

#[test]
fn collections_are_made_listed_moved_and_removed_with_the_configuration_of_the_page_and_with_the_flag() {
    let (dir, port) = (Dir::new(), free_port());
    let Some(_server) = server(&dir, port) else { return };
    let backend = format!("http://127.0.0.1:{port}");
    let places = [("127.0.0.1:8080", "{address}"), ("unix:/run/webdav/http.sock", &*format!("127.0.0.1:{port}"))];
    let text = example("man/fosse.toml.5", "PROPFIND", &places).replace("files.example", "127.0.0.1");
    uses_webdav(&Edge::with_config(&text, &[]), &dir);
    let edge = Edge::up(&backend, &["--methods", "webdav"]);
    uses_webdav(&edge, &dir);
    // Without the flag they are not served.
    let plain = Edge::up(&backend, &[]);
    let status = output(
        Command::new("curl")
            .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "MKCOL"])
            .arg(format!("http://{}/x/", plain.address())),
    );
    assert_eq!(status, "405");
}

/// Makes a collection and what is in it, as clients do, and removes it.
fn uses_webdav(edge: &Edge, dir: &Dir) {
    let url = |path: &str| format!("http://{}{path}", edge.address());
    let _ = curl(&["-X", "MKCOL", &url("/notes/")]);
    std::fs::write(dir.join("note"), "remember\n").unwrap();
    let _ = curl(&["-T", &dir.join("note").to_string_lossy(), &url("/notes/one")]);
    // Clients name the destination as they see the server: by the edge's address.
    let _ = curl(&["-X", "COPY", "-H", &format!("Destination: {}", url("/notes/two")), &url("/notes/one")]);
    let _ = curl(&["-X", "MOVE", "-H", &format!("Destination: {}", url("/notes/three")), &url("/notes/one")]);
    let body =
        "<?xml version=\"1.0\"?><D:propfind xmlns:D=\"DAV:\"><D:prop><D:getcontentlength/></D:prop></D:propfind>";
    let headers = ["-X", "PROPFIND", "-H", "Depth: 1", "-H", "Content-Type: application/xml", "-d", body];
    let listed = curl(&[&headers[..], &[&url("/notes/")]].concat());
    assert!(
        listed.contains("/notes/two") && listed.contains("/notes/three") && !listed.contains("/notes/one"),
        "{listed}"
    );
    assert_eq!(curl(&[&url("/notes/three")]), "remember\n");
    let _ = curl(&["-X", "DELETE", &url("/notes/")]);
    assert!(!dir.join("files/notes").exists());
}

/// Bytes of the large file: 64 MiB, or what FOSSE_LARGE_BYTES says (`make check-all`: a GiB).
fn large_bytes() -> u64 {
    std::env::var("FOSSE_LARGE_BYTES").map_or(64 << 20, |bytes| bytes.parse().unwrap())
}

#[test]
fn a_large_file_goes_up_and_comes_down_unchanged() {
    let (dir, port) = (Dir::new(), free_port());
    let Some(_server) = server(&dir, port) else { return };
    let edge = Edge::up(&format!("127.0.0.1:{port}"), &["--waf", "off", "--body-max", "2 GiB"]);
    let (up, down) = (dir.join("up"), dir.join("down"));
    let _ = output(Command::new("sh").arg("-c").arg(
        "openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 00 < /dev/zero 2> /dev/null | head -c \"$0\" > up",
    ).arg(large_bytes().to_string()).current_dir(dir.path()));
    let url = format!("http://{}/large", edge.address());
    let resident = |edge: &Edge| edge.processes().iter().map(fosse_harness::Process::resident_kib).max().unwrap_or(0);
    let before = resident(&edge);
    let _ = curl(&["-T", &up.to_string_lossy(), "-H", "Expect:", &url]);
    let _ = curl(&["-o", &down.to_string_lossy(), &url]);
    let _ = output(Command::new("cmp").args([&up, &down]));
    // It streams: no process holds more than its windows.
    let grown = resident(&edge).saturating_sub(before);
    assert!(grown < 32_768, "a process has grown by {grown} KiB");
}
