//! PHP's own server: one request at a time, a connection each.

use std::process::Command;

use fosse_applications::{Server, curl, installed};
use fosse_harness::{Dir, Edge, free_port};

const APPLICATION: &str = r#"<?php
if ($_FILES) {
    $file = $_FILES["file"];
    echo $file["name"], " ", $file["size"], " ", md5_file($file["tmp_name"]);
} elseif ($_POST) {
    echo json_encode($_POST);
} else {
    echo $_SERVER["REQUEST_METHOD"], " ", $_SERVER["REQUEST_URI"], " ", $_SERVER["HTTP_X_FORWARDED_FOR"];
}
"#;

#[test]
fn pages_forms_and_uploads_of_php_work() {
    let Some(php) = installed("php") else { return };
    let (dir, port) = (Dir::new(), free_port());
    std::fs::write(dir.join("index.php"), APPLICATION).unwrap();
    let address = format!("127.0.0.1:{port}");
    let _server = Server::start(Command::new(php).args(["-S", &address, "index.php"]), &dir).on_port(port);
    let edge = Edge::up(&address, &[]);
    let url = format!("http://{}/a/page?x=1", edge.address());
    for _ in 0..20 {
        assert_eq!(curl(&[&url]), "GET /a/page?x=1 127.0.0.1");
    }
    assert_eq!(curl(&["-d", "name=Ada&town=London", &url]), r#"{"name":"Ada","town":"London"}"#);
    let upload = dir.join("upload.bin");
    std::fs::write(&upload, vec![7_u8; 300_000]).unwrap();
    let said = curl(&["-F", &format!("file=@{}", upload.display()), &url]);
    let sum = fosse_applications::output(Command::new("md5sum").arg(&upload));
    assert_eq!(said, format!("upload.bin 300000 {}", sum.split(' ').next().unwrap()));
}
