"""A client that sends bytes and reads the status, a crowd of them; and the kinds of requests that are measured."""

import json
import selectors
import socket


class Client:
    def __init__(self, port, own=None):
        self.port, self.own, self.socket, self.rest = port, own, None, b""

    def connect(self):
        source = (self.own, 0) if self.own else None
        self.socket = socket.create_connection(("127.0.0.1", self.port), 60, source)
        self.rest = b""

    def ask(self, data):
        """The status; 0 where the connection ended without one."""
        fresh = self.socket is None
        if fresh:
            self.connect()
        try:
            self.socket.sendall(data)
        except OSError:
            pass
        status = self.answer()
        if status == 0 and not fresh:
            # A connection that a server closed meanwhile says nothing about the request.
            self.close()
            return self.ask(data)
        return status

    def answer(self):
        while b"\r\n\r\n" not in self.rest:
            if not self.more():
                return 0
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
        length = int(fields.get("content-length", "0"))
        if fields.get("transfer-encoding", "").strip() == "chunked":
            while not self.rest.endswith(b"0\r\n\r\n") and self.more():
                pass
            self.rest = b""
        while len(self.rest) < length and self.more():
            pass
        self.rest = self.rest[length:]
        if "close" in fields.get("connection", ""):
            self.close()
        return int(lines[0].split()[1])

    def more(self):
        try:
            part = self.socket.recv(65536)
        except OSError:
            part = b""
        if not part:
            self.close()
            return False
        self.rest += part
        return True

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.rest = None, b""


def crowd(port, requests, count):
    """Asks all requests over so many connections, each with one under way; how many were not answered with 200."""
    todo, bad, busy = iter(requests), 0, selectors.DefaultSelector()

    def begin(client):
        request = next(todo, None)
        if request is None:
            client.close()
            return
        if client.socket is None:
            client.connect()
        busy.register(client.socket, selectors.EVENT_READ, client)
        client.socket.sendall(request)

    for _ in range(count):
        begin(Client(port))
    while busy.get_map():
        for key, _ in busy.select():
            client = key.data
            busy.unregister(client.socket)
            bad += client.answer() != 200
            begin(client)
    return bad


def head(line, fields):
    return (line + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n").encode("latin-1")


def browser_fields(n):
    version = n % 90 + 40
    return [
        ("Host", "www.example.com"),
        ("User-Agent", f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("Accept-Language", "en-US,en;q=0.5"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Connection", "keep-alive"),
        ("Referer", f"https://www.example.com/articles/{n}?page=2"),
        ("Cookie", f"session=ab{n:030x}; theme=dark; _ga=GA1.2.{n}.1699999999; lang=en; consent=yes{n}"),
        ("Upgrade-Insecure-Requests", "1"),
        ("Sec-Fetch-Dest", "document"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Site", "same-origin"),
    ]


def tiny(n):
    return head(f"GET /health/{n} HTTP/1.1", [("Host", "example.com"), ("User-Agent", f"probe/{n}"), ("Accept", "*/*")])


def browser(n):
    query = f"q=garden+furniture+{n}&category=outdoor&page={n % 20}&sort=price-asc&ref=home{n}"
    return head(f"GET /search/results.html?{query} HTTP/1.1", browser_fields(n))


def post(n, path, kind, body):
    fields = browser_fields(n) + [("Content-Type", kind), ("Content-Length", str(len(body)))]
    return head(f"POST {path} HTTP/1.1", fields) + body


def form(n):
    body = (f"name=Maria+Schmidt&email=maria{n}%40example.com&phone=%2B49+30+{n}&subject=Question+about+my+order+{n}&message=")
    while len(body) < 820:
        body += f"Dear+team%2C+I+ordered+two+chairs+last+week+and+only+one+has+arrived+so+far.+Order+{n}.+"
    return post(n, "/contact", "application/x-www-form-urlencoded", (body + "&newsletter=on&submit=Send").encode())


def record(n, at):
    return {"id": n + at, "name": f"Item number {at}-{n}", "price": at % 90 + 0.99, "tags": ["home", f"garden{at}"],
            "stock": at * 3, "active": True, "sku": f"SKU-{n}-{at}", "color": "dark green", "weight": at * 7,
            "note": f"Delivered within {at % 5 + 2} working days by our own vans, with a call before we come to your door"}


def json_of(n, records):
    body = json.dumps([record(n, at) for at in range(records)], separators=(",", ":")).encode()
    return post(n, "/api/items", "application/json", body)


def json_11k(n):
    return json_of(n, 40)
