"""n8n's HTTP Request node, as far as a server can see it: the same headers, bodies and habits, over real HTTP.

Recorded from n8n 2.41 (node versions 4.2 and 4.5): header names that a user sets go out in lower case, every request
has a connection of its own, HTML is among what is accepted, and nothing says which character set a body has.
"""

import gzip
import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

ACCEPT = ("application/json,text/html,application/xhtml+xml,application/xml,"
          "text/*;q=0.9, image/*;q=0.8, */*;q=0.7")


@dataclass(frozen=True)
class Answer:
    """What came back; ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """The body as n8n reads it. It parses nothing that is not called application/json."""
        kind = self.headers.get("content-type", "").partition(";")[0]
        assert kind == "application/json", f"{self.status} {kind}: {self.text[:200]}"
        return json.loads(self.text)


@dataclass(frozen=True)
class Node:
    """One HTTP Request node with its Bearer Auth credential; ``token=None`` is a node without one."""

    url: str
    token: str | None

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """``path`` may be an absolute address too, as the next page's is."""
        return self.send("GET", path, query=query)

    def post(self, path: str, item: Any = None, *, key: str | None = None,
             query: Mapping[str, Any] | None = None) -> Answer:
        """Send the item as JSON, or no body at all where there is none."""
        if item is None:
            return self.send("POST", path, key=key, query=query)
        return self.send("POST", path, json.dumps(item).encode(), "application/json", key=key, query=query)

    def send(self, method: str, path: str, body: bytes | None = None, content_type: str | None = None, *,
             key: str | None = None, query: Mapping[str, Any] | None = None) -> Answer:
        address = urlsplit(path if "://" in path else self.url + path)
        target = address.path + "?" * bool(address.query or query) + address.query + serialised(query or {})
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in (("Accept", ACCEPT), ("Content-Type", content_type), ("idempotency-key", key),
                                ("Authorization", self.token and f"Bearer {self.token}"), ("User-Agent", "n8n"),
                                ("Content-Length", None if method == "GET" else str(len(body or b""))),
                                ("Accept-Encoding", "gzip, compress, deflate, br"), ("Connection", "close")):
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            packed = response.read()
        finally:
            connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        text = (gzip.decompress(packed) if headers.get("content-encoding") == "gzip" else packed).decode()
        return Answer(response.status, headers, text)

    def all_at_once(self, items: Sequence[Any], request: Callable[[Any], Answer]) -> list[Answer]:
        """``request`` for every item, all in flight together, as the node does unless Batching is set."""
        with ThreadPoolExecutor(len(items)) as threads:
            return list(threads.map(request, items))

    def all_pages(self, path: str, query: Mapping[str, Any]) -> list[Answer]:
        """Pagination: Response Contains Next URL ``{{ $response.body.next }}``, complete when there is none."""
        pages = [self.get(path, query)]
        while pages[-1].status == 200 and (following := pages[-1].body["next"]):
            assert len(pages) < 50, "the pages do not end"
            pages.append(self.get(following))
        return pages


def serialised(query: Mapping[str, Any]) -> str:
    """Query parameters as the node writes them: lists with indices, null and nothing as an empty value."""
    pairs = []
    for name, value in query.items():
        if isinstance(value, list):
            pairs += [(f"{name}[{place}]", each) for place, each in enumerate(value)]
        else:
            pairs.append((name, "" if value is None else value))
    return "&".join(f"{quote(name, safe='[]')}={quote(str(value), safe='')}" for name, value in pairs)
