"""A local server that speaks the part of GitHub's REST API that agents' keys need.

Written from docs.github.com/rest: users/keys, users/gpg-keys, users/ssh-signing-keys, meta/meta,
using-the-rest-api/{using-pagination-in-the-rest-api,rate-limits-for-the-rest-api,
troubleshooting-the-rest-api}, and "Scopes for OAuth apps". Loopback only.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

COLLECTIONS = {
    "/user/keys": ("public_key", "git_ssh_keys"),
    "/user/gpg_keys": ("gpg_key", "gpg_keys"),
    "/user/ssh_signing_keys": ("ssh_signing_key", "git_signing_ssh_public_keys"),
}
CLASSIC = frozenset({"repo", "admin:public_key", "admin:gpg_key", "admin:ssh_signing_key"})


@dataclass
class Account:
    """One account, opened by one token."""

    login: str
    token: str
    scopes: frozenset[str] | None = CLASSIC
    """None: the token is fine-grained."""
    permissions: frozenset[str] = frozenset(permission for _, permission in COLLECTIONS.values())
    verified: frozenset[str] = frozenset({"ada@example.org"})
    expires: str | None = None
    keys: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {path: [] for path in COLLECTIONS}
    )

    def titles(self, path: str) -> list[str]:
        """Titles of the keys in a collection."""
        return [key["name" if path == "/user/gpg_keys" else "title"] for key in self.keys[path]]

    def plant(self, path: str, title: str, mark: str) -> dict[str, Any]:
        """Put in a key as if somebody else had."""
        entry: dict[str, Any] = {"id": next(_ids), "created_at": "2026-01-01T00:00:00Z"}
        if path == "/user/gpg_keys":
            entry |= {"name": title, "key_id": mark, "emails": [], "raw_key": None}
        else:
            entry |= {"title": title, "key": mark}
        self.keys[path].append(entry)
        return entry


@dataclass(frozen=True)
class Reply:
    """A response, sent instead of the usual one or as it."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    at: float


def _count() -> Iterator[int]:
    number = 1000
    while True:
        number += 1
        yield number


_ids = _count()
Rule = Callable[[Seen], Reply | None]


class GitHubServer:
    """The server; a context manager.

    :param prefix: ``/api/v3`` as Enterprise Server has it
    :param tls: certificate and key
    """

    def __init__(self, *, prefix: str = "/api/v3", tls: tuple[str, str] | None = None) -> None:
        self.prefix = prefix
        self.accounts: list[Account] = []
        self.host_keys: list[str] = []
        self.seen: list[Seen] = []
        self.rules: list[Rule] = []
        """Asked before the API itself; the first answer is sent."""
        self.breaks_off: Literal["", "slow", "reset"] = ""
        """Answer a byte at a time, or not at all."""
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.github = self
        self._scheme = "http"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def api_url(self) -> str:
        """For identity.toml."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}{self.prefix}"

    def fail(
        self, status: int, body: Any = None, *, times: int = 10**6, only: str = "", **headers: str
    ) -> None:
        """Answer the next ``times`` requests (whose ``METHOD path`` matches ``only``) like this."""
        left = iter(range(times))
        names = {name.replace("_", "-"): value for name, value in headers.items()}

        def rule(seen: Seen) -> Reply | None:
            if not re.search(only, f"{seen.method} {seen.path}") or next(left, None) is None:
                return None
            return Reply(status, body, names)

        self.rules.append(rule)

    def raw(self, status: int, data: bytes) -> None:
        """Answer every request with these bytes."""
        self.rules.append(lambda _: Reply(status, raw=data))

    @contextmanager
    def stalled(self, number: int, *, after: bool) -> Iterator[threading.Event]:
        """Hold request ``number`` (from 1, counted from now) back; yields when-it-came.

        :param after: let it take effect, and hold only the answer back
        """
        came, go = threading.Event(), threading.Event()
        first = len(self.seen)

        def rule(seen: Seen) -> Reply | None:
            if len(self.seen) - first != number:
                return None
            reply = self.reply(seen, self._body) if after else Reply(500)
            came.set()
            go.wait(60)
            return reply

        self.rules.append(rule)
        try:
            yield came
        finally:
            self.rules.remove(rule)
            go.set()

    _body: bytes = b""

    def answer(self, seen: Seen, body: bytes) -> Reply:
        """What is sent for a request."""
        with self._lock:
            self.seen.append(seen)
            self._body = body
            rules = list(self.rules)
        for rule in rules:
            reply = rule(seen)
            if reply is not None:
                return reply
        return self.reply(seen, body)

    def reply(self, seen: Seen, body: bytes) -> Reply:
        """The API's own answer."""
        if not seen.headers.get("user-agent"):
            return Reply(403, {"message": "Request forbidden by administrative rules."})
        if not seen.path.startswith(f"{self.prefix}/"):
            return Reply(404, {"message": "Not Found"})
        path = seen.path.removeprefix(self.prefix)
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        account = next((one for one in self.accounts if one.token == token), None)
        if account is None:
            return Reply(401, {"message": "Bad credentials", "status": "401"})
        with self._lock:
            reply = self._route(seen, path, account, body)
        headers = dict(reply.headers)
        if account.scopes is not None:
            headers["X-OAuth-Scopes"] = ", ".join(sorted(account.scopes))
        if account.expires is not None:
            headers["GitHub-Authentication-Token-Expiration"] = account.expires
        headers |= {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "4990",
            "X-RateLimit-Reset": str(int(time.time()) + 3600),
        }
        return Reply(reply.status, reply.body, headers)

    def _route(self, seen: Seen, path: str, account: Account, body: bytes) -> Reply:
        if path == "/user" and seen.method == "GET":
            return Reply(200, {"login": account.login, "id": 1})
        if path == "/meta" and seen.method == "GET":
            return Reply(
                200,
                {"verifiable_password_authentication": False, "ssh_keys": self.host_keys},
            )
        collection, _, number = path.rpartition("/") if path[-1].isdigit() else (path, "", "")
        if collection not in COLLECTIONS:
            return Reply(404, {"message": "Not Found"})
        refused = _refused(seen.method, collection, account)
        if refused is not None:
            return refused
        match seen.method, number:
            case "GET", "":
                return self._page(seen, path, account.keys[collection])
            case "POST", "":
                return self._add(collection, account, json.loads(body))
            case "DELETE", _:
                kept = [key for key in account.keys[collection] if str(key["id"]) != number]
                gone = len(kept) < len(account.keys[collection])
                account.keys[collection] = kept
                return Reply(204) if gone else Reply(404, {"message": "Not Found"})
        return Reply(404, {"message": "Not Found"})

    def _page(self, seen: Seen, path: str, keys: list[dict[str, Any]]) -> Reply:
        query = parse_qs(seen.query)
        size = min(int(query.get("per_page", ["30"])[0]), 100)
        page = int(query.get("page", ["1"])[0])
        url = f"{self.api_url}{path}?per_page={size}&page="
        last = max(1, -(-len(keys) // size))
        links = [f'<{url}{page - 1}>; rel="prev"'] if page > 1 else []
        links += [f'<{url}{page + 1}>; rel="next"', f'<{url}{last}>; rel="last"'] * (page < last)
        return Reply(
            200, keys[(page - 1) * size : page * size], {"Link": ", ".join(links)} if links else {}
        )

    def _add(self, path: str, account: Account, wanted: dict[str, Any]) -> Reply:
        if path == "/user/gpg_keys":
            return _add_gpg(account, wanted)
        words = str(wanted.get("key", "")).split()
        if len(words) < 2 or words[0] != "ssh-ed25519" or not _is_base64(words[1]):
            return _invalid(
                "PublicKey",
                "key",
                "key is invalid. You must supply a key in OpenSSH public key format",
            )
        mark = " ".join(words[:2])
        # A key opens one account (or is one repository's deploy key), and signs for one.
        if any(key["key"] == mark for one in self.accounts for key in one.keys[path]):
            return _invalid("PublicKey", "key", "key is already in use")
        return Reply(201, account.plant(path, str(wanted.get("title") or ""), mark))


def _refused(method: str, path: str, account: Account) -> Reply | None:
    scope, permission = COLLECTIONS[path]
    level = {"GET": "read", "POST": "write", "DELETE": "admin"}.get(method, "admin")
    if account.scopes is None:
        if permission in account.permissions:
            return None
        need = f"{permission}={'read' if level == 'read' else 'write'}"
        return Reply(
            403,
            {"message": "Resource not accessible by personal access token", "status": "403"},
            {"X-Accepted-GitHub-Permissions": need},
        )
    levels = ("read", "write", "admin")
    accepted = [f"{one}:{scope}" for one in levels[levels.index(level) :]]
    if account.scopes & set(accepted):
        return None
    return Reply(404, {"message": "Not Found"}, {"X-Accepted-OAuth-Scopes": ", ".join(accepted)})


def _add_gpg(account: Account, wanted: dict[str, Any]) -> Reply:
    armored = str(wanted.get("armored_public_key", ""))
    with tempfile.TemporaryDirectory() as home:
        shown = subprocess.run(
            ["gpg", "--homedir", home, "--batch", "--with-colons", "--show-keys"],
            input=armored, capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
    records = [line.split(":") for line in shown.splitlines()]
    primary = next((record for record in records if record[0] == "pub"), None)
    if primary is None:
        return _invalid("GpgKey", "armored_public_key", "We got an error doing that.")
    if any(key["key_id"] == primary[4] for key in account.keys["/user/gpg_keys"]):
        return _invalid("GpgKey", "key_id", "key_id already exists")
    emails = [re.findall(r"<(.*)>", record[9])[0] for record in records if record[0] == "uid"]
    entry = account.plant("/user/gpg_keys", str(wanted.get("name") or ""), primary[4])
    entry["emails"] = [{"email": email, "verified": email in account.verified} for email in emails]
    entry["raw_key"] = armored
    return Reply(201, entry)


def _invalid(resource: str, name: str, message: str) -> Reply:
    error = {"resource": resource, "code": "custom", "field": name, "message": message}
    return Reply(422, {"message": "Validation Failed", "errors": [error], "status": "422"})


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    github: GitHubServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _do(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        seen = Seen(self.command, parts.path, parts.query, headers, time.monotonic())
        reply = self.server.github.answer(seen, body)
        data = reply.raw
        if data is None:
            data = json.dumps(reply.body).encode() if reply.body is not None else b""
        try:
            self._send(reply, data)
        except OSError:
            self.close_connection = True  # the client was killed

    def _send(self, reply: Reply, data: bytes) -> None:
        fault = self.server.github.breaks_off
        if fault:
            self.close_connection = True
            if fault == "slow":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for byte in data * 1000:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.1)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        if reply.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _do  # noqa: N815  (names of http.server)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
