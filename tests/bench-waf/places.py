"""Requests as bytes: a text put into every place of a request that an application reads."""

import json
from urllib.parse import quote, quote_plus

HOST = "www.example.com"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def request(line, fields=(), body=b"", agent=AGENT):
    rows = [("Host", HOST), ("User-Agent", agent), ("Accept", "text/html,*/*;q=0.8"), *fields]
    if body or line.startswith(("POST", "PUT", "PATCH")):
        rows.append(("Content-Length", str(len(body))))
    head = line + " HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in rows) + "\r\n"
    return head.encode("utf-8") + body


def one_line(text):
    """A text as a field's value can hold it."""
    return text.replace("\r", "%0d").replace("\n", "%0a")


def in_query(text, n):
    return request(f"GET /find?page={n}&q={quote_plus(text)}")


def in_path(text, n):
    return request(f"GET /files/{n}/{quote(text, safe='/')}")


def in_name(text, n):
    return request(f"GET /find?{quote_plus(text)}={n}")


def in_cookie(text, n):
    return request(f"GET /home/{n}", [("Cookie", f"theme=dark; pref={quote(text)}")])


def in_referer(text, n):
    return request(f"GET /home/{n}", [("Referer", f"https://www.example.org/?q={quote(text)}")])


def in_agent(text, n):
    return request(f"GET /home/{n}", agent=one_line(text))


def in_header(text, n):
    return request(f"GET /home/{n}", [("X-Client-Info", one_line(text))])


def in_form(text, n):
    body = f"id={n}&comment={quote_plus(text)}&send=1".encode()
    return request("POST /comment", [("Content-Type", "application/x-www-form-urlencoded")], body)


def in_multipart(text, n):
    mark = f"----f{n}x"
    body = (f"--{mark}\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\n{text}\r\n"
            f"--{mark}\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n{n}\r\n--{mark}--\r\n").encode()
    return request("POST /comment", [("Content-Type", f"multipart/form-data; boundary={mark}")], body)


def in_json(text, n):
    body = json.dumps({"id": n, "data": {"comment": text, "tags": ["a", "b"]}}).encode()
    return request("POST /api", [("Content-Type", "application/json")], body)


def in_xml(text, n):
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    safe = "".join(c for c in safe if c >= " " or c in "\t\r\n")
    body = f"<?xml version=\"1.0\"?><r><id>{n}</id><c>{safe}</c></r>".encode()
    return request("POST /api", [("Content-Type", "text/xml")], body)


def in_graphql(text, n):
    query = "query Find($q: String!) { find(text: $q) { id title } }"
    body = json.dumps({"operationName": "Find", "query": query, "variables": {"q": text, "n": n}}).encode()
    return request("POST /graphql", [("Content-Type", "application/json")], body)


PLACES = {"query": in_query, "path": in_path, "name": in_name, "cookie": in_cookie, "referer": in_referer, "agent": in_agent,
          "header": in_header, "form": in_form, "multipart": in_multipart, "json": in_json, "xml": in_xml,
          "graphql": in_graphql}
