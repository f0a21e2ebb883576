"""A client for the few requests that are needed: bounded, patient, and close with its token."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx2

from nuketown_daemon import __version__
from nuketown_daemon.errors import IdentityError
from nuketown_daemon.identity.answer import Answer, refusal, wait_told
from nuketown_daemon.identity.errors import ClockWrong, GitHubUnavailable, Untrusted
from nuketown_daemon.identity.token import Token

SKEW = timedelta(minutes=5)
"""How far the clocks may be apart."""

_REQUEST_TIMEOUT_S = 30.0
_REQUEST_AT_LEAST_S = 1.0
_BODY_LIMIT = 16 * 1024 * 1024
_PAGES = 100
_BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0)
# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL.
_CLOCK_CODES = frozenset({9, 10})


class GitHub:
    """An account's API; use as an async context manager.

    :param api_url: for example ``https://api.github.com``
    :param patience_s: how long to wait and retry in all, in seconds
    """

    def __init__(self, api_url: str, token: Token, *, patience_s: float) -> None:
        self._api_url = httpx2.URL(api_url)
        self._token = token
        self._deadline = time.monotonic() + patience_s
        self._client = httpx2.AsyncClient(
            timeout=_REQUEST_TIMEOUT_S,
            follow_redirects=False,
            # Without TLS (loopback) a proxy would be shown the token.
            trust_env=self._api_url.scheme == "https",
        )
        self.skew: timedelta | None = None
        """Our clock less GitHub's, once it answered."""

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    @property
    def patient(self) -> bool:
        """Is there time left to wait?"""
        return time.monotonic() < self._deadline

    async def get(self, path: str) -> Answer:
        """Fetch ``path``; like all requests, repeated while GitHub is away or says to wait.

        :raises GitHubUnavailable: not answered within the client's patience
        :raises TokenRefused: the token is not accepted, or may not do this
        :raises NotThere: 404
        :raises Rejected: 422
        """
        return await self._request("GET", self._url(path), path)

    async def post(self, path: str, body: dict[str, str]) -> Answer:
        """Add to a collection; errors as of :meth:`get`."""
        return await self._request("POST", self._url(path), path, body)

    async def delete(self, path: str) -> Answer:
        """Delete; errors as of :meth:`get`."""
        return await self._request("DELETE", self._url(path), path)

    async def items(self, path: str) -> list[dict[str, Any]]:
        """All items of a collection, page by page.

        :raises IdentityError: a page is elsewhere, or no list; else as of :meth:`get`

        REST API: "Using pagination in the REST API" (Link, rel="next").
        """
        items: list[dict[str, Any]] = []
        url = self._url(path).copy_with(params={"per_page": "100"})
        for _ in range(_PAGES):
            answer = await self._request("GET", url, path)
            if not isinstance(answer.body, list):
                raise IdentityError(
                    f"{path} is no list: {self._api_url} does not speak GitHub's API: correct "
                    "api_url in identity.toml."
                )
            items += [item for item in answer.body if isinstance(item, dict)]
            following = self._next(answer)
            if following is None:
                return items
            url = following
        raise IdentityError(f"{path} has more than {_PAGES} pages: delete old keys by hand.")

    def _url(self, path: str) -> httpx2.URL:
        return self._api_url.copy_with(path=self._api_url.path.rstrip("/") + path)

    def _next(self, answer: Answer) -> httpx2.URL | None:
        link = httpx2.Response(200, headers={"link": answer.headers.get("link", "")}).links
        if "next" not in link:
            return None
        try:
            url = self._api_url.join(link["next"].get("url", ""))
        except httpx2.InvalidURL:
            url = None
        # The token goes nowhere else.
        if url is None or _origin(url) != _origin(self._api_url):
            raise IdentityError(
                f"{answer.path}: the next page is said to be elsewhere than at "
                f"{self._api_url.host}: correct api_url in identity.toml."
            )
        return url

    async def _request(
        self, method: str, url: httpx2.URL, path: str, body: dict[str, str] | None = None
    ) -> Answer:
        attempt = 0
        while True:
            error: IdentityError
            try:
                answer = await self._once(method, url, path, body)
            except (ClockWrong, Untrusted):
                raise  # no better in a minute
            except GitHubUnavailable as exc:
                error, wait_s = exc, 0.0
            else:
                if answer.status < 300:
                    return answer
                error = refusal(
                    answer, token_place=self._token.place, fine_grained=self._token.fine_grained
                )
                told = wait_told(answer)
                if told is None:
                    raise error
                wait_s = told
            backoff = _BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)]
            # Not all agents at the same moment.
            wait_s = max(wait_s, backoff * random.uniform(0.5, 1.0))  # noqa: S311
            if time.monotonic() + wait_s > self._deadline:
                raise error
            await asyncio.sleep(wait_s)
            attempt += 1

    async def _once(
        self, method: str, url: httpx2.URL, path: str, body: dict[str, str] | None
    ) -> Answer:
        patience_s = max(self._deadline - time.monotonic(), _REQUEST_AT_LEAST_S)
        try:
            # The library bounds each read; a slow answer can consist of many.
            async with (
                asyncio.timeout(min(_REQUEST_TIMEOUT_S, patience_s)),
                self._client.stream(method, url, headers=self._headers(), json=body) as response,
            ):
                content = await _bounded(response)
        except (httpx2.TransportError, TimeoutError) as exc:
            raise self._unreachable(exc) from exc
        except httpx2.DecodingError as exc:
            raise IdentityError(f"{path}: the answer can't be read: {exc}.") from exc
        answer = self._answer(method, path, response, content)
        if answer.date is not None:
            self.skew = datetime.now(UTC) - answer.date
        return answer

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": self._token.header,
            "User-Agent": f"nuketown-identity/{__version__}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def _answer(self, method: str, path: str, response: httpx2.Response, content: bytes) -> Answer:
        # A proxy may echo the request: whatever came back is freed of the token before it is used.
        text = self._token.hide(content.decode(errors="replace"))
        headers = {name: self._token.hide(value) for name, value in response.headers.items()}
        try:
            parsed = json.loads(text) if text else None
        except ValueError as exc:
            if response.status_code < 300:
                raise IdentityError(
                    f"{self._api_url} does not speak GitHub's API (no JSON): correct api_url in "
                    "identity.toml."
                ) from exc
            parsed = None
        return Answer(method, path, response.status_code, headers, parsed)

    def _unreachable(self, error: Exception) -> GitHubUnavailable:
        host = self._api_url.host
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            reason = "it took too long" if not str(error) else str(error)
            return GitHubUnavailable(
                f"{host} can't be reached ({self._token.hide(reason)}): check the network."
            )
        if cause.verify_code in _CLOCK_CODES:
            now = datetime.now(UTC)
            return ClockWrong(
                f"the certificate of {host} is not valid at this machine's time, {now:%F %R} UTC: "
                "set the clock (timedatectl), or renew the certificate."
            )
        return Untrusted(
            f"the certificate of {host} is not trusted here ({cause.verify_message}): install its "
            "authority's certificate (or name it in SSL_CERT_FILE)."
        )


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _bounded(response: httpx2.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _BODY_LIMIT:
            raise IdentityError(f"an answer is larger than {_BODY_LIMIT} bytes: is api_url right?")
    return bytes(content)


__all__ = ["SKEW", "GitHub"]
