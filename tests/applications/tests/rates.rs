//! The rate of a response beside nginx's limit_rate: the same file, the same rate. Times are
//! printed; what is asserted is that nobody sends more than is due, and that all of it comes.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::Instant,
};

use fosse_applications::{Server, installed};
use fosse_harness::{Dir, Edge, WAIT_MAX, free_port};

/// Bytes of the file.
const LENGTH: usize = 1_000_000;
/// Bytes a second: 100k as nginx understands it.
const RATE: u64 = 102_400;

/// Reads the file. At no moment there are more than `free` bytes beyond those of the time since it
/// was asked for. Returns the time that it took, in milliseconds.
fn milliseconds(who: &str, address: SocketAddr, free: u64) -> u128 {
    let begun = Instant::now();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(WAIT_MAX)).unwrap();
    write!(client, "GET /file HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
    let (mut got, mut bytes) = (0, vec![0; 1 << 16]);
    loop {
        match client.read(&mut bytes).unwrap() {
            0 => break,
            count => got += count,
        }
        let most = free + u64::try_from(begun.elapsed().as_micros()).unwrap() * RATE / 1_000_000;
        assert!(got as u64 <= most, "{who}: {got} bytes where {most} are due");
    }
    assert!((LENGTH..LENGTH + 1000).contains(&got), "{who}: {got} bytes");
    begun.elapsed().as_millis()
}

#[test]
fn a_rate_sends_what_nginx_sends_by_limit_rate() {
    let Some(nginx) = installed("nginx") else { return };
    let (dir, port) = (Dir::new(), free_port());
    let files = dir.join("files");
    fs::create_dir_all(&files).unwrap();
    fs::set_permissions(&files, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(files.join("file"), vec![b'x'; LENGTH]).unwrap();
    let (at, conf) = (dir.path().display().to_string(), dir.join("nginx.conf"));
    let text = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/log;\nevents {{}}\nhttp {{ access_log off;\n\
         server {{ listen 127.0.0.1:{port}; root {at}/files; limit_rate 100k; }} }}\n"
    );
    fs::write(&conf, text).unwrap();
    let server = Server::start(Command::new(nginx).arg("-p").arg(&at).arg("-c").arg(&conf), &dir).on_port(port);
    let configuration = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"disk\"\nfiles = \"{{dir}}/files\"\n\
         [[site]]\ndefault = true\nbackend = \"disk\"\nwaf = \"off\"\nresponse_bytes_per_second = {RATE}\n"
    );
    let edge_dir = Dir::new();
    fs::create_dir_all(edge_dir.join("files")).unwrap();
    fs::set_permissions(edge_dir.join("files"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(files.join("file"), edge_dir.join("files/file")).unwrap();
    let edge = Edge::in_directory(edge_dir, &configuration, &[]);
    let (theirs, ours) = (([127, 0, 0, 1], port).into(), edge.address());
    let theirs = std::thread::spawn(move || milliseconds("nginx", theirs, 2 * RATE));
    // nginx counts by whole seconds and lets one go at once; here a piece of 8 KiB may be saved.
    let ours = milliseconds("fosse", ours, 8192);
    println!("1 MB at 100 KiB/s: fosse {ours} ms, nginx {} ms", theirs.join().unwrap());
    drop(server);
}
