"""nginx with libmodsecurity and a fosse edge in front of one backend, with the same rule files."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench"))

from proxies import Program, free_port  # noqa: E402

MODULE = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so"
MAPPINGS = ["/usr/share/nginx/docs/modsecurity/unicode.mapping", "/etc/nginx/unicode.mapping", "/etc/modsecurity/unicode.mapping"]

# What both get before the rules. Limits are far off: what rules cost is measured, not what limits save.
SETTINGS = r"""
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecRequestBodyLimit 134217728
SecRequestBodyNoFilesLimit 134217728
SecRequestBodyLimitAction Reject
SecArgumentSeparator &
SecArgumentsLimit 1000000
SecCookieFormat 0
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'body'"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'multipart'"
"""

NGINX = """
load_module {module};
worker_processes 1;
daemon off;
user root;
pid {dir}/modsec.pid;
error_log {dir}/modsec.err {level};
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_max_body_size 16m;
    client_body_buffer_size 16m;
    client_body_temp_path {dir}/modsec.tmp;
    large_client_header_buffers 8 32k;
    underscores_in_headers on;
    upstream app {{ server unix:{dir}/app.sock; keepalive 16; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port};
        modsecurity on;
        modsecurity_rules_file {rules};
        location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }}
    }}
}}
"""

BACKEND = """
worker_processes 1;
daemon off;
user root;
pid {dir}/backend.pid;
error_log {dir}/backend.err;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_max_body_size 16m;
    client_body_temp_path {dir}/backend.tmp;
    large_client_header_buffers 8 32k;
    server {{ listen unix:{dir}/app.sock; location / {{ return 200 "ok"; }} }}
}}
"""

EDGE = """
lanes = 1
{audit}
uid_base = {uid_base}
status_socket = "{dir}/status.sock"
[limits]
connection_requests_max = 4000000000
lane_held_bytes_max = "256 MiB"
[[listen]]
address = "127.0.0.1:{port}"
[[site]]
default = true
backend = "app"
rules = ["{rules}"]
rules_milliseconds_max = 10000
body_bytes_max = "16 MiB"
[[backend]]
name = "app"
servers = ["unix:{dir}/app.sock"]
"""


class Both:
    """The two programs and their backend, in a directory."""

    def __init__(self, directory, programs, corpus, audit=False):
        self.begin(directory)
        main = self.rules(corpus)
        self.nginx = self.keep(self.start_nginx(main, "info" if audit else "error"))
        self.fosse = self.keep(self.start_fosse(programs, main, audit))

    @classmethod
    def of_fosse(cls, directory, programs, rules):
        """fosse alone, with rules in the words of its configuration."""
        one = cls.__new__(cls)
        one.begin(directory)
        if Path(rules).is_file():
            rules = shutil.copy(rules, one.dir)
        one.fosse = one.keep(one.start_fosse(programs, rules, True))
        return one

    def begin(self, directory):
        self.dir, self.started = Path(directory), []
        self.dir.chmod(0o755)
        (self.dir / "backend.conf").write_text(BACKEND.format(dir=self.dir))
        self.keep(Program("backend", ["nginx", "-c", str(self.dir / "backend.conf")], log=self.dir / "backend.log"))

    def keep(self, program):
        self.started.append(program)
        return program

    def rules(self, corpus):
        """Debian's rule set or an unpacked release, copied; the main file for fosse, and nginx-main.conf beside it."""
        crs = self.dir / "crs"
        (crs / "rules").mkdir(parents=True)
        if corpus == "debian":
            source, setup = Path("/usr/share/modsecurity-crs/rules"), Path("/etc/modsecurity/crs/crs-setup.conf")
        else:
            source = Path(corpus) / "rules"
            setup = next(p for p in [Path(corpus) / "crs-setup.conf", Path(corpus) / "crs-setup.conf.example"] if p.exists())
        for path in source.iterdir():
            if path.is_file():
                shutil.copy(path, crs / "rules")
        shutil.copy(setup, crs / "setup.conf")
        text = SETTINGS + f"Include {crs}/setup.conf\nInclude {crs}/rules/*.conf\n"
        (crs / "main.conf").write_text(text)
        mapping = next((path for path in MAPPINGS if Path(path).exists()), None)
        unicode = f"SecUnicodeMapFile {mapping} 20127\n" if mapping else ""
        (crs / "nginx-main.conf").write_text(unicode + text)
        return crs / "main.conf"

    def start_nginx(self, main, level):
        port = free_port()
        path = self.dir / "modsec.conf"
        path.write_text(NGINX.format(module=MODULE, dir=self.dir, port=port, level=level,
                                     rules=main.with_name("nginx-main.conf")))
        return Program("nginx+libmodsecurity", ["nginx", "-c", str(path)], port, log=self.dir / "modsec.log")

    def start_fosse(self, programs, main, audit):
        port = free_port()
        path = self.dir / "fosse.toml"
        path.write_text(EDGE.format(dir=self.dir, port=port, rules=main, uid_base=700000 + 2000 * (port % 500),
                                    audit='audit_log = "audit.json"' if audit else ""))
        reader, writer = os.pipe()
        command = [f"{programs}/fosse-start", "--config", str(path), "--programs", str(programs), "--log-dir", str(self.dir),
                   "--ready-fd", str(writer)]
        try:
            return Program("fosse", command, port, reader, (writer,), log=self.dir / "fosse.log")
        finally:
            os.close(writer)
            os.close(reader)

    def end(self):
        for program in reversed(self.started):
            if program.process.poll() is None:
                program.end()
