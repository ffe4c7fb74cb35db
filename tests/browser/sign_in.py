"""An identity provider on this machine, and an app on a team's own database whose people sign in with it."""

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from playwright.sync_api import Locator, Page, expect

from tests.browser.app import App
from tests.browser.desk import TIMEOUT


class Provider:
    """Tells any claims about anybody. Whoever signs in types the name, and the provider asks for no password."""

    def __init__(self, url: str) -> None:
        self.url = url

    def knows(self, who: str, **claims: object) -> None:
        asked = urllib.request.Request(f"{self.url}/users/{who}", json.dumps(claims).encode(), method="PUT",
                                       headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=10):
            pass


@contextmanager
def provider(**options: object) -> Iterator[Provider]:
    # Here, where its warnings are those of the test that uses it: it needs what its own library has replaced.
    import oidc_provider_mock

    with oidc_provider_mock.run_server_in_thread(**options) as server:
        yield Provider(f"http://localhost:{server.server_port}")


def secrets(folder: Path, app: App, identity: Provider, **named: Provider) -> str:
    """The settings file of an app whose people sign in with this provider, or with those that are named; its path."""
    file = folder / "secrets.toml"
    file.write_text(f"""
[auth]
redirect_uri = "{app.url}/oauth2callback"
cookie_secret = "{'not a secret, as this is a test ' * 2}"
client_id = "lead-desk"
client_secret = "not a secret"
server_metadata_url = "{identity.url}/.well-known/openid-configuration"
""" + "".join(f"""
[auth.{name}]
client_id = "lead-desk"
client_secret = "not a secret"
server_metadata_url = "{each.url}/.well-known/openid-configuration"
""" for name, each in named.items()))
    return str(file)


class SignInPage:
    """What somebody sees who is not let in, and the way in and out."""

    def __init__(self, page: Page, app: App) -> None:
        self.page, self.app = page, app
        page.set_default_timeout(TIMEOUT)

    def open(self, path: str = "") -> Self:
        self.page.goto(f"{self.app.url}/{path}")
        return self.settled()

    def settled(self) -> Self:
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        return self

    def sign_in(self, name: str, button: str = "Sign in") -> Self:
        """From the page that asks for it, through the provider's own page, and back."""
        self.page.get_by_role("button", name=button, exact=True).click()
        self.page.locator("input[name=sub]").fill(name)
        self.page.get_by_role("button", name="Authorize").click()
        return self.settled()

    def sign_out(self) -> Self:
        self.menu().click()
        self.page.get_by_role("button", name="Sign out").click()
        # The provider asks whether the sign-in with itself is to end too.
        self.page.get_by_role("button", name="End session").click()
        return self.settled()

    def menu(self) -> Locator:
        return self.page.locator(".st-key-user_menu button")

    def is_asked_to_sign_in(self, why: str = "Sign in to see your leads.") -> None:
        expect(self.page.get_by_text(why)).to_be_visible()
        expect(self.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        self.shows_nothing()

    def is_refused(self, why: str) -> None:
        expect(self.page.get_by_role("heading", name="No access")).to_be_visible()
        expect(self.page.get_by_text(why)).to_be_visible()
        self.shows_nothing()

    def shows_nothing(self) -> None:
        """No list, no number, no name of a page."""
        for what in ("[data-testid=stDataFrame]", "[data-testid=stMetric]", "[data-testid=stTopNavLink]"):
            expect(self.page.locator(what)).to_have_count(0)


class Proxy:
    """A proxy that says who somebody is: it adds headers to the first request of every connection.

    Everything else is passed on. That is enough for a page, as a browser opens a connection of its own for a
    websocket. ``address`` is where it connects from, any of 127.0.0.0/8.
    """

    def __init__(self, to: int, address: str, **headers: str) -> None:
        self.to, self.address = to, address
        self.headers = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()).encode()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self.listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(
                ("127.0.0.1", self.to), source_address=(self.address, 0)) as server:
            start, _, rest = client.recv(65536).partition(b"\r\n")
            server.sendall(start + b"\r\n" + self.headers + rest)
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            self._pass(client, server)
            back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
