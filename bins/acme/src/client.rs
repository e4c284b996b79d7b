//! The HTTP client that instant-acme is given: each request goes onto the desk, and no URL leads
//! anywhere but to the authority whose directory named it.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::desk::{Desk, Question};
use crate::promise::promise;
use crate::response;

/// The name of this client (RFC 8555, section 6.1, wants one).
const USER_AGENT: &str = concat!("fosse-acme/", env!("CARGO_PKG_VERSION"));

/// The client of one authority.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) desk: Desk,
    /// Number of the authority.
    pub(crate) authority: usize,
    /// Host and port as URLs of the authority have them.
    pub(crate) host: String,
}

/// An error as instant-acme has it.
fn other(what: impl Into<String>) -> Error {
    Error::Other(what.into().into())
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move { client.ask(request).await })
    }
}

impl Client {
    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (parts, body) = request.into_parts();
        // The crate reads bodies of responses alone.
        let body = BytesResponse::from(Response::new(body)).body.into_bytes().await.map_err(Error::Other)?;
        let is_head = parts.method == http::Method::HEAD;
        let bytes = self.written(&parts, &body)?;
        let (giver, waits) = promise();
        self.desk.open().questions.push_back(Question { authority: self.authority, bytes, is_head, giver });
        match waits.await {
            Some(Ok(response)) => bytes_of(response),
            Some(Err(why)) => Err(other(why)),
            None => Err(other("fosse-acme ends")),
        }
    }

    /// Returns the bytes of a request.
    fn written(&self, parts: &http::request::Parts, body: &[u8]) -> Result<Vec<u8>, Error> {
        let uri = &parts.uri;
        let whole = uri.to_string();
        let ours = host_of(&format!("https://{}/", self.host)).map(|(_, host, port)| (host, port));
        let asked = host_of(&whole).filter(|(authority, ..)| !authority.contains('@'));
        if ours.is_none() || asked.map(|(_, host, port)| (host, port)) != ours {
            return Err(other(format!("it names a URL of another host than its directory's ({})", self.host)));
        }
        let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut out = Vec::with_capacity(body.len() + 512);
        let unwritable = |_| other("it names a URL that cannot be asked for");
        let mut head = fosse_http1::HeadWriter::request(&mut out, parts.method.as_str().as_bytes(), target.as_bytes())
            .map_err(unwritable)?;
        head.field(b"Host", self.host.as_bytes()).map_err(unwritable)?;
        head.field(b"User-Agent", USER_AGENT.as_bytes()).map_err(unwritable)?;
        if let Some(kind) = parts.headers.get(http::header::CONTENT_TYPE) {
            head.field(b"Content-Type", kind.as_bytes()).map_err(unwritable)?;
        }
        if parts.method == http::Method::POST {
            head.content_length(u64::try_from(body.len()).unwrap_or(u64::MAX));
        }
        head.finish();
        out.extend_from_slice(body);
        Ok(out)
    }
}

fn bytes_of(whole: response::Response) -> Result<BytesResponse, Error> {
    let mut response = Response::builder().status(whole.status);
    for (name, value) in &whole.fields {
        response = response.header(name.as_str(), value.as_slice());
    }
    let (parts, ()) = response.body(())?.into_parts();
    Ok(BytesResponse { parts, body: Box::new(Bytes::from(whole.body)) })
}

/// Returns host and port of a directory's URL as they stand there, the host alone, and the port.
pub(crate) fn host_of(directory: &str) -> Option<(String, String, u16)> {
    let uri: http::Uri = directory.parse().ok()?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https"))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    Some((authority.as_str().to_owned(), host, authority.port_u16().unwrap_or(443)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client { desk: Desk::default(), authority: 0, host: "ca.example:14000".into() }
    }

    fn parts(method: &str, uri: &str) -> http::request::Parts {
        Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0
    }

    #[test]
    fn urls_of_another_host_scheme_or_port_are_refused() {
        let client = client();
        for uri in [
            "https://ca.example/x",
            "http://ca.example:14000/x",
            "https://ca.example:14001/x",
            "https://user@ca.example:14000/x",
            "https://evil.example:14000/x",
            "/x",
        ] {
            assert!(client.written(&parts("GET", uri), b"").is_err(), "{uri}");
        }
        let bytes = client.written(&parts("POST", "https://ca.example:14000/order?a=b"), b"{}").unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("POST /order?a=b HTTP/1.1\r\nHost: ca.example:14000\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 2\r\n\r\n{}"), "{text}");
    }

    #[test]
    fn a_directory_has_a_host_and_a_port() {
        let of = |url| host_of(url).map(|(_, host, port)| (host, port));
        assert_eq!(of("https://ca.example/directory"), Some(("ca.example".into(), 443)));
        assert_eq!(of("https://[::1]:14000/dir"), Some(("::1".into(), 14000)));
        assert_eq!(of("http://ca.example/directory"), None);
    }
}
