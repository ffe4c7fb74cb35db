"""A page served by a process of its own, and what that process uses."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lib.config import ROOT

EMAIL_HEADER = "X-Auth-Request-Email"


@dataclass(frozen=True)
class Served:
    """``started`` is how many seconds it took until it answered."""

    name: str
    port: int
    process: int
    started: float

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def processor_seconds(self) -> float:
        """Of all its threads, as Linux tells it; not a number elsewhere."""
        try:
            fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Its resident memory, as Linux tells it; not a number elsewhere."""
        try:
            lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        except OSError:
            return float("nan")
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def served(name: str, script: str, port: int, conninfo: str, **more: str) -> Iterator[Served]:
    """``streamlit run`` of this script with the project's own settings, where people are named by a proxy's header;
    ``more`` is for its environment."""
    environment = os.environ | {
        "DATABASE_URL": conninfo, "TRUSTED_PROXY": "127.0.0.1", "FORWARDED_ALLOW_IPS": "",
        "STREAMLIT_SERVER_TRUSTED_USER_HEADERS": f'{{"{EMAIL_HEADER}": "email"}}', **more}
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)], cwd=ROOT,
                               env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(port):
            if process.poll() is not None:
                raise SystemExit(f"{script} did not start.")
            time.sleep(0.02)
        yield Served(name, port, process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False
