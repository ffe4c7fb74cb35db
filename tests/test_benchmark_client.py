"""What the benchmarks ask with reads answers whole, however they arrive, and takes no refusal for an answer."""

import socket
import threading
from contextlib import closing

import pytest

from benchmarks.client import Client


@pytest.fixture
def answering():
    """A client of a server that answers its only request with these pieces, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def make(*pieces: bytes) -> Client:
        def answer() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                connection.recv(65_536)
                for piece in pieces:
                    connection.sendall(piece)

        threading.Thread(target=answer, daemon=True).start()
        return Client(listener.getsockname()[1])

    with closing(listener):
        yield make


@pytest.mark.parametrize("pieces", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nrows",),
    (b"HTTP/1.1 201 Created\r\ncontent-", b"length: 4\r\n\r", b"\nro", b"ws")])
def test_an_answer_is_read_to_its_end(answering, pieces):
    assert answering(*pieces)("GET", "/leads") == b"rows"


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\nrows", b"HTTP/1.1 200 OK\r\n\r\nrows"])
def test_a_refusal_and_an_answer_of_unknown_length_stop_the_benchmark(answering, answer):
    with pytest.raises(AssertionError, match="GET /leads"):
        answering(answer)("GET", "/leads")


def test_a_connection_that_ends_early_is_no_answer(answering):
    with pytest.raises(OSError):
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nrows")("GET", "/leads")
