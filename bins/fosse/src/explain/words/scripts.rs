//! Scripts of backends that speak FastCGI.

use fosse_settings::FastCgi;

/// Returns the script that runs for a target.
pub(super) fn script(fastcgi: &FastCgi, target: &[u8]) -> String {
    let Some(script) = fosse_routing::script(fastcgi, target) else {
        return "response  404: the path is no script's, and there is no front_controller\n".to_owned();
    };
    let [name, info] = [&script.name, &script.path_info].map(|part| String::from_utf8_lossy(part));
    let info = if info.is_empty() { String::new() } else { format!(", PATH_INFO {info}") };
    format!("script    {}{name}{info}\n", fastcgi.root)
}

#[cfg(test)]
mod tests {
    use crate::explain::tests::{TEXT, explain_of};

    #[test]
    fn says_that_servers_speak_http2() {
        let said = explain_of(&TEXT.replace("buffer_requests = true", "protocol = \"h2\""), "a.example", "/api/");
        assert!(said.contains("\nprotocol  HTTP/2: requests share connections"), "{said}");
        assert!(said.contains("\nlogins    NTLM and Negotiate: no connection of HTTP/2 is logged in"), "{said}");
    }

    #[test]
    fn says_which_script_runs_for_a_path() {
        let table = "[backend.fastcgi]\nroot = \"/srv/www\"\nscripts = [\"/api/*.php\"]\npath_info = true\n";
        let text = TEXT.replace("buffer_requests = true", table);
        let said = explain_of(&text, "a.example", "/api/x.php/y?z");
        assert!(said.contains("\nscript    /srv/www/api/x.php, PATH_INFO /y\n"), "{said}");
        assert!(said.contains("\nbodies    buffered whole"), "{said}");
        assert!(said.contains("\nlogins    NTLM and Negotiate: no connection of FastCGI is logged in"), "{said}");
        let said = explain_of(&text, "a.example", "/api/x.jpg");
        assert!(said.contains("\nresponse  404: the path is no script's"), "{said}");
    }
}
