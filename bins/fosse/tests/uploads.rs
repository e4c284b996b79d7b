//! Uploads of unknown length reach applications that read no chunked bodies: Django under gunicorn,
//! wsgiref and uWSGI, and curl as the client. What is not installed is skipped and said to be.

use std::{
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

use fosse_harness::{Dir, Edge, free_port, wait_for};

/// Says how many bytes of body the application read, and what their sum is.
const DJANGO: &str = "
import django
from django.conf import settings
settings.configure(ALLOWED_HOSTS=['*'], ROOT_URLCONF=__name__, SECRET_KEY='x', DATA_UPLOAD_MAX_MEMORY_SIZE=None)
django.setup()
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path
urlpatterns = [re_path('', lambda request: HttpResponse('%d %d' % (len(request.body), sum(request.body))))]
application = get_wsgi_application()
";

/// The same with nothing but PEP 3333.
const PLAIN: &str = "
def application(environ, start_response):
    body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d %d' % (len(body), sum(body))]
";

const WSGIREF: &str = "
import sys
from wsgiref.simple_server import make_server
from app import application
make_server(sys.argv[1], int(sys.argv[2]), application).serve_forever()
";

/// A running application.
struct Application {
    child: Child,
    address: SocketAddr,
    _dir: Dir,
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Application {
    /// Starts one of the servers; `None` where it, or Django, is not installed.
    fn start(server: &str) -> Option<Self> {
        let python = "/usr/bin/python3";
        let django = server == "gunicorn";
        if django && !run(Command::new(python).args(["-c", "import django"])) {
            return None;
        }
        // Of this process alone: on an address of many, what is waited for may be another one's.
        let [_, one, two, three] = std::process::id().to_be_bytes();
        let (dir, address) = (Dir::new(), SocketAddr::from(([127, 128 + one, two, three], free_port())));
        std::fs::write(dir.join("app.py"), if django { DJANGO } else { PLAIN }).unwrap();
        let mut command = match server {
            "gunicorn" => {
                let mut command = Command::new("/usr/bin/gunicorn");
                command.args(["--bind", &address.to_string(), "--workers", "1", "app"]);
                command
            }
            "wsgiref" => {
                let mut command = Command::new(python);
                command.args(["-c", WSGIREF, &address.ip().to_string(), &address.port().to_string()]);
                command
            }
            _ => {
                let mut command = Command::new("/usr/bin/uwsgi_python3");
                command.args(["--http-socket", &address.to_string(), "--wsgi-file", "app.py", "--die-on-term"]);
                command
            }
        };
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().ok()?;
        let application = Self { child, address, _dir: dir };
        wait_for(server, || TcpStream::connect(address).ok());
        Some(application)
    }
}

fn run(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

fn edge(address: SocketAddr, site: &str, backend: &str) -> Edge {
    Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"app\"\n{site}\n\
             [[backend]]\nname = \"app\"\nservers = [\"{address}\"]\n{backend}\n"
        ),
        &[],
    )
}

/// Uploads a file of `length` bytes, of a length curl does not know or does not say; what the
/// application says.
fn upload(edge: &Edge, length: usize, words: &[&str]) -> String {
    std::fs::write(edge.dir().join("upload"), vec![b'a'; length]).unwrap();
    let out = Command::new("curl")
        .args(["-sS", "--max-time", "30"])
        .args(words)
        .arg(format!("http://{}/upload", edge.address()))
        .stdin(std::fs::File::open(edge.dir().join("upload")).unwrap())
        .output()
        .unwrap();
    String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
}

fn reaches(server: &str) {
    if !run(Command::new("curl").arg("--version")) {
        println!("skipped: curl is not installed");
        return;
    }
    let Some(application) = Application::start(server) else {
        println!("skipped: {server} is not installed, or no Django");
        return;
    };
    // curl says Expect with an upload of unknown length, which keeps a body from being buffered by
    // default.
    let put = ["-T", "-", "-H", "Expect:"];
    let post = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", "@-"];
    let expects = ["-T", "-"];
    let all: &[&[&str]] = &[&put, &post, &expects];
    let off = "waf = \"off\"";
    // Time for the rules on any machine.
    let block = "rules_milliseconds_max = 10000";
    let whole = "buffer_requests = true";
    for (site, backend, length, ways) in [
        (off, "", 0, &all[..2]),
        (off, "", 50_000, &all[..2]),
        (block, "", 50_000, all),
        (block, "", 700_000, all),
        (off, whole, 50_000, all),
        (off, whole, 700_000, all),
        (block, whole, 700_000, all),
    ] {
        let edge = edge(application.address, site, backend);
        for words in ways {
            let said = upload(&edge, length, words);
            assert_eq!(
                said,
                format!("{length} {}", length * 97),
                "{server} {site} {backend} {words:?}: {}",
                edge.log()
            );
        }
    }
}

#[test]
fn a_chunked_upload_reaches_django_under_gunicorn() {
    reaches("gunicorn");
}

#[test]
fn a_chunked_upload_reaches_an_application_under_wsgiref() {
    reaches("wsgiref");
}

#[test]
fn a_chunked_upload_reaches_an_application_under_uwsgi() {
    reaches("uwsgi");
}
