//! Applications that only people see who have signed in: the configurations of fosse.toml(5), each
//! run from the page with the application that it is for, and a browser's cookies.

use std::{path::Path, process::Command};

use fosse_applications::{Server, curl, example, installed, output};
use fosse_harness::{Client, Dir, Edge, free_port};

/// An application of Django that says who sees it.
const APPLICATION: &str = r#"
import sys
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path
settings.configure(SECRET_KEY='x', ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'])
def page(request):
    user = request.META.get('HTTP_X_AUTH_REQUEST_USER', 'nobody')
    return HttpResponse(f'{request.method} {request.get_full_path()} {user} {request.body.decode()}')
urlpatterns = [re_path('', page)]
application = get_wsgi_application()
"#;

/// A server of sign-ins: Django's own sessions, in signed cookies that are made again with every
/// request. Its paths are those of oauth2-proxy.
const SIGN_IN: &str = r#"
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path
settings.configure(
    SECRET_KEY='y', ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], SESSION_SAVE_EVERY_REQUEST=True,
    SESSION_ENGINE='django.contrib.sessions.backends.signed_cookies',
    MIDDLEWARE=['django.contrib.sessions.middleware.SessionMiddleware'])
def sign_in(request):
    if request.method != 'POST':
        return HttpResponse(f'<form method=post>to {request.GET["rd"]}')
    request.session['user'] = request.POST['user']
    return HttpResponseRedirect(request.GET['rd'])
def auth(request):
    if 'user' not in request.session:
        response = HttpResponse('who are you?', status=401, content_type='text/plain')
        response['WWW-Authenticate'] = 'Bearer realm="app"'
        return response
    response = HttpResponse(status=202)
    response['X-Auth-Request-User'] = request.session['user']
    response['X-Auth-Request-Email'] = request.session['user'] + '@app.example'
    return response
urlpatterns = [path('oauth2/sign_in', sign_in), path('oauth2/auth', auth), path('verify', auth)]
application = get_wsgi_application()
"#;

/// gunicorn with one of these.
fn gunicorn(dir: &Dir, name: &str, text: &str, bind: &str) -> Option<Server> {
    let gunicorn = installed("gunicorn")?;
    if !Path::new("/usr/lib/python3/dist-packages/django").is_dir() {
        println!("skipped: python3-django is not installed");
        return None;
    }
    std::fs::write(dir.join(&format!("{name}.py")), text).unwrap();
    let mut command = Command::new(gunicorn);
    command.args(["--bind", bind, "--umask", "0", "--workers", "2", "--threads", "4", name]);
    let server = Server::start(&mut command, dir);
    Some(match bind.strip_prefix("unix:") {
        Some(path) => server.on_socket(Path::new(path)),
        None => server.on_port(bind.rsplit_once(':').unwrap().1.parse().unwrap()),
    })
}

/// A browser that keeps cookies; `words` come before the address.
struct Browser<'a> {
    dir: &'a Dir,
    edge: &'a Edge,
}

impl Browser<'_> {
    fn asks(&self, words: &[&str], target: &str) -> String {
        let cookies = self.dir.join("cookies").to_string_lossy().into_owned();
        let url = format!("http://app.example{target}");
        let port = format!("app.example:80:127.0.0.1:{}", self.edge.address().port());
        let own = ["-b", &cookies, "-c", &cookies, "--connect-to", &port];
        curl(&[&own, words, &[url.as_str()]].concat())
    }

    fn status(&self, words: &[&str], target: &str) -> String {
        let status = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: app.example"];
        let url = format!("http://{}{target}", self.edge.address());
        output(Command::new("curl").args(status).args(words).arg(url))
    }
}

#[test]
fn an_application_of_django_is_seen_by_those_alone_who_have_signed_in() {
    let dir = Dir::new();
    let (socket, port) = (format!("unix:{}", dir.join("app.sock").display()), free_port());
    let sign_in = format!("127.0.0.1:{port}");
    let Some(_application) = gunicorn(&dir, "app", APPLICATION, &socket) else { return };
    let Some(_sign_in) = gunicorn(&dir, "auth", SIGN_IN, &sign_in) else { return };
    let text = example(
        "man/fosse.toml.5",
        "backend = \"django\"",
        &[
            ("127.0.0.1:8080", "{address}"),
            ("unix:/run/django/app.sock", &socket),
            ("unix:/run/oauth2-proxy/http.sock", &sign_in),
        ],
    );
    let edge = Edge::with_config(&text, &[]);
    let browser = Browser { dir: &dir, edge: &edge };
    // Without a session it is sent to the form, which knows where it came from.
    let form = browser.asks(&["-L", "-H", "X-Auth-Request-User: root"], "/orders?page=2&all");
    assert_eq!(form, "<form method=post>to /orders?page=2&all");
    assert_eq!(browser.status(&["-d", "x"], "/orders"), "401", "a form's fields are not thrown away by a redirect");
    // It signs in, and comes back to where it was.
    let target = "/oauth2/sign_in?rd=/orders%3Fpage%3D2%26all";
    let page = browser.asks(&["-L", "-d", "user=ann"], target);
    assert_eq!(page, "GET /orders?page=2&all ann ");
    for spelt in ["X-Auth-Request-User: root", "x-auth-REQUEST-user: root", "X_Auth_Request_User: root"] {
        assert_eq!(browser.asks(&["-H", spelt], "/"), "GET / ann ", "{spelt}");
    }
    assert_eq!(browser.asks(&["-H", "Expect: 100-continue", "-d", "more"], "/cart"), "POST /cart ann more");
    assert_eq!(browser.asks(&["-H", "Transfer-Encoding: chunked", "-d", "more"], "/cart"), "POST /cart ann more");
    let cookie = browser.asks(&["-o", "/dev/null", "-w", "%header{set-cookie}"], "/");
    assert!(cookie.starts_with("sessionid="), "a session that is made again comes back: {cookie}");
    assert_eq!(browser.asks(&["-I", "-o", "/dev/null", "-w", "%{http_code}"], "/"), "200");
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

/// Directory of the application of Next.js that tests/applications/next/build.sh has built.
fn next() -> Option<&'static Path> {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/next"));
    if directory.join(".next/BUILD_ID").is_file() {
        return Some(directory);
    }
    println!("skipped: no application of Next.js; tests/applications/next/build.sh builds it");
    None
}

#[test]
fn an_application_of_next_js_is_called_by_those_alone_who_are_known() {
    let (dir, port, auth) = (Dir::new(), free_port(), format!("127.0.0.1:{}", free_port()));
    let (Some(next), Some(node)) = (next(), installed("node")) else { return };
    let Some(_auth) = gunicorn(&dir, "auth", SIGN_IN, &auth) else { return };
    let mut command = Command::new(node);
    command.arg(next.join("node_modules/next/dist/bin/next")).arg("start").arg(next);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("NEXT_TELEMETRY_DISABLED", "1");
    let _application = Server::start(&mut command, &dir).on_port(port);
    let text = example(
        "man/fosse.toml.5",
        "path = \"/verify\"",
        &[
            ("127.0.0.1:8080", "{address}"),
            ("127.0.0.1:3000", &format!("127.0.0.1:{port}")),
            ("unix:/run/auth/http.sock", &auth),
        ],
    );
    let edge = Edge::with_config(&text, &[]);
    let browser = Browser { dir: &dir, edge: &edge };
    let mut client = Client::connect(edge.address());
    client.send(b"GET / HTTP/1.1\r\nHost: app.example\r\nX-Auth-Request-User: root\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().as_ref()), (401, "who are you?"));
    assert_eq!(response.header("WWW-Authenticate"), Some("Bearer realm=\"app\""));
    // Whoever signs in there directly is known here: the cookie is of the host.
    let direct = format!("app.example:80:{auth}");
    let cookies = dir.join("cookies").to_string_lossy().into_owned();
    let words = ["-c", &cookies, "--connect-to", &direct, "-d", "user=ann", "-o", "/dev/null"];
    let _ = curl(&[&words[..], &["http://app.example/oauth2/sign_in?rd=/"]].concat());
    let page = browser.asks(&["-H", "X-Auth-Request-User: root"], "/");
    assert!(page.contains("Hello ann.") && !page.contains("root"), "{page}");
    let said = browser.asks(&["-d", "more", "-H", "X-Auth-Request-User: root"], "/echo");
    assert_eq!(said, r#"{"user":"ann","body":"more"}"#);
    // Parts of the page, which are many and small.
    let script = page.split('"').find(|part| part.starts_with("/_next/static/")).expect("a script");
    assert!(browser.asks(&["--compressed"], script).len() > 1_000);
    assert_eq!(edge.alarms(), Vec::<String>::new());
}
