"""docs/deployment/nginx.conf in a real nginx, before a small server that tells what reached it."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from event_assets_tests.browser.dagster_dev import wait_for
from event_assets_tests.deployment.ports import free_port

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None,
    reason="there is no nginx and openssl on this machine (Debian: apt install nginx-light openssl)",
)
#: Of the made-up user ann.
PASSWORD = "correct horse"


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers of the request."""

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def proxy(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the proxy."""
    folder = tmp_path_factory.mktemp("proxy")
    port = free_port()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True).stdout
    (folder / "users").write_text(f"ann:{hashed}")
    (folder / "users").chmod(0o644)
    folder.chmod(0o755)
    folder.parent.chmod(0o755)  # nginx started by root reads the users as nobody
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        text = (repository / "docs" / "deployment" / "nginx.conf").read_text()
        for word, here in {
            "/tmp/": f"{folder}/",
            "/etc/nginx/tls": str(folder),
            "/etc/nginx/users": str(folder / "users"),
            "listen 8443": f"listen 127.0.0.1:{port}",
            "webserver:3000": f"127.0.0.1:{upstream.server_port}",
        }.items():
            assert word in text
            text = text.replace(word, here)
        (folder / "nginx.conf").write_text(text)
        command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", "daemon off; user root;"]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(lambda: process.poll() is not None or status(f"https://127.0.0.1:{port}") == 401, 30)
            assert process.poll() is None, (folder / "log").read_text()
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)
            upstream.shutdown()


def ask(url: str, password: str | None = None, **headers: str) -> tuple[int, dict[str, str], dict[str, str]]:
    """Status, headers of the answer, and what reached the server behind; for a stranger without a password."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    if password is not None:
        login = base64.b64encode(f"ann:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, dict(answer.headers), json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, dict(refused.headers), {}


def status(url: str) -> int | None:
    try:
        return ask(url)[0]
    except OSError:
        return None


@pytest.mark.parametrize("password", [None, "", "wrong"])
def test_nobody_passes_without_the_password(proxy: str, password: str | None) -> None:
    assert ask(f"{proxy}/graphql", password)[::2] == (401, {})


def test_who_is_let_in_reaches_the_page_and_the_password_stays_outside(proxy: str) -> None:
    code, headers, reached = ask(proxy, PASSWORD)
    assert code == 200
    assert "authorization" not in reached
    assert reached["x-forwarded-proto"] == "https"
    assert headers["X-Frame-Options"] == "DENY"


def test_the_live_parts_of_the_page_get_their_socket(proxy: str) -> None:
    reached = ask(f"{proxy}/graphql", PASSWORD, Upgrade="websocket")[2]
    assert (reached["upgrade"], reached["connection"]) == ("websocket", "upgrade")


@pytest.mark.parametrize(
    ("place", "mode", "code"), [("/graphql", "navigate", 403), ("/runs", "cors", 403), ("/runs", "navigate", 200)]
)
def test_a_strangers_page_may_link_here_and_no_more(proxy: str, place: str, mode: str, code: int) -> None:
    """A browser that knows the password sends it along, whoever made it ask."""
    assert ask(proxy + place, PASSWORD, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode)[0] == code


def test_it_speaks_tls_only(proxy: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(proxy.replace("https", "http"), timeout=10)
