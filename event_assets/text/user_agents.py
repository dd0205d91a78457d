"""Which user agents are programs: an offline list of the words by which they name themselves.

A browser's text has none of them. Raise VERSION with every change: partitions made with another list are stale.
"""

from __future__ import annotations

import re

VERSION = "1"
#: Words of programs in general, in any case.
_WORDS = (
    *("bot", "crawl", "spider", "slurp", "scrap", "fetch", "archiver", "validator", "monitor", "uptime", "pingdom"),
    *(
        "headless",
        "phantomjs",
        "puppeteer",
        "playwright",
        "selenium",
        "lighthouse",
        "prerender",
        "preview",
        "transcoder",
    ),
    *("facebookexternalhit", "feed", "rss", "checker", "scanner", "nagios", "zgrab", "masscan", "nmap", "nikto"),
)
#: Libraries and tools, where the text begins with them.
_CLIENTS = (
    *("curl", "wget", "python", "java/", "go-http-client", "okhttp", "apache-httpclient", "libwww-perl", "lwp", "ruby"),
    *("axios", "node-fetch", "undici", "aiohttp", "httpx", "guzzlehttp", "php", "postmanruntime", "insomnia", "httpie"),
    *("dart", "http_request", "http.rb", "winhttp", "restsharp", "jakarta", "faraday", "mechanize", "gophercloud"),
)
#: Devices and browsers whose names contain one of the words.
_NOT = re.compile(r"cubot|cubots", re.IGNORECASE)
_BOT = re.compile("|".join(map(re.escape, _WORDS)) + "|^(?:" + "|".join(map(re.escape, _CLIENTS)) + ")", re.IGNORECASE)


def is_bot(user_agent: str | None) -> bool:
    """Whether a user agent is that of a program."""
    if user_agent is None or not user_agent.strip():
        return False  # the source does not tell
    return _BOT.search(_NOT.sub("", user_agent.strip())) is not None
