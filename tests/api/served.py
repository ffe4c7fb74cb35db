"""The API as a process of its own, on the test run's database: ``python -m tests.api.served 8690``.

It is served as it is beside the pages, but for the pages, so that several processes start within a second or two.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import uvicorn
from starlette.applications import Starlette

from lib import api, startup
from lib.config import ROOT


class Served:
    """One process on a free port of localhost; ``url`` is where its API is."""

    def __init__(self, database: str, log: Path, **environment: str) -> None:
        self.log = log
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.environment = os.environ | {"DATABASE_URL": database} | environment
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Served":
        with self.log.open("a") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "tests.api.served", str(self.port)], cwd=ROOT,
                                            env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the API ended with status {self.process.returncode}: {self.log.read_text()}")
            try:
                httpx2.get(f"{self.url}/health/live", timeout=1)
            except httpx2.TransportError:
                time.sleep(0.05)
            else:
                return self
        raise AssertionError(f"the API did not answer: {self.log.read_text()}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    startup.start()
    yield
    startup.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    uvicorn.run(Starlette(routes=api.routes(), lifespan=_lifespan), host="127.0.0.1", port=int(sys.argv[1]),
                log_level="warning")
