"""A way to the database that counts how often somebody has to wait for an answer, and can be made a long one."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Way:
    """``trips`` is how often the server has said that it is ready for more, as it does whenever it was waited for; each
    takes ``seconds`` longer. ``messages`` is how many came to the server, each with all that was sent at once."""

    def __init__(self, server: str) -> None:
        self.trips, self.messages, self.seconds = 0, 0, 0.0
        self._to = conninfo_to_dict(server)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._door]
        # In the clear, as what the server says is read here.
        self.address = make_conninfo(server, host="127.0.0.1", port=self._door.getsockname()[1], sslmode="disable",
                                     gssencmode="disable")
        threading.Thread(target=self._answer, daemon=True).start()

    def close(self) -> None:
        for each in self._open:
            # A thread that reads from it wakes up by that alone.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _answer(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                far = self._server()
                self._open += [near, far]
                threading.Thread(target=self._carry, args=(near, far, self._note), daemon=True).start()
                threading.Thread(target=self._carry, args=(far, near, self._hear), daemon=True).start()

    def _server(self) -> socket.socket:
        host, port = self._to.get("host") or "localhost", self._to.get("port") or "5432"
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _carry(self, one: socket.socket, other: socket.socket, hear: Callable[[bytes], bytes] | None = None) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while said := one.recv(65_536):
                if hear:
                    rest = hear(rest + said)
                other.sendall(said)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def _note(self, said: bytes) -> bytes:
        self.messages += 1
        return b""

    def _hear(self, said: bytes) -> bytes:
        """Count what is whole of the server's messages, each a letter and a length that counts itself; what is left."""
        while len(said) >= 5 and len(said) >= (end := 1 + int.from_bytes(said[1:5])):
            if said[:1] == b"Z":
                self.trips += 1
                time.sleep(self.seconds)
            said = said[end:]
        return said


@contextlib.contextmanager
def counted(way: Way) -> Iterator[list[int]]:
    """The round trips of the block, as the only entry of a list, once the block is over."""
    before, trips = way.trips, []
    yield trips
    trips.append(way.trips - before)
