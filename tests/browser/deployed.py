"""What docs/deploy sets up, started from its own files: processes of the app behind nginx, PgBouncer."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from lib.config import ROOT
from tests.browser.app import free_port

DEPLOY = ROOT / "docs" / "deploy"
# nginx needs to be told where it may write; the rest is what Debian's own nginx.conf says.
AROUND = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{ include /etc/nginx/mime.types; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; include {folder}/site.conf; }}
"""


def program(name: str) -> str:
    """Where a program of Debian's is; without it the test is skipped, but not in CI, which installs it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        reason = f"no {name} on this machine; .ci/run installs Debian's"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return path


def adapted(file: Path, changes: dict[str, str]) -> str:
    """The text of a configuration file with what differs on this machine; each of it has to be there."""
    text = file.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{file.name} has no {old!r}"
        text = text.replace(old, new)
    return text


class Nginx:
    """docs/deploy/nginx.conf with a certificate of its own, in front of two processes on these ports."""

    def __init__(self, folder: Path, port: int, ports: Sequence[int], path: str = "") -> None:
        self.program = program("nginx")
        self.folder, self.port, self.plain_port = folder, port, free_port()
        self.url = f"https://localhost:{port}{path}"
        self.context = ssl.create_default_context()
        folder.mkdir()
        subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "privkey.pem",
                        "-out", folder / "fullchain.pem"], check=True, capture_output=True)
        self.context.load_verify_locations(folder / "fullchain.pem")
        (folder / "site.conf").write_text(adapted(DEPLOY / "nginx.conf", {
            "127.0.0.1:8501": f"127.0.0.1:{ports[0]}", "127.0.0.1:8502": f"127.0.0.1:{ports[1]}",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};", "listen 443 ": f"listen 127.0.0.1:{port} ",
            # As docs/deploy.md says for a Lead Desk below a path.
            "        proxy_pass http://lead_desk;": f"        rewrite ^{path}(/.*)$ $1 break;\n"
                                                    "        proxy_pass http://lead_desk;",
            "leads.example.com": "localhost", "/etc/ssl/lead-desk": str(folder),
            "/var/log/nginx/lead-desk.log": f"{folder}/access.log"}))
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        self.process = subprocess.Popen([self.program, "-c", folder / "nginx.conf", "-e", folder / "error.log"],
                                        stderr=subprocess.PIPE)
        wait_for_port(self.port, self.process)

    def processes(self) -> list[str]:
        """The process that each answered request went to in the end, in the order of the answers."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return [json.loads(line)["process"].split(", ")[-1] for line in lines]

    def paths(self) -> list[str]:
        return [json.loads(line)["path"] for line in (self.folder / "access.log").read_text().splitlines()]

    def line_of(self, request_id: str) -> dict:
        """What nginx logged of a request. It does so a moment after it has answered."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for line in (self.folder / "access.log").read_text().splitlines():
                if (found := json.loads(line))["request_id"] == request_id:
                    return found
            time.sleep(0.05)
        raise AssertionError(f"nginx logged no request {request_id}")

    def ask(self, path: str, *, method: str = "GET", body: object = None, timeout: float = 30,
            **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers with their names in small letters, and body."""
        data = None if body is None else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data, given | ({"Content-Type": "application/json"} if data
                                                                        else {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.context) as answer:
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stderr.close()


class PgBouncer:
    """docs/deploy/pgbouncer.ini in front of the embedded server, which trusts whoever reaches its socket."""

    def __init__(self, folder: Path, sockets: str, user: str = "postgres",
                 database: str = "lead_desk") -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"postgresql://{user}@127.0.0.1:{self.port}/{database}"
        folder.mkdir()
        (folder / "userlist.txt").write_text(f'"{user}" ""\n')
        (folder / "pgbouncer.ini").write_text(adapted(DEPLOY / "pgbouncer.ini", {
            "lead_desk = host=127.0.0.1 port=5432 dbname=lead_desk":
                f"{database} = host={sockets} port=5432 dbname={database}",
            "listen_port = 6432": f"listen_port = {self.port}",
            "scram-sha-256": "trust", "/etc/pgbouncer/userlist.txt": f"{folder}/userlist.txt",
            "/var/log/postgresql/pgbouncer.log": f"{folder}/pgbouncer.log",
            "/var/run/postgresql/pgbouncer.pid": f"{folder}/pgbouncer.pid",
            # Few enough that two who ask at once share connections, which is what it is for.
            "default_pool_size = 20": "default_pool_size = 2"}))
        command = [program("pgbouncer"), folder / "pgbouncer.ini"]
        # It refuses to run as root, and the socket belongs to the user of the server.
        as_user = {}
        if os.geteuid() == 0:
            owner = Path(sockets).stat()
            as_user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
            for path in (folder, *folder.iterdir()):
                os.chown(path, owner.st_uid, owner.st_gid)
            for parent in folder.parents:
                if parent.stat().st_uid == 0 and parent != Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o111)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)
        wait_for_port(self.port, self.process)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


def wait_for_port(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.stderr.read().decode() if process.stderr else ""
            raise AssertionError(f"{process.args[0]} ended with status {process.returncode}: {said}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.args[0]} does not answer on port {port}")
