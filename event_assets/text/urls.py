"""What web analytics reads off a URL: its host and the parameters of its query.

Written out here rather than taken from `urllib`, whose reading of odd URLs changes between versions of Python: a
table must not.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

#: Schemes whose host is a site, or an app that opened the page.
_SCHEMES = "https?|android-app|ios-app"
_HOST = re.compile(rf"(?:(?:{_SCHEMES}):)?//(?:[^/?#\\]*@)?(\[[0-9a-f:.]+\]|[^/?#:@\\]+)", re.IGNORECASE)
#: A host without a scheme, as some exports write it: labels with a dot between them, and no file such as `index.html`.
_BARE_HOST = re.compile(
    r"((?:[\w-]+\.)+(?!(?:s?html?|php\d?|aspx?|jspx?|cgi|do)\b)[\w-]+)\.?(?::\d+)?(?:[/?#]|\Z)", re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def host(url: str) -> str | None:
    """The host that a URL names, in lower case and punycode, without port, user, final dot and `www.`; None where it
    names none (a path, another scheme, no URL)."""
    text = without_controls(url).strip()
    found = _HOST.match(text) or _BARE_HOST.match(text)
    if found is None:
        return None
    name = _punycode(found[1].strip().rstrip(".")).lower().removeprefix("www.")
    return name if name and not re.search(r"\s", name) else None


def parameters(url: str) -> dict[str, str]:
    """The parameters of a URL's query: names in lower case, values decoded, without control characters. Of one that
    is there several times the first that isn't empty; the fragment is no part of the query."""
    _, _, query = url.partition("#")[0].partition("?")
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        value = without_controls(unquote_plus(value, errors="replace")).strip()
        if value:  # `&amp;` is what a page's source has for `&`
            found.setdefault(unquote_plus(name, errors="replace").strip().lower().removeprefix("amp;"), value)
    return found


def is_within(name: str, domain: str) -> bool:
    """Whether a host is a domain or one of its subdomains."""
    return name == domain or name.endswith(f".{domain}")


def without_controls(text: str) -> str:
    """The text without control characters."""
    return _CONTROL.sub("", text)


def _punycode(name: str) -> str:
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name  # no valid name of a host, and still somebody's text
