//! The backend that the Core Rule Set's tests want: it answers what a request asks for. Requests are bytes here, as tests send
//! what is no UTF-8.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};

use fosse_harness::Dir;

/// Starts it; the socket's address, which lives as long as the directory.
pub(crate) fn start() -> (String, Dir) {
    let dir = Dir::new();
    let path = dir.join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    (format!("unix:{}", path.display()), dir)
}

fn serve(mut out: UnixStream) -> Option<()> {
    let mut from = BufReader::new(out.try_clone().ok()?);
    loop {
        let line = line(&mut from)?;
        let (mut words, mut length, mut chunked) = (line.split(|byte| *byte == b' '), 0, false);
        let (method, uri) = (words.next()?.to_vec(), words.next()?.to_vec());
        while let field = self::line(&mut from)?
            && !field.is_empty()
        {
            let text = String::from_utf8_lossy(&field).to_ascii_lowercase();
            chunked |= text.starts_with("transfer-encoding:");
            length = text.strip_prefix("content-length:").map_or(Some(length), |text| text.trim().parse().ok())?;
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).ok()?;
        while chunked {
            let length = usize::from_str_radix(std::str::from_utf8(&self::line(&mut from)?).ok()?, 16).ok()?;
            chunked = length > 0;
            let mut chunk = vec![0; length];
            from.read_exact(&mut chunk).ok()?;
            body.extend_from_slice(&chunk);
            self::line(&mut from)?;
        }
        answer(&mut out, &method, &uri, &body)?;
    }
}

fn answer(out: &mut UnixStream, method: &[u8], uri: &[u8], body: &[u8]) -> Option<()> {
    let reply = fosse_ftw::reflect(method, uri, body);
    let mut bytes = format!("HTTP/1.1 {} Reflected\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        bytes.extend_from_slice(&[name, b": ".as_slice(), value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    if method != b"HEAD" {
        bytes.extend_from_slice(&reply.body);
    }
    out.write_all(&bytes).ok()
}

/// A line without its end; nothing at the end of the connection.
fn line(from: &mut BufReader<UnixStream>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).ok().filter(|count| *count > 0)?;
    line.pop();
    line.pop_if(|byte| *byte == b'\r');
    Some(line)
}
