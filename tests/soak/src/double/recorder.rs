//! The backend behind a dispatch under attack: reads strictly, responds kindly, and writes down
//! everything that is not one clean request after the other.

use std::{
    io::Write,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use fosse_harness::http::{Failed, Framing, Head, Reader};

/// What smuggled bytes would look like if they became a request or a field.
pub const MARK: &str = "smuggled";

/// The address attackers here say they come from.
pub const SPOOF: &str = "6.6.6.6";

/// What came to the backend.
#[derive(Debug, Default)]
pub struct Record {
    /// Whole requests: method and target, the stream they say they are of, and the body.
    pub whole: Vec<(String, String, Vec<u8>)>,
    /// What must not have come.
    pub findings: Vec<String>,
}

/// All connections of one dispatch.
#[derive(Debug, Default)]
pub struct Recorder {
    record: Arc<Mutex<Record>>,
    threads: Vec<JoinHandle<()>>,
}

impl Recorder {
    /// Serves another connection.
    pub fn serve(&mut self, fd: OwnedFd) {
        let record = Arc::clone(&self.record);
        self.threads.push(thread::spawn(move || {
            let mut reader = Reader::new(UnixStream::from(fd));
            while let Some(entry) = one(&mut reader, &record) {
                let to_head = entry.0.starts_with("HEAD ");
                record.lock().unwrap().whole.push(entry);
                let response = &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Answer: yes\r\n\r\nok"[..];
                let response = if to_head { &response[..response.len() - 2] } else { response };
                if reader.source.write_all(response).is_err() {
                    return;
                }
            }
        }));
    }

    /// Everything, once all connections have ended.
    #[must_use]
    pub fn end(self) -> Record {
        self.threads.into_iter().for_each(|t| t.join().unwrap());
        std::mem::take(&mut self.record.lock().unwrap())
    }
}

/// One request; `None` at the end, orderly or not: a request that is cut is not a request.
fn one(reader: &mut Reader<UnixStream>, record: &Mutex<Record>) -> Option<(String, String, Vec<u8>)> {
    let found = |what: String| record.lock().unwrap().findings.push(what);
    let head = match reader.head() {
        Ok(head) => head,
        Err(Failed::Wrong(why)) => {
            found(why);
            return None;
        }
        Err(_) => return None,
    };
    let framing = match judge(&head) {
        Ok(framing) => framing,
        Err(why) => {
            found(format!("{why}: {head:?}"));
            return None;
        }
    };
    let mut body = Vec::new();
    if let Some(framing) = framing {
        match reader.body(framing, &mut |piece| body.extend_from_slice(piece)) {
            Ok(()) => {}
            Err(Failed::Wrong(why)) => {
                found(format!("{why} in the body of {head:?}"));
                return None;
            }
            Err(_) => return None,
        }
    }
    if !reader.unused().is_empty() {
        let text = String::from_utf8_lossy(reader.unused()).into_owned();
        found(format!("{text:?} behind {head:?}"));
        return None;
    }
    let line = head.first.trim_end_matches(" HTTP/1.1").to_string();
    Some((line, head.get("x-stream").unwrap_or_default().to_string(), body))
}

/// What every request that reaches a backend is, whoever wrote the frames.
fn judge(head: &Head) -> Result<Option<Framing>, String> {
    let framing = Framing::of(head)?;
    let words: Vec<&str> = head.first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words.as_slice() else { return Err("request line".into()) };
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if method.is_empty() || !method.bytes().all(token) || !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("request line".into());
    }
    if target.to_ascii_lowercase().starts_with("/smuggled") {
        return Err("smuggled request".into());
    }
    if head.fields.iter().any(|(n, _)| n.to_ascii_lowercase().contains(MARK)) {
        return Err("smuggled field".into());
    }
    // HTTP/1.0 may name no host; it is sent with "localhost".
    let hosts: Vec<&str> = head.all("host").collect();
    if !matches!(hosts.as_slice(), [host] if matches!(host.split(':').next(), Some("a.example" | "localhost"))) {
        return Err("host".into());
    }
    if head.all("x-forwarded-for").any(|v| v == SPOOF) || head.all("x-forwarded-for").count() > 1 {
        return Err("X-Forwarded-For".into());
    }
    // The client that was decided, in both or in neither.
    if !head.all("x-real-ip").eq(head.all("x-forwarded-for")) {
        return Err("X-Real-IP".into());
    }
    for spoof in ["forwarded", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "upgrade", "expect"] {
        if head.all(spoof).count() > 1 {
            return Err(format!("{spoof} twice"));
        }
    }
    for gone in ["te", "trailer", "keep-alive", "proxy", "proxy-connection", "http2-settings"] {
        if head.all(gone).next().is_some() {
            return Err(format!("{gone} came through"));
        }
    }
    if head.fields.iter().any(|(n, _)| n.contains('_')) {
        return Err("a name with an underscore".into());
    }
    Ok(framing)
}
