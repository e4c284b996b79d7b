//! apt-get through the edge, from files that fosse-static serves: pipelining, ranges, 304.

use std::process::Command;

use fosse_applications::{Server, installed, output};
use fosse_harness::{Dir, Edge, programs};

/// A package of one file, and the index of a repository that has it.
fn repository(dir: &Dir) {
    let root = dir.join("repository");
    for package in ["moat", "bridge"] {
        let tree = dir.join(package);
        std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(
            tree.join("DEBIAN/control"),
            format!("Package: {package}\nVersion: 1\nArchitecture: all\nMaintainer: Ada <ada@example.org>\nDescription: {package}\n"),
        )
        .unwrap();
        let deb = root.join(format!("{package}.deb"));
        let _ = output(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree).arg(&deb));
        let control = output(Command::new("dpkg-deb").arg("--field").arg(&deb));
        let sum = output(Command::new("sha256sum").arg(&deb));
        let size = std::fs::metadata(&deb).unwrap().len();
        let entry = format!(
            "{}\nFilename: repository/{package}.deb\nSize: {size}\nSHA256: {}\n\n",
            control.trim_end(),
            sum.split(' ').next().unwrap()
        );
        let packages = root.join("Packages");
        let before = std::fs::read_to_string(&packages).unwrap_or_default();
        std::fs::write(packages, before + &entry).unwrap();
    }
}

#[test]
fn packages_are_listed_and_fetched() {
    if installed("apt-get").is_none() || installed("dpkg-deb").is_none() {
        return;
    }
    let dir = Dir::new();
    repository(&dir);
    let socket = dir.join("static.sock");
    let listen = format!("unix:{}", socket.display());
    let mut command = Command::new(programs().join("fosse-static"));
    command.args(["--listen", &listen, "--mode", "0666", "."]);
    let _server = Server::start(&mut command, &dir).on_socket(&socket);
    let edge = Edge::up(&listen, &[]);
    let list = dir.join("sources.list");
    std::fs::write(&list, format!("deb [trusted=yes] http://{}/ repository/\n", edge.address())).unwrap();
    for place in ["state/lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(dir.join(place)).unwrap();
    }
    let option = |name: &str, place: &str| format!("{name}={}", dir.join(place).display());
    let options = [
        option("Dir::Etc::SourceList", "sources.list"),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        option("Dir::State", "state"),
        option("Dir::Cache", "cache"),
        "Dir::State::Status=/dev/null".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::http::Proxy=DIRECT".to_owned(),
        "Acquire::Languages=none".to_owned(),
    ];
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.current_dir(dir.path()).args(options.iter().flat_map(|option| ["-o", option])).args(words);
        output(&mut command)
    };
    let _ = apt(&["update", "-q"]);
    let _ = apt(&["download", "moat", "bridge"]);
    for package in ["moat", "bridge"] {
        let fetched = std::fs::read(dir.join(&format!("{package}_1_all.deb"))).unwrap();
        assert!(fetched == std::fs::read(dir.join(&format!("repository/{package}.deb"))).unwrap(), "{package}");
    }
    // The second time the lists have not changed.
    let _ = apt(&["update", "-q"]);
}
