"""Values that redaction must replace, texts that only look like them, and hostile places to plant a value in."""

from __future__ import annotations

import json
import re

PERSON = {
    "email": ["jo.smith+shop@firma.de", "MÜLLER_7@Mail.Kunde.co.uk", "o'neil@post.io"],
    "phone": ["+49 30 901820", "+14155552671", "+44 20 7946 0958", "(415) 555-2671", "+1 (202) 555-0143"],
    "card": ["4111111111111111", "4012 8888 8888 1881", "3782-822463-10005", "5555555555554444", "6011 1111 1111 1117"],
    "iban": ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "fr1420041010050500013m02606"],
    "national_id": ["536-90-4399", "54362315K", "RCCMNL83S18D969H", "2 95 10 99 126 111 93", "390.533.447-05"],
    "ip_address": ["8.8.4.4", "2606:4700:4700::1111"],
}


SECRET = {
    "openai_key": ["sk-proj-abcDEF0123456789abcDEF"],
    "aws_access_key": ["AKIAIOSFODNN7EXAMPLE"],
    "github_token": ["ghp_0123456789abcdefABCDEF0123456789abcd"],
    "slack_token": ["xoxb-1234567890-abcdefghij"],
    "google_api_key": ["AIzaSyA0123456789abcdefghijklmnopqrstuv"],
    "stripe_key": ["sk_live_0123456789abcdef"],
    "json_web_token": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijklmnop"],
    "vendor_token": [
        "glpat-abcdefghij0123456789",
        "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        "1234567890:AAabcdefghijklmnopqrstuvwxyz0123456",
    ],
}


PLANTED = [(kind, value) for kinds in (PERSON, SECRET) for kind, values in kinds.items() for value in values]


MARKED_BY_CONTEXT = [
    ("password=hunter2secret", "hunter2secret"),
    ('{"password": "correct horse"}', "correct horse"),
    ('{"new_password": "a\\"b c1"}', 'a\\"b c1'),
    ('{"password": 12345678}', "12345678"),
    ("password = 'swordfish'", "swordfish"),
    ("My password is Tr0ub4dor&3.", "Tr0ub4dor&3"),
    ("postgres://admin:s3cretpw@db.internal:5432/shop", "s3cretpw"),
    ("https://user:hunter22@example.com/", "hunter22"),
    ("Authorization: Bearer abcdef0123456789.xyz", "abcdef0123456789.xyz"),
    ("Authorization: Basic dXNlcjpwYXNzd29yZDE=", "dXNlcjpwYXNzd29yZDE="),
    ("API_KEY=9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
    ('{"client_secret": "Zm9vYmFyYmF6cXV4MTIzNDU"}', "Zm9vYmFyYmF6cXV4MTIzNDU"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA12345\nabcdefABCDEF+/==\n-----END RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA12345",
    ),
    (r'{"pem": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nx"}', "MIIEvQIBADANBgkqhkiG9w0B"),
]


LOOK_ALIKES = [
    "C-1042 and T-4824, order 20261001-0001, order 1234567890123456, order #4111111111111112",
    "2026-10-01T06:00:19+10:00, 01/10/2026, 12:30:45, 1795271913619, 1795271913.619958",
    "550e8400-e29b-41d4-a716-446655440000 and 4111111a-1111-4111-1111-111111111111",
    "sha256:472c84fd1b1be46b3aadcd319e481a89b56ae0c33e656546ff6f4faea88fd40e, commit de89370400440532013000ab",
    "$1,299.00, 12.345.678,90 EUR, 3.14159265358979, -4.0e+10, 1e+15551234567, 40 + 12345678",
    "v1.2.3.4, version 8.8.4.4, Chrome/120.0.0.0, python 3.11.7, 10.0.0.1, 127.0.0.1, 192.168.1.20, 8.8.4.4.1",
    "phone extension 12, 555-2296, room 415-2671, +5 points, ISBN 978-3-16-148410-0, EAN 4006381333931",
    "react@18.2.0, actions/checkout@v4, @scope/pkg, git@github.com:team/project.git, 3 @ 4.50, a@b",
    "anna@acme.test, joe@example.com, me@localhost, x@sub.example.org",
    "password: must be long; the password is required; Password reset; password=***; password={{PASSWORD}}",
    '{"password": "<hidden>", "token": 16795, "prompt_tokens": "12", "password_changed_at": "2026-10-01"}',
    "task-0123456789abcdef0123, risk-assessment-of-the-year-2026, order AKIA, sku sk-12, ghp_short, SKU AC12",
    "bearer of news, basic understanding of things, the token is valid, secret: none, https://host:8080/a@b",
    "DE89 3704 0044 0532 0130 01, GB00 NWBK 0000 0000 0000 00, 000-12-3456, 666-12-3456, 54362315A",
    "::1, aa:bb:cc:dd:ee:ff, 2026:10:01, fe80::1, 2001:db8::1, C:\\new\\table, \\n \\u12",
]


def letters_and_digits(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def hostile_places(value: str) -> list[tuple[str, str]]:
    """Texts that hold a value, each with what it reads once unescaped."""
    inner = json.dumps({"note": f"write to {value}\nsoon", "n": 1})
    escaped = "".join(f"\\u{ord(char):04x}" for char in value)
    return [
        (value, value),
        (f"a\n{value}\nb", value),
        (f"({value}), “{value}”: <{value}>; {value}.", value),
        (f"邮箱{value}。谢谢", value),
        (f"été {value} naïve 🙂", value),
        (json.dumps({"x": f"\n{value}", "y": [f"\t{value}\r"], value: "key"}), value),
        (json.dumps({"outer": json.dumps({"inner": f"\n{value}\t"})}), value),
        (json.dumps([{"type": "text", "text": inner}]), value),
        (f'{{"x": "{escaped}"}}', value),
        (f"line one\\n{value}\\nline three", value),
    ]
