"""Collect what the docstrings cite: `Spec: RFC 7636 s4.6`, and the sections after `Implements`, by document.

Writes nothing; `generate_docs.py` puts the page into `docs/`. A document without a title here is an error, so that a
mistyped number does not become a page of its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "doorward"
TITLES = {
    "1035": "Domain Names: Implementation and Specification",
    "3596": "DNS Extensions to Support IP Version 6",
    "3986": "Uniform Resource Identifier (URI): Generic Syntax",
    "5869": "HMAC-based Extract-and-Expand Key Derivation Function (HKDF)",
    "6052": "IPv6 Addressing of IPv4/IPv6 Translators",
    "6066": "Transport Layer Security (TLS) Extensions: Extension Definitions",
    "6265": "HTTP State Management Mechanism",
    "6454": "The Web Origin Concept",
    "6585": "Additional HTTP Status Codes",
    "6749": "The OAuth 2.0 Authorization Framework",
    "6750": "OAuth 2.0: Bearer Token Usage",
    "6761": "Special-Use Domain Names",
    "6819": "OAuth 2.0 Threat Model and Security Considerations",
    "6890": "Special-Purpose IP Address Registries",
    "7009": "OAuth 2.0 Token Revocation",
    "7239": "Forwarded HTTP Extension",
    "7493": "The I-JSON Message Format",
    "7515": "JSON Web Signature (JWS)",
    "7517": "JSON Web Key (JWK)",
    "7518": "JSON Web Algorithms (JWA)",
    "7519": "JSON Web Token (JWT)",
    "7521": "Assertion Framework for OAuth 2.0",
    "7523": "JWT Profile for OAuth 2.0 Client Authentication and Authorization Grants",
    "7591": "OAuth 2.0 Dynamic Client Registration Protocol",
    "7592": "OAuth 2.0 Dynamic Client Registration Management Protocol",
    "7617": "The 'Basic' HTTP Authentication Scheme",
    "7636": "Proof Key for Code Exchange",
    "7638": "JSON Web Key (JWK) Thumbprint",
    "7662": "OAuth 2.0 Token Introspection",
    "7800": "Proof-of-Possession Key Semantics for JSON Web Tokens",
    "8252": "OAuth 2.0 for Native Apps",
    "8259": "The JavaScript Object Notation (JSON) Data Interchange Format",
    "8414": "OAuth 2.0 Authorization Server Metadata",
    "8446": "The Transport Layer Security (TLS) Protocol Version 1.3",
    "8615": "Well-Known Uniform Resource Identifiers (URIs)",
    "8628": "OAuth 2.0 Device Authorization Grant",
    "8693": "OAuth 2.0 Token Exchange",
    "8707": "Resource Indicators for OAuth 2.0",
    "8725": "JSON Web Token Best Current Practices",
    "9068": "JSON Web Token (JWT) Profile for OAuth 2.0 Access Tokens",
    "9101": "OAuth 2.0 JWT-Secured Authorization Request (JAR)",
    "9106": "Argon2 Memory-Hard Function",
    "9110": "HTTP Semantics",
    "9111": "HTTP Caching",
    "9112": "HTTP/1.1",
    "9126": "OAuth 2.0 Pushed Authorization Requests",
    "9207": "OAuth 2.0 Authorization Server Issuer Identification",
    "9449": "OAuth 2.0 Demonstrating Proof of Possession (DPoP)",
    "9457": "Problem Details for HTTP APIs",
    "9525": "Service Identity in TLS",
    "9562": "Universally Unique IDentifiers (UUIDs)",
    "9700": "Best Current Practice for OAuth 2.0 Security",
    "9701": "JWT Response for OAuth Token Introspection",
    "9728": "OAuth 2.0 Protected Resource Metadata",
    "9864": "Fully-Specified Algorithms for JOSE and COSE",
}
_OTHER = re.compile(r"(?:ASGI|CSP|Fetch|JSON|MCP|NIST|OAuth|OpenID|WHATWG)\b").match
_PARAGRAPH = re.compile(r"(?:^|(?<=\s))(Spec:|Implements)\s+(.*?)(?=\n\s*\n|\Z)", re.DOTALL)
_RFC = re.compile(r"RFC (\d{3,5})((?:(?:,| and| to)? (?:s\d[\d.]*\d|s\d|[AB]\b))*)")
_SECTION = re.compile(r"s\d[\d.]*\d|s\d|\b[AB]\b")

PAGE = """# Specifications

Which part of which document is implemented where, collected from the docstrings. Sections are written as `s4.1.2`;
the names are those of `src/doorward`.

"""


def citations() -> dict[str, dict[str, set[str]]]:
    """Return document, then section, then the modules that cite it; the document as a whole is the section ``""``."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        for document, section in _cited(path):
            found.setdefault(document, {}).setdefault(section, set()).add(module)
    return found


def page() -> str:
    """Return the page.

    Raises:
        KeyError: a document has no title here.
    """
    found = citations()
    rfcs = sorted((name for name in found if name.isdigit()), key=int)
    parts = [PAGE]
    parts += [f"## RFC {number}: {TITLES[number]}\n\n{_lines(found[number])}\n" for number in rfcs]
    parts.append("## Other documents\n\n")
    parts += [f"- {name}: {_modules(found[name][''])}\n" for name in sorted(set(found) - set(rfcs))]
    return "".join(parts)


def _lines(sections: dict[str, set[str]]) -> str:
    ordered = sorted(sections, key=lambda name: [part.zfill(3) for part in name.removeprefix("s").split(".")])
    return "".join(f"- {name or 'as a whole'}: {_modules(sections[name])}\n" for name in ordered)


def _modules(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _cited(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for word, paragraph in _PARAGRAPH.findall(ast.get_docstring(node) or ""):
                text = " ".join(paragraph.split())
                yield from _rfcs(text)
                if word == "Spec:":
                    yield from ((other, "") for other in _others(text))


def _rfcs(text: str) -> Iterator[tuple[str, str]]:
    for number, sections in _RFC.findall(text):
        yield from ((number, section) for section in _SECTION.findall(sections) or [""])


def _others(text: str) -> Iterator[str]:
    """Yield the citations of a `Spec:` line that are no RFC; what explains a citation is left out."""
    for part in re.sub(r" ?\([^)]*\)", "", text).split(";"):
        name = part.strip().rstrip(".")
        if _OTHER(name) and "RFC " not in name:
            yield name
