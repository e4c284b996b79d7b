"""What honest people and programs send: pages, forms, uploads, interfaces, with the cookies and fields they have."""

import base64
import json
from itertools import product
from urllib.parse import quote, quote_plus, urlencode

from places import PLACES, request

NAMES = ["Anna O'Neill", "José García", "Li Wei", "Müller & Sons", "Dr. Smith-Jones", "Zoë", "Sean D'Arcy (Jr.)"]

TEXTS = [
    "I would like to select a chair from your new catalogue and update my order.",
    "Is it true that the shop closes at 6 pm? My sister told me so; I wasn't sure.",
    "Please drop the table off at the back door, between 10 and 12.",
    "The script of the play is great, isn't it?",
    "5 < 7 and 9 > 3, as my son says :-)",
    "What's the price of 2 sofas (blue) - and delivery to Berlin?",
    "Order #4711; union members get 10% off, or so I heard.",
    "Thanks! See https://www.example.org/catalogue?page=2&sort=price",
    "Where can I find the file with the opening hours?",
    "Our company's e-mail is info@example.org, phone +49 30 1234567.",
    "He said \"hello\" -- and left.",
    "C++ and C# developers wanted; salary 50k/60k",
    "Café crème, naïve résumé",
    "garden chairs and tables",
    "order by phone",
    "1984",
    "The cat sat on the mat; then it ran under the table & slept.",
    "Either delete my account or insert the new address, whichever is easier.",
    "We had dinner from 8 to 10, where the group by the window sang.",
    "Dear all,\r\n\r\nthe meeting is on Friday.\r\nAgenda: budget, staff.\r\n\r\nRegards\r\nTom",
    "It cost $30 (that's {a lot}) for a [small] lamp!",
    "My height is 5'11\", my brother's 6'2\".",
    "Ask for the price list (PDF) or see www.example.org/prices.pdf",
    "¿Dónde está la biblioteca? 你好，世界 — привет",
    "if you can, call me; else write: I'm in the office from 9 to 5",
    "100% cotton, 20% off = happy customers :)",
    "a=b and b=c, so a=c",
    "Select all that apply, then press OK or Cancel.",
    "The function of the liver is described on page 12 (chapter 3).",
    "Version 2.0.1-beta+build.5 of the app crashes on start",
]


# What people who work with programs write: harder, and still no attack.
TECHNICAL = [
    "Run `npm install` and then `npm start`; see README.md", "The `id` field is missing in the answer", "`id` is missing",
    "{{ user.name }} ordered {{ order.total | money }}", "${name} is ${age} years old", "#{order.id}: <%- title %>",
    "a:hover { color: red; } .b > .c + .d ~ .e { margin: 0 auto !important }", "if (a && b || c) { return d; } else if (x && id) { e(); }",
    "SELECT is a keyword; so are INSERT, UPDATE and DELETE", "^[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}$",
    "C:\\Users\\Anna\\Documents\\R&D\\report (final).docx", "\\\\server\\R&D\\team", "Which operating system(s)? I run two systems (v2);",
    "for i in range(10): print(i)", "<b>bold</b> and <i>italic</i> text, <a href=\"https://www.example.org\">a link</a>",
    "JavaScript: The Good Parts (O'Reilly, 2008)", "name|id|price", "a;\"\";b;\"\"", "Name & ID", "| ID | Name |\n|---|---|\n| 1 | cat |",
    "x = (-b + sqrt(b^2 - 4ac)) / 2a", "\\frac{1}{2} + \\sum_{i=0}^{n} x_i", "0 4 * * 1 backup --all", "10.0.0.1/24, 192.168.1.0/16",
    "mailto:anna@example.org?subject=Hello", "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "git@example.org:owner/repo.git", "50% of 20 = 10; 3 * 4 = 12", "Don't panic; it's 'only' a test -- really!", "rock 'n' roll & r'n'b",
    "We can't sleep at night; update us at once, or else drop by.", "order by date, group by name", "1 or 2, 3 and 4", "yes/no & and/or",
    "It's 5 o'clock somewhere; I'd like 'one' or 'two'", "a != b, c <> d, e == 'f'", "Products?$filter=Price gt 10 and Name eq 'Chair'",
    "[link](https://www.example.org/a_(b)) and ![image](./images/../logo.png)", "f(x)(y), (a)(b), :-) (-:", "Tel. +49 (0)30 / 123 45-67; fax -68",
    "Subject: your order\r\nHello,\r\nto: be delivered", "key: value\nlist:\n  - one\n  - two", "<3 you & me", "Q: why? A: because; B: none.",
    "The cat; dog food & cat litter | bird seed", "Echo of a head; tail of a dog", "python 3 & perl 5; ruby, php", "2 > 1 && 1 < 2",
]

PATHS = [
    "Anna O'Neill/photo (1).jpg", "r&d/plan v2.0 (final).pdf", "how-to-select-a-union-from-the-list.html", "1-or-2-people", "C++ and C#.html",
    "100% cotton", "l'été à l'île", "order-by-phone-or-mail", "drop-table-for-8", "user@example.org", "a=b;c=d", "script-writing",
    "2024/05/17/it-s-5-o-clock--somewhere", "api/v1/users/12;role=admin", "items(12)", "odata/Products(5)/$value", "it's-me--again",
    "~anna/index.php", "wiki/Union_(set_theory)", "wiki/Rock_'n'_roll", "@scope/package@1.2.3", "tag/c++,python;ruby", "eval-2024/assert.html",
    "a,b,c", "+1 (555) 010-9999", "50%-off!", "where-and-when", "insert/coin", "admin'or/guest", "file..name..txt",
]


def searches(number):
    terms = ["garden chair", "o'reilly books", "drop shipping", "table for 4", "select comfort bed", "c++ tutorial", "rock & roll",
             "50% off", "\"exact phrase\" -without", "where to eat", "union jack flag", "script font", "insert coin", "like new",
             "having fun", "1+1", "m&m's", "who is who", "id card holder", "cat food", "ls swap kit", "ping pong table",
             "python snake", "net curtains", "man shoes", "/r/gardening", "café", "naïve", "müsli", "Ærø"]
    for term, sort in product(terms, ["price-asc", "newest", "relevance"]):
        query = urlencode({"q": term, "page": next(number) % 9, "sort": sort, "utm_source": "mail", "utm_campaign": "spring_sale-24"})
        yield "search", request(f"GET /search?{query}", [("Referer", "https://www.example.com/")])


def pages(number):
    for at in range(400):
        n = next(number)
        section, kind = ["garden", "kitchen", "office"][at % 3], ["html", "css?v=3.2.1", "js?ver=6.4.2", "jpg", "woff2"][at % 5]
        yield "page", request(f"GET /articles/{at}/{section}/item-{n}.{kind}", cookies(n) + client_fields(n))


def cookies(n):
    consent = quote(json.dumps({"stamp": f"{n:x}", "necessary": True, "marketing": n % 2 == 0, "ver": 1}))
    token = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in
                     ['{"alg":"HS256","typ":"JWT"}', f'{{"sub":"{n}","name":"Zoë","iat":1516239022}}', f"signature-{n * 7919}"])
    jar = [f"_ga=GA1.2.{1000003 * n % 2**31}.1700000000", f"_gid=GA1.2.{n}.1700000001", f"_fbp=fb.1.1596403881668.{n * 31}",
           f"PHPSESSID={n * 7919:026x}", f"CookieConsent={consent}", f"token={token}", "_gcl_au=1.1.123456789.1700000000",
           f"cart=%5B{n}%2C{n + 1}%5D", "lang=en-GB", f"__cf_bm={base64.b64encode(str(n * 104729).encode() * 3).decode()}",
           f"_hjSessionUser_12345={base64.b64encode(json.dumps({'id': f'{n:x}', 'created': 17e8}).encode()).decode()}"]
    some = jar[n % 4::2]
    return [("Cookie", "; ".join(some))]


def client_fields(n):
    rows = [("Accept-Language", "de-DE,de;q=0.9,en;q=0.5"), ("Accept-Encoding", "gzip, deflate, br"),
            ("Sec-Ch-Ua", '"Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"'), ("Sec-Fetch-Mode", "navigate"),
            ("If-None-Match", f'W/"{n:x}-5f3"'), ("If-Modified-Since", "Sat, 29 Oct 2022 19:43:31 GMT"),
            ("X-Requested-With", "XMLHttpRequest"), ("Traceparent", f"00-{n:032x}-{n:016x}-01"),
            ("Origin", "https://www.example.com"), ("Authorization", "Basic " + base64.b64encode(f"user{n}:p4ss".encode()).decode()),
            ("Dnt", "1"), ("Referer", f"https://www.example.org/search?q=chairs+and+tables&from={n}")]
    return rows[n % 3::3]


def interfaces(number):
    for at in range(320):
        n = next(number)
        order = {"id": n, "customer": {"name": NAMES[at % 7], "mail": f"c{n}@example.org"}, "paid": at % 2 == 0, "note": TEXTS[at % 30],
                 "items": [{"sku": f"A-{n}-{k}", "price": k + 0.99, "tags": ["new", "sale"]} for k in range(at % 4)], "gift": None}
        yield "json", request("POST /api/orders", [("Content-Type", "application/json")] + client_fields(n),
                              json.dumps(order, ensure_ascii=at % 2 == 0).encode())
    queries = ["query Items($n: Int!) { items(first: $n) { id name price(currency: \"EUR\") } }",
               "mutation Add($i: ItemInput!) { addItem(input: $i) { item { id } errors { field message } } }",
               "{ viewer { login orders(last: 5, where: {state: OPEN}) { nodes { id total } } } }"]
    for at in range(90):
        n = next(number)
        call = {"query": queries[at % 3], "variables": {"n": n, "i": {"name": NAMES[at % 7]}}, "operationName": None}
        yield "graphql", request("POST /graphql", [("Content-Type", "application/json")], json.dumps(call).encode())
    for at in range(30):
        n = next(number)
        call = {"jsonrpc": "2.0", "method": ["user.get", "sum", "list_items"][at % 3], "params": [n, "text", {"limit": 5}], "id": n}
        yield "json-rpc", request("POST /rpc", [("Content-Type", "application/json")], json.dumps(call).encode())
        soap = (f"<?xml version=\"1.0\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>"
                f"<m:GetPrice xmlns:m=\"https://www.example.org/prices\"><m:Item>Chair {n}</m:Item></m:GetPrice></soap:Body></soap:Envelope>")
        yield "soap", request("POST /soap", [("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", "\"GetPrice\"")], soap.encode())


def accounts(number):
    for at in range(180):
        n = next(number)
        login = {"csrf_token": f"{n * 104729:040x}", "email": f"anna.{n}@example.org", "password": f"Str0ng&Pass!{n}", "remember": "on"}
        yield "login", request("POST /login", [("Content-Type", "application/x-www-form-urlencoded")] + cookies(n), urlencode(login).encode())
        back = {"client_id": f"app-{n}", "redirect_uri": "https://app.example.org/callback?next=/home", "scope": "openid profile e-mail",
                "state": base64.urlsafe_b64encode(f"state-{n * 31}".encode()).decode(), "response_type": "code"}
        yield "oauth", request(f"GET /authorize?{urlencode(back)}", client_fields(n))


def uploads(number):
    files = [("garden party.jpg", "image/jpeg", bytes(range(256)) * 4), ("report (final).pdf", "application/pdf", b"%PDF-1.4\n" + bytes(200)),
             ("Lebenslauf.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04" + bytes(range(200))),
             ("prices.csv", "text/csv", "name;price\r\nO'Neill's chair;12,50\r\n\"select\" table;99\r\n".encode()),
             ("avatar.png", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(range(255, 0, -1)))]
    for at in range(150):
        (name, kind, data), n = files[at % 5], next(number)
        mark = f"----WebKitFormBoundary{n:016x}"
        body = (f"--{mark}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n{TEXTS[at % 30]}\r\n--{mark}\r\nContent-Disposition: "
                f"form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n").encode() + data + f"\r\n--{mark}--\r\n".encode()
        yield "upload", request("POST /upload", [("Content-Type", f"multipart/form-data; boundary={mark}")], body)


def rows(number):
    """(name, bytes)."""
    places = [place for place in PLACES if place not in ("name", "path", "agent", "header")]
    for at, (text, place, turn) in enumerate(product(TEXTS, places, range(5))):
        # Alone, then signed, then with one to three others before it.
        words = [TEXTS[(at * 7 + k * 11) % 30] for k in range(turn - 1)] + [text] + [NAMES[at % 7]] * (turn > 0)
        said = " ".join(words)
        if "\n" not in said or place not in ("cookie", "referer"):
            yield f"text-{at} {place}", PLACES[place](said, next(number))
    for at, (name, kind) in enumerate(product(NAMES, range(3))):
        form = {"name": name, "street": f"{at} King's Road", "city": "Saint-Étienne", "zip": f"{10000 + at}", "comment": TEXTS[at]}
        yield "address", request("POST /address", [("Content-Type", "application/x-www-form-urlencoded")], urlencode(form).encode())
    for at, (text, place, turn) in enumerate(product(TECHNICAL, places, range(2))):
        said = f"{TEXTS[at % 30]} {text}" if turn else text
        if "\n" not in said or place not in ("cookie", "referer"):
            yield f"technical-{at} {place}", PLACES[place](said, next(number))
    for path, place in product(PATHS, ("path", "query", "referer")):
        yield f"path {place}", PLACES[place](path, next(number))
    for kind in (searches, pages, interfaces, accounts, uploads):
        yield from kind(number)
