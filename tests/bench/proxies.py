"""The programs under test: each started in a directory and on a port of its own, and ended by the PID it was started with."""

import os
import re
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import certificates

TEMPLATES = Path(__file__).parent / "templates"
ROOT = Path(__file__).resolve().parents[2]

# How each proxy reaches the application, where a feature does not say it otherwise.
WAYS = {
    "nginx_pass": "proxy_pass http://app;",
    "haproxy_to": "unix@@dir@/app.sock",
    "fosse_to": '"unix:@dir@/app.sock"',
}

# What proxies do in a row beside passing requests on: lines of the configuration of each.
FEATURES = {
    "": {},
    "cache": {
        "nginx_http": "sendfile on; proxy_cache_path @dir@/kept-@port@ levels=1:2 keys_zone=kept:10m use_temp_path=off;",
        "nginx_server": "proxy_cache kept; proxy_cache_valid 200 1h;",
        "haproxy_section": "cache kept\n    total-max-size 64\n    max-object-size 1000000",
        "haproxy_backend": "http-request cache-use kept\n    http-response set-header Cache-Control max-age=3600\n    http-response cache-store kept",
        "fosse": "cache = true\ncache_seconds = 3600",
    },
    "forward_auth": {"nginx_server": "auth_request /auth;"},
    # The same certificate and the same group for all; the cipher is the client's choice.
    "tls": {
        "nginx_listen": " ssl http2",
        "nginx_http": "ssl_certificate @dir@/cert.pem; ssl_certificate_key @dir@/key.pem; ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519; http2_max_concurrent_streams 128;",
        "haproxy_global": "tune.ssl.default-dh-param 2048",
        "haproxy_bind": " ssl crt @dir@/both.pem @crt_list@ curves X25519 alpn h2,http/1.1",
        "fosse_listen": "tls = true",
        "fosse_edge": '[tls]\nunknown_names = "default"\n[[certificate]]\nfile = "@dir@/cert.pem"\nkey = "@dir@/key.pem"\n@certificates@',
    },
    # The same certificate is the servers'; all three verify it.
    "servers": {
        "nginx_http": "upstream secure { server 127.0.0.1:@tls_port@; keepalive 256; keepalive_requests 1000000000; }"
                      " proxy_ssl_verify on; proxy_ssl_trusted_certificate @dir@/cert.pem; proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2 TLSv1.3;",
        "nginx_pass": "proxy_pass https://secure;",
        "haproxy_to": "127.0.0.1:@tls_port@ ssl verify required ca-file @dir@/cert.pem sni str(localhost) verifyhost localhost",
        "fosse_to": '"https://localhost:@tls_port@"',
        "fosse_backend": '[backend.tls]\nca_file = "@dir@/cert.pem"',
    },
    "encode": {
        "nginx_server": "gzip on; gzip_types text/plain; gzip_comp_level @level@;",
        "haproxy_backend": "filter compression\n    compression algo gzip\n    compression type text/plain",
        "fosse": 'compress = ["@coding@"]',
    },
}


# In TLS and HTTP/2 in front, in HTTP/2 without TLS behind, as gRPC has it most often.
FEATURES["grpc"] = {
    **FEATURES["tls"],
    "nginx_http": FEATURES["tls"]["nginx_http"] + " upstream calls { server 127.0.0.1:@grpc_port@; keepalive 256; keepalive_requests 1000000000; }",
    "nginx_pass": "grpc_pass grpc://calls;",
    "haproxy_to": "127.0.0.1:@grpc_port@ proto h2",
    "fosse_to": '"127.0.0.1:@grpc_port@"',
    "fosse_backend": 'protocol = "h2"',
}


def filled(name, values, feature=""):
    """A template with its @words@ replaced, and the lines of a feature in it."""
    words = dict.fromkeys(re.findall(r"@(\w+)@", "".join(path.read_text() for path in TEMPLATES.iterdir())), "")
    words = {word: put(values, line) for word, line in {**words, **WAYS, **FEATURES[feature]}.items() if word not in values}
    values = {**values, **words}
    return put(values, (TEMPLATES / name).read_text())


def put(values, text):
    for word, value in values.items():
        text = text.replace(f"@{word}@", str(value))
    return text


def text(length):
    """Text as people write it: the pages of this project, and its source."""
    files = [*sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("man/*.[1-8]")), *sorted(ROOT.glob("bins/*/src/*.rs"))]
    return b"".join(file.read_bytes() for file in files)[:length]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def family(pid):
    """A process and all that descend from it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
                parents.setdefault(int(fields[1]), []).append(int(entry))
            except (OSError, IndexError):
                pass
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += parents.get(one, [])
    return found


def file_limit():
    """As many descriptors as we may have: 10,000 connections take a few more."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Program:
    """A running program and its children."""

    def __init__(self, name, command, port=None, ready_fd=None, pass_fds=(), log=None):
        self.name, self.port = name, port
        out = open(log, "ab") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=pass_fds, preexec_fn=file_limit)
        self.log = log
        self.await_ready(ready_fd)

    def await_ready(self, ready_fd):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if ready_fd is not None:
                os.set_blocking(ready_fd, False)
                try:
                    if os.read(ready_fd, 1):
                        return
                except BlockingIOError:
                    pass
            elif self.port is None or self.answers():
                return
            time.sleep(0.02)
        self.end()
        raise SystemExit(f"bench: {self.name} does not start: {Path(self.log).read_text()[-2000:]}")

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.5).close()
            return True
        except OSError:
            return False

    def pids(self):
        return family(self.process.pid)

    def end(self):
        """Ends it and whatever it leaves behind; nothing else."""
        mine = self.pids()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in mine[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class Placement:
    """Where the proxy, the client and the application run."""

    def __init__(self, proxy_cores, client_core):
        self.proxy_cores, self.client_core = proxy_cores, client_core

    @property
    def workers(self):
        return len(self.proxy_cores) if self.proxy_cores else os.cpu_count()

    @property
    def pin_proxy(self):
        return ["taskset", "-c", ",".join(map(str, self.proxy_cores))] if self.proxy_cores else []

    @property
    def pin_client(self):
        return [] if self.client_core is None else ["taskset", "-c", str(self.client_core)]

    @property
    def client_threads(self):
        return os.cpu_count() if self.client_core is None else 1


PLACEMENTS = {
    # The proxy alone on a core, client and application on the other.
    "own": Placement([0], 1),
    # Everything on one core: what the proxy does, nobody else can do meanwhile.
    "one": Placement([0], 0),
    # As on most hosts: the kernel decides, but for what a program decides about itself.
    "unpinned": Placement(None, None),
}


class Stage:
    """The directory, the backend, and how each proxy is started."""

    def __init__(self, directory, programs, placement):
        self.dir, self.programs, self.placement, self.started, self.edges = Path(directory), programs, placement, [], 0
        self.dir.chmod(0o755)
        www = self.dir / "www"
        www.mkdir()
        for name, size in [("1k", 1 << 10), ("64k", 1 << 16), ("1m", 1 << 20)]:
            (www / name).write_bytes(b"x" * size)
        (www / "1m.txt").write_bytes(text(1 << 20))
        self.ports = {}
        self.backend = self.application("backend", f"unix:{self.dir}/app.sock")
        end = time.monotonic() + 10
        while not (self.dir / "app.sock").exists() and time.monotonic() < end:
            time.sleep(0.02)

    def keep(self, program):
        self.started.append(program)
        return program

    def application(self, name, listen, tls="", port=None):
        path = self.dir / f"{name}.conf"
        path.write_text(filled("backend.conf", {"dir": self.dir, "kibibyte": "x" * 1024, "name": name, "listen": listen, "tls": tls}))
        return self.keep(Program(name, [*self.placement.pin_client, "nginx", "-c", str(path)], port, log=self.dir / f"{name}.log"))

    def servers(self, feature):
        """Starts the servers of a feature, once; their ports."""
        if feature == "servers" and "tls_port" not in self.ports:
            self.certificate()
            port = self.ports["tls_port"] = free_port()
            self.application("backend-tls", f"127.0.0.1:{port} ssl", f"ssl_certificate {self.dir}/cert.pem; ssl_certificate_key {self.dir}/key.pem;", port)
        if feature == "grpc" and "grpc_port" not in self.ports:
            port = self.ports["grpc_port"] = free_port()
            calls = self.dir / "calls"
            calls.mkdir()
            for name, size in (("unary", 100), ("stream", 1 << 20)):
                (calls / f"{name}.grpc").write_bytes(b"\0" + size.to_bytes(4, "big") + b"x" * size)
            (self.dir / "grpc.types").write_text("application/grpc grpc\n")
            command = ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", str(calls), f"--mime-types-file={self.dir}/grpc.types", "--trailer=grpc-status: 0", str(port)]
            self.keep(Program("calls", [*self.placement.pin_client, *command], port, log=self.dir / "calls.log"))
        return self.ports

    def certificate(self):
        """The certificate of all proxies, and as HAProxy wants it: both in one file."""
        certificate, key = self.dir / "cert.pem", self.dir / "key.pem"
        if not certificate.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                            "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
            (self.dir / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())

    def certificates(self, count):
        """Certificates of s1.example and so on, each with a key of its own: the directory with NAME.pem and NAME.key."""
        directory = self.dir / f"certificates-{count}"
        if count and not directory.exists():
            directory.mkdir()
            certificates.write(directory, count)
        return directory

    def nginx(self, sites=0, locations="", feature="", level=5, names=0):
        port, cores = free_port(), self.placement.workers
        servers = "".join(
            f"    server {{ listen 127.0.0.1:{port}; server_name s{n}.example; location / {{ proxy_pass http://app; }} }}\n"
            for n in range(1, sites + 1))
        directory = self.certificates(names)
        servers += "".join(
            f"    server {{ listen 127.0.0.1:{port} ssl http2; server_name s{n}.example; location / {{ proxy_pass http://app; }}"
            f" ssl_certificate {directory}/s{n}.example.pem; ssl_certificate_key {directory}/s{n}.example.key; }}\n"
            for n in range(1, names + 1))
        path = self.dir / f"nginx-{port}.conf"
        path.write_text(filled("nginx.conf", {
            **self.servers(feature), "dir": self.dir, "port": port, "cores": cores, "servers": servers,
            "locations": locations, "level": level, "reuseport": " reuseport" if cores > 1 else ""}, feature))
        return self.keep(Program("nginx", [*self.placement.pin_proxy, "nginx", "-c", str(path)], port, log=self.dir / "nginx.log"))

    def haproxy(self, sites=0, feature="", names=0):
        port = free_port()
        crt_list = f"crt {self.certificates(names)}" if names else ""
        path = self.dir / f"haproxy-{port}.cfg"
        path.write_text(filled("haproxy.cfg", {**self.servers(feature), "dir": self.dir, "port": port, "cores": self.placement.workers, "crt_list": crt_list}, feature))
        return self.keep(Program("haproxy", [*self.placement.pin_proxy, "haproxy", "-db", "-f", str(path)], port, log=self.dir / "haproxy.log"))

    def fosse(self, sites=0, deny=0, routes="", feature="", coding="gzip 5", beside="", names=0):
        port, self.edges, cores = free_port(), self.edges + 1, self.placement.workers
        name = f"fosse-{port}"
        values = {
            **self.servers(feature), "dir": self.dir, "port": port, "cores": cores, "name": name, "deny": self.deny(deny),
            # Other edges on this machine must not share a UID with ours.
            "uid_base": 500000 + 2000 * (port % 1000) + self.edges,
            # One address would be one lane: only a trusted source is spread over all of them.
            "trusted": 'trusted = ["127.0.0.1/32"]' if cores > 1 else "",
            "routes": routes, "coding": coding,
            "certificates": "".join(
                f'[[certificate]]\nfile = "{self.certificates(names)}/s{n}.example.pem"\nkey = "{self.certificates(names)}/s{n}.example.key"\n'
                for n in range(1, names + 1)),
            "sites": "".join(f'\n[[site]]\nhosts = ["s{n}.example"]\nbackend = "app"\nwaf = "off"\n' for n in range(1, sites + 1)) + put({"dir": self.dir}, beside),
        }
        path = self.dir / f"{name}.toml"
        path.write_text(filled("fosse.toml", values, feature))
        reader, writer = os.pipe()
        command = [*self.placement.pin_proxy, f"{self.programs}/fosse-start", "--config", str(path), "--programs", str(self.programs), "--ready-fd", str(writer)]
        try:
            return self.keep(Program("fosse", command, port, reader, (writer,), log=self.dir / f"{name}.log"))
        finally:
            os.close(writer)
            os.close(reader)

    def deny(self, entries):
        """Networks nobody here comes from, spread over 16/4."""
        if not entries:
            return ""
        path = self.dir / f"deny-{entries}.txt"
        with open(path, "w") as out:
            for n in range(entries):
                address = (16 << 24) + n * (223 - 16) * (1 << 24) // entries
                if address >> 24 == 127:
                    address += 1 << 24
                out.write(f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}/32\n")
        return f'deny = ["{path.name}"]'

    def end(self):
        for program in reversed(self.started):
            if program.process.poll() is None:
                program.end()

    def stop(self, programs):
        for program in programs:
            program.end()
            self.started.remove(program)
