//! A pool of PHP-FPM in a directory with scripts, and edges in front of it.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use fosse_applications::{Server, installed};
use fosse_harness::{Dir, Edge, free_port};

/// Lines of a table whose one script gets every path.
pub(crate) const FRONT: &str = "front_controller = \"/index.php\"";

/// Debian's name of the program.
const PROGRAM: &str = "php-fpm8.2";

/// A pool, and the directory of its scripts.
pub(crate) struct Pool {
    server: Server,
    dir: Dir,
}

impl Pool {
    /// Starts a pool of `children` workers for scripts with these names; `None` where PHP-FPM is
    /// not installed.
    pub(crate) fn start(children: u32, scripts: &[(&str, &str)]) -> Option<Self> {
        Self::start_with(children, scripts, "")
    }

    /// Starts one that runs files of any name, and whatever precedes a path that does not exist.
    pub(crate) fn start_careless(scripts: &[(&str, &str)]) -> Option<Self> {
        Self::start_with(2, scripts, "security.limit_extensions =\n")
    }

    fn start_with(children: u32, scripts: &[(&str, &str)], more: &str) -> Option<Self> {
        let program = installed(PROGRAM)?;
        let dir = Dir::new();
        for (name, text) in scripts {
            let path = dir.join(&format!("www/{name}"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let socket = dir.join("fpm.sock");
        let configuration = format!(
            // Workers that are replaced finish what they have begun.
            "[global]\ndaemonize = no\nerror_log = {log}\nprocess_control_timeout = 10s\n[www]\nuser = www-data\ngroup = www-data\n\
             listen = {socket}\nlisten.mode = 0666\npm = static\npm.max_children = {children}\n\
             php_admin_flag[log_errors] = on\n{more}",
            log = dir.join("fpm.log").display(),
            socket = socket.display(),
        );
        let file = dir.join("fpm.conf");
        std::fs::write(&file, configuration).unwrap();
        let server = Server::start(Command::new(program).arg("-F").arg("-y").arg(file), &dir).on_socket(&socket);
        Some(Self { server, dir })
    }

    /// Returns the directory of the scripts.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.join("www")
    }

    /// Returns the process id of the master.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Returns its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("fpm.sock")
    }

    /// Runs an edge whose one site is this pool, with `lines` of the site, of the backend, and of
    /// its table of FastCGI.
    pub(crate) fn edge(&self, site: &str, backend: &str, fastcgi: &str) -> Edge {
        self.edge_with(site, backend, fastcgi, "")
    }

    /// Does as [`Pool::edge`], with `more` tables.
    pub(crate) fn edge_with(&self, site: &str, backend: &str, fastcgi: &str, more: &str) -> Edge {
        let (socket, root) = (self.socket(), self.root());
        let configuration = format!(
            "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n\
             [[site]]\ndefault = true\nbackend = \"php\"\n{site}\n\
             [[backend]]\nname = \"php\"\nservers = [\"unix:{}\"]\n{backend}\n\
             [backend.fastcgi]\nroot = \"{}\"\n{fastcgi}\n{more}",
            socket.display(),
            root.display(),
        );
        Edge::with_config(&configuration, &[])
    }

    /// Runs nginx in front of the pool, as its manual has it: what is no file goes to `/index.php`.
    pub(crate) fn nginx(&self) -> Option<(Server, SocketAddr)> {
        let program = installed("nginx")?;
        let port = free_port();
        let dir = self.dir.path().display();
        let configuration = format!(
            "daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log;\n\
             events {{}}\nhttp {{ access_log off; client_body_temp_path {dir}/body; fastcgi_temp_path {dir}/fastcgi;\n\
             proxy_temp_path {dir}/proxy; scgi_temp_path {dir}/scgi; uwsgi_temp_path {dir}/uwsgi;\n\
             server {{ listen 127.0.0.1:{port}; server_name a.example; root {dir}/www;\n\
             location / {{ try_files $uri /index.php$is_args$args; }}\n\
             location ~ ^/[a-z]+\\.php$ {{ include /etc/nginx/fastcgi.conf; fastcgi_pass unix:{socket}; }} }} }}\n",
            socket = self.socket().display(),
        );
        let file = self.dir.join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let server = Server::start(Command::new(program).arg("-c").arg(file), &self.dir).on_port(port);
        Some((server, SocketAddr::from(([127, 0, 0, 1], port))))
    }
}
