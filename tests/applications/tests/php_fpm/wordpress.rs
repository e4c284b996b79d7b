//! WordPress, as Debian has it, on PHP-FPM and MariaDB, behind the configuration of fosse.toml(5):
//! installed, logged in to, written and read through the edge.

use std::path::Path;
use std::process::Command;

use fosse_applications::{Server, installed, output};
use fosse_harness::{Dir, Edge};

use crate::pool::Pool;

const WORDPRESS: &str = "/usr/share/wordpress";
const HOST: &str = "blog.example";

/// Starts a database for WordPress, with accounts for nobody and no network.
fn database(dir: &Dir) -> Option<Server> {
    let (program, installer) = (installed("mariadbd")?, installed("mariadb-install-db")?);
    let (data, socket) = (format!("--datadir={}", dir.join("db").display()), dir.join("db.sock"));
    let _ = output(Command::new(installer).args(["--no-defaults", &data, "--user=root", "--skip-test-db"]));
    let at = format!("--socket={}", socket.display());
    let mut command = Command::new(program);
    command.args(["--no-defaults", &data, &at, "--user=root", "--skip-networking", "--skip-grant-tables"]);
    command.args(["--innodb-flush-method=fsync", "--innodb-use-native-aio=0"]);
    let server = Server::start(&mut command, dir).on_socket(&socket);
    let _ = output(Command::new("mariadb").args(["--no-defaults", &at, "-e", "create database wordpress"]));
    Some(server)
}

/// Copies WordPress, with a configuration of its own.
fn scripts(root: &Path, database: &Dir) {
    let _ = output(Command::new("cp").args(["-rL", &format!("{WORDPRESS}/."), &root.display().to_string()]));
    let configuration = format!(
        "<?php\ndefine('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');\n\
         define('DB_HOST', 'localhost:{}'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');\n\
         define('AUTH_KEY', 'a'); define('SECURE_AUTH_KEY', 'b'); define('LOGGED_IN_KEY', 'c'); define('NONCE_KEY', 'd');\n\
         define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); define('FS_METHOD', 'direct');\n\
         $table_prefix = 'wp_';\nif (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');\n\
         require_once ABSPATH . 'wp-settings.php';\n",
        database.join("db.sock").display()
    );
    std::fs::write(root.join("wp-config.php"), configuration).unwrap();
    let uploads = root.join("wp-content/uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    let _ = output(Command::new("chown").args(["-R", "www-data", &uploads.display().to_string()]));
}

/// Returns the example of the manual that is about WordPress.
fn example() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/fosse.toml.5");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("hosts = [\"blog.example\"]").unwrap();
    let (rest, _) = rest.split_once(".Ed").unwrap();
    let example = format!("[[site]]\nhosts = [\"{HOST}\"]{rest}");
    let lines = example.lines().filter(|line| !line.is_empty()).count();
    assert!(lines <= 22, "it is to be short: {lines} lines");
    example
}

/// The edge with one who uses it.
struct User {
    edge: Edge,
    cookies: String,
}

impl User {
    fn url(&self, path: &str) -> String {
        format!("http://{HOST}:{}{path}", self.edge.address().port())
    }

    /// Asks with curl, and follows redirects. Returns status and page.
    fn ask(&self, words: &[&str], path: &str) -> (u16, String) {
        let address = self.edge.address();
        let resolve = format!("{HOST}:{}:{}", address.port(), address.ip());
        let mut command = Command::new("curl");
        command.args(["-sSL", "--max-time", "100", "--resolve", &resolve, "-w", "\n%{http_code}"]);
        command.args(["-b", &self.cookies, "-c", &self.cookies]).args(words).arg(self.url(path));
        let said = output(&mut command);
        let (page, status) = said.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), page.to_owned())
    }

    /// Asks for a page that has to be there, with this text in it.
    fn page(&self, words: &[&str], path: &str, text: &str) -> String {
        let (status, page) = self.ask(words, path);
        assert!(status == 200 && page.contains(text), "{path}: {status}\n{page}\n{}", self.edge.log());
        page
    }
}

fn form<'a>(fields: &[&'a str]) -> Vec<&'a str> {
    fields.iter().flat_map(|field| ["--data-urlencode", field]).collect()
}

#[test]
fn a_blog_is_installed_written_and_read_through_the_configuration_of_the_manual() {
    if !Path::new(WORDPRESS).exists() {
        return println!("skipped: {WORDPRESS} is not installed");
    }
    let dir = Dir::new();
    let Some(_database) = database(&dir) else { return };
    let Some(pool) = Pool::start(4, &[("index.php", "")]) else { return };
    scripts(&pool.root(), &dir);
    let configuration = example()
        .replace("/srv/blog", &pool.root().display().to_string())
        .replace("/run/php/php8.2-fpm.sock", &pool.socket().display().to_string());
    let configuration =
        format!("lanes = 2\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n{configuration}");
    let edge = Edge::with_config(&configuration, &[]);
    let user = User { edge, cookies: dir.join("cookies").display().to_string() };

    install(&user);
    log_in(&user);
    let nonce = user.page(&[], "/wp-admin/admin-ajax.php?action=rest-nonce", "");
    let nonce = format!("X-WP-Nonce: {nonce}");
    write(&user, &nonce);
    upload(&user, &nonce, &pool.root());
    nothing_runs_or_is_read_that_is_not_to(&user, &pool.root());
    assert_eq!(user.edge.alarms(), Vec::<String>::new());
}

fn install(user: &User) {
    user.page(&[], "/", "wp-admin/css/install");
    let install = form(&[
        "weblog_title=A blog",
        "user_name=ada",
        "admin_password=correct horse battery staple",
        "admin_password2=correct horse battery staple",
        "pw_weak=1",
        "admin_email=ada@example.org",
        "blog_public=0",
        "language=",
    ]);
    user.page(&install, "/wp-admin/install.php?step=2", "Success!");
    user.page(&[], "/", "Hello world!");
}

fn log_in(user: &User) {
    let login = form(&["log=ada", "pwd=correct horse battery staple", "wp-submit=Log In", "testcookie=1"]);
    user.page(&[], "/wp-login.php", "user_login");
    user.page(&login, "/wp-login.php", "Dashboard");
    user.page(&[], "/wp-admin/", "Dashboard");
    user.page(&[], "/wp-admin/edit.php", "Hello world!");
    user.page(&[], "/wp-admin/css/common.min.css", "wp");
    user.page(&[], "/wp-includes/js/jquery/jquery.min.js", "jQuery");
}

fn write(user: &User, nonce: &str) {
    let post = r#"{"title":"Second","content":"<p>Written through the <b>edge</b>.</p>","status":"publish"}"#;
    let json = ["-H", "Content-Type: application/json", "-H", nonce];
    let words = [&json[..], &["--data-binary", post]].concat();
    let (status, said) = user.ask(&words, "/?rest_route=/wp/v2/posts");
    assert_eq!(status, 201, "{said}");
    user.page(&[], "/", "Written through the");
    user.page(&[], "/?s=edge", "Second");
    let words = [&json[..], &["-X", "POST", "--data-binary", r#"{"title":"A new title"}"#]].concat();
    user.page(&words, "/?rest_route=/wp/v2/settings", "A new title");
    // The front controller gets the paths of pages; WordPress says what is none.
    user.page(&[], "/index.php/wp-json/wp/v2/posts", "Written through the");
    assert_eq!(user.ask(&[], "/?p=999999").0, 404);
}

fn upload(user: &User, nonce: &str, root: &Path) {
    let picture = root.join("picture.gif");
    std::fs::write(&picture, b"GIF89a\x01\0\x01\0\0\0\0;").unwrap();
    let body = format!("@{}", picture.display());
    let name = "Content-Disposition: attachment; filename=picture.gif";
    let upload = ["-H", "Content-Type: image/gif", "-H", name, "-H", nonce, "--data-binary", &body];
    let (status, said) = user.ask(&upload, "/?rest_route=/wp/v2/media");
    assert_eq!(status, 201, "{said}");
    let (_, link) = said.split_once("\"source_url\":\"").unwrap();
    let link = link.split('"').next().unwrap().replace("\\/", "/");
    let (_, path) = link.split_once("/wp-content/").unwrap();
    assert_eq!(user.ask(&["-o", "/dev/null"], &format!("/wp-content/{path}")).0, 200);
}

/// What lies among the files is never run, and no source is read.
fn nothing_runs_or_is_read_that_is_not_to(user: &User, root: &Path) {
    std::fs::write(root.join("wp-content/uploads/evil.php"), "<?php echo 'EVIL';").unwrap();
    for path in ["/wp-content/uploads/evil.php", "/wp-content/uploads/evil.php/x", "/wp-includes/version.php"] {
        let (status, page) = user.ask(&[], path);
        assert!(status == 404 && !page.contains("EVIL") && !page.contains("<?php"), "{path}: {status}");
    }
}
