//! PHP behind FastCGI, and the files that lie beside the scripts.

use crate::edge::{Action, Backend, Edge, Keys, PathKind, Route, Server, Target, When, list, quoted};

/// Ends of the names of files that are served as they are. Whatever may be a script, or lies beside
/// scripts and is nobody's business, is not among them.
const TYPES: &str = "avif|bmp|css|eot|gif|ico|jpe?g|js|map|mjs|mp3|mp4|ogg|otf|pdf|png|svg|ttf|wasm|webm|webp|woff2?";

/// The note about scripts.
pub(crate) const WHY: &str = "carried over: scripts are those of the directory itself and not those below it, name them \
    in scripts of [backend.fastcgi]; files are served by the end of their names";

/// Returns whether fosse takes a further parameter.
pub(crate) fn is_param(name: &str, value: &str) -> bool {
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && !name.starts_with("HTTP_");
    is_name && value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !value.contains(['{', '}', '$'])
}

/// Scripts, as another server has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Php {
    /// Directory of the scripts.
    pub root: String,
    /// The scripts; those of the directory itself where none is named.
    pub scripts: Vec<String>,
    /// The script that gets every path that is no script's.
    pub front_controller: Option<String>,
    /// The script that a directory stands for.
    pub index: Option<String>,
    pub path_info: bool,
    /// Further parameters.
    pub params: Vec<(String, String)>,
    pub keys: Keys,
}

impl Php {
    /// Returns the backend with these servers.
    pub(crate) fn backend(&self, name: &str, servers: Vec<Server>) -> Backend {
        let named: Vec<String> = self.scripts.iter().map(|script| quoted(script)).collect();
        let scripts = if named.is_empty() { "[\"/*.php\"]".to_owned() } else { list(&named) };
        let mut rows = vec![format!("root = {}", quoted(&self.root)), format!("scripts = {scripts}")];
        rows.extend(self.front_controller.iter().map(|script| format!("front_controller = {}", quoted(script))));
        rows.extend(self.index.iter().map(|script| format!("index = {}", quoted(script))));
        rows.extend(self.path_info.then(|| "path_info = true".to_owned()));
        if !self.params.is_empty() {
            let params = self.params.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value)));
            rows.push(format!("params = {{ {} }}", params.collect::<Vec<_>>().join(", ")));
        }
        let mut keys = self.keys.clone();
        keys.push(("fastcgi", format!("{{ {} }}", rows.join(", "))));
        Backend { name: name.to_owned(), target: Target::Servers(servers), keys, health: Keys::new() }
    }

    /// Returns the route of the files that lie beside the scripts.
    pub(crate) fn files(&self, edge: &mut Edge) -> Route {
        let name = self.root.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("files").to_owned();
        let target = Target::Files(self.root.clone());
        let files = edge.backend(Backend { name, target, keys: Keys::new(), health: Keys::new() });
        let (path, kind) = (format!("(?i)\\.({TYPES})$"), PathKind::Ending);
        Route { path, kind, when: When::default(), action: Action::Backend(files), keys: Keys::new() }
    }
}
