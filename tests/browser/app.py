"""The app as a process: started, killed and started again, as on somebody's machine."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from lib.config import ROOT


class App:
    """``streamlit run app.py`` on a free port of localhost, with its data in a folder of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder / "data"
        self.log = folder / "app.log"
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
            "LEAD_DESK_DATA": str(self.folder), "STREAMLIT_SERVER_PORT": str(self.port)} | environment
        self.process: subprocess.Popen | None = None

    def launch(self) -> subprocess.Popen:
        with self.log.open("a") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py"], cwd=ROOT,
                                            env=self.environment, stdout=log, stderr=log)
        return self.process

    def start(self) -> None:
        """Launch it and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the app ended with status {self.process.returncode}: {self.log.read_text()}")
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the app did not answer: {self.log.read_text()}")

    def kill(self) -> None:
        """As a crash would: no chance to finish anything."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
