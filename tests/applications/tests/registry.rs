//! A registry of containers: an image is pushed and pulled through the edge.

use std::{fs, path::Path, process::Command};

use fosse_applications::{Server, installed, output};
use fosse_harness::{Dir, Edge, free_port};

/// Bytes of the layer: more than one of fosse's windows and than the default limit of a body.
const LAYER_BYTES: usize = 3 << 20;

fn sum(path: &Path) -> String {
    output(Command::new("sha256sum").arg(path)).split(' ').next().unwrap().to_owned()
}

/// Writes a file under the name of its sum; returns that and its size.
fn blob(image: &Path, bytes: &[u8]) -> (String, usize) {
    let draft = image.join("draft");
    fs::write(&draft, bytes).unwrap();
    let sum = sum(&draft);
    fs::rename(draft, image.join(&sum)).unwrap();
    (sum, bytes.len())
}

/// An image of one layer, as skopeo's transport `dir:` has it.
fn image(dir: &Dir) -> String {
    let image = dir.join("image");
    fs::create_dir(&image).unwrap();
    fs::write(image.join("version"), "Directory Transport Version: 1.1\n").unwrap();
    fs::write(
        dir.join("file"),
        (0..LAYER_BYTES).map(|at| u8::try_from(at * at / 7 % 251).unwrap()).collect::<Vec<_>>(),
    )
    .unwrap();
    let _ = output(Command::new("tar").current_dir(dir.path()).args(["-cf", "layer.tar", "file"]));
    let (layer, layer_size) = blob(&image, &fs::read(dir.join("layer.tar")).unwrap());
    let config = format!(
        "{{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{{}},\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"sha256:{layer}\"]}}}}"
    );
    let (config, config_size) = blob(&image, config.as_bytes());
    let of = "application/vnd.docker";
    fs::write(
        image.join("manifest.json"),
        format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{of}.distribution.manifest.v2+json\",\
             \"config\":{{\"mediaType\":\"{of}.container.image.v1+json\",\"size\":{config_size},\"digest\":\"sha256:{config}\"}},\
             \"layers\":[{{\"mediaType\":\"{of}.image.rootfs.diff.tar\",\"size\":{layer_size},\"digest\":\"sha256:{layer}\"}}]}}"
        ),
    )
    .unwrap();
    layer
}

#[test]
fn an_image_is_pushed_and_pulled() {
    let (Some(registry), Some(skopeo)) = (installed("docker-registry"), installed("skopeo")) else { return };
    let (dir, port) = (Dir::new(), free_port());
    let layer = image(&dir);
    fs::write(
        dir.join("config.yml"),
        format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            dir.join("store").display()
        ),
    )
    .unwrap();
    let _server = Server::start(Command::new(registry).args(["serve", "config.yml"]), &dir).on_port(port);
    let edge = Edge::up(&format!("127.0.0.1:{port}"), &["--body-max", "64 MiB"]);
    let name = format!("docker://{}/library/moat:1", edge.address());
    let copy = |words: &[&str]| {
        let mut command = Command::new(&skopeo);
        command.current_dir(dir.path()).env("HOME", dir.path()).args(["--insecure-policy", "copy", "-q"]).args(words);
        output(&mut command)
    };
    let _ = copy(&["--dest-tls-verify=false", "dir:image", &name]);
    let _ = copy(&["--src-tls-verify=false", &name, "dir:pulled"]);
    // The layer comes back as it is stored: skopeo packs it on the way up.
    let pulled = fs::read_dir(dir.join("pulled")).unwrap().map(|entry| entry.unwrap().path());
    let unpacked = pulled.filter(|path| path.file_name().is_some_and(|name| name.len() == 64)).find(|path| {
        let _ = Command::new("sh").arg("-c").arg("gzip -dc < \"$0\" > \"$0.tar\" 2> /dev/null").arg(path).status();
        sum(&path.with_extension("tar")) == layer || sum(path) == layer
    });
    assert!(unpacked.is_some(), "no layer of the image came back");
}
