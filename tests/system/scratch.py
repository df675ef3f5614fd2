"""A scratch posternd and postern-gateway in a folder of their own, the admin socket, and postern-load. Shared by the system tests."""
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import time

BIN = pathlib.Path(os.environ.get("POSTERN_BINARY_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/dev")) / "bin"
SANITIZED = bool(os.environ.get("POSTERN_SANITIZE"))
PASSWORD = "Passw0rd.1"
NEGOTIATE = "TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw=="  # 40 bytes, as Windows sends it
START_SECONDS = 30
STOP_SECONDS = 40


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def resident_kb(pid: int) -> int:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Daemon:
    """One program of ours: started, found ready, stopped or killed by its pid."""

    def __init__(self, name: str, config: pathlib.Path, log: pathlib.Path):
        self.name, self.config, self.log = name, config, log
        self.process = None

    def start(self) -> None:
        reader, writer = os.pipe()
        environment = dict(os.environ)
        # Freed memory is kept for a moment only, so that the resident set says something under ASan as well.
        environment["ASAN_OPTIONS"] = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:abort_on_error=0"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BIN / self.name, "--config", self.config, "--ready-fd", str(writer)], pass_fds=[writer],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        os.close(writer)
        os.set_blocking(reader, False)
        deadline = time.monotonic() + START_SECONDS
        try:
            while time.monotonic() < deadline:
                try:
                    if os.read(reader, 1):
                        return
                    break  # closed without a word
                except BlockingIOError:
                    time.sleep(0.01)
        finally:
            os.close(reader)
        self.kill()
        raise AssertionError(f"{self.name} did not become ready:\n{self.log.read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; its exit status. LeakSanitizer speaks here."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop in {STOP_SECONDS} s")

    def discard(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


class Refused(Exception):
    """The authority said no; the text is its error."""


class Admin:
    """The admin socket: u32 length, JSON, both ways."""

    def __init__(self, path: pathlib.Path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))

    def close(self) -> None:
        self.socket.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the authority closed the connection")
            data += piece
        return data

    def ask(self, op: str, **members) -> dict:
        request = json.dumps({"op": op, **members}).encode()
        self.socket.sendall(struct.pack("<I", len(request)) + request)
        answer = json.loads(self._exactly(struct.unpack("<I", self._exactly(4))[0]))
        if "error" in answer:
            raise Refused(answer["error"]["message"])
        return answer["ok"]


class House:
    """posternd and postern-gateway with domain LAB and account alice."""

    def __init__(self, gateway_end: str = "", policy: str | None = None):
        """`gateway_end` is added to the gateway's configuration; `policy`, if any, is the text of the policy file."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.policy_file = self.folder / "policy.toml"
        for name in ("state", "key", "run", "log", "tls"):
            (self.folder / name).mkdir(mode=0o700)
        self.http, self.https = free_port(), free_port()
        if policy is not None:
            self.policy_file.write_text(policy)
        policy_line = "" if policy is None else f'policy_file = "{self.policy_file}"'
        (self.folder / "posternd.toml").write_text(f"""
{policy_line}
state_directory = "{self.folder}/state"
key_file = "{self.folder}/key/posternd.key"
socket = "{self.folder}/run/authority.sock"
admin_socket = "{self.folder}/run/admin.sock"
event_log = "{self.folder}/log/events.jsonl"
[lockout]
threshold = 0
[[service]]
name = "gateway"
kind = "http"
[[peer]]
name = "gateway"
services = ["gateway"]
""")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.folder / "tls/key.pem", "-out", self.folder / "tls/crt.pem"],
                       check=True, capture_output=True, umask=0o077)
        (self.folder / "gateway.toml").write_text(f"""
[[listen]]
address = "127.0.0.1:{self.http}"
[[listen]]
address = "127.0.0.1:{self.https}"
tls = true
[[tls.certificate]]
file = "{self.folder}/tls/crt.pem"
key = "{self.folder}/tls/key.pem"
[authority]
socket = "{self.folder}/run/authority.sock"
service = "gateway"
{gateway_end}
""")
        self.posternd = Daemon("posternd", self.folder / "posternd.toml", self.folder / "log/posternd.log")
        self.gateway = Daemon("postern-gateway", self.folder / "gateway.toml", self.folder / "log/gateway.log")

    def __enter__(self):
        try:
            self.posternd.start()
            admin = self.admin()
            admin.ask("domain.add", name="LAB", dns="lab.test")
            admin.ask("account.add", account="LAB\\alice", password=PASSWORD)
            admin.close()
            self.gateway.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.gateway.discard()
        self.posternd.discard()
        shutil.rmtree(self.folder)

    def admin(self) -> Admin:
        return Admin(self.folder / "run/admin.sock")

    def stop(self) -> None:
        """Both stop cleanly, and leave no memory behind (under ASan)."""
        for daemon in (self.gateway, self.posternd):
            status = daemon.stop()
            if status != 0:
                raise AssertionError(f"{daemon.name} ended with {status}:\n{daemon.log.read_text()[-3000:]}")

    def wait_until_connected(self) -> None:
        """Until logons on many connections succeed: each thread of the gateway comes back to the authority by itself."""
        deadline = time.monotonic() + 20
        while (result := self.load(connections=32, seconds=0))["failures"] > 0 or result["logons"] == 0:
            if time.monotonic() > deadline:
                raise AssertionError("the gateway does not come back to the authority")
            time.sleep(0.1)

    def start_load(self, tls: bool = False, **options) -> subprocess.Popen:
        return start_load(self.https if tls else self.http, tls, **options)

    def load(self, **options) -> dict:
        return finish_load(self.start_load(**options))

    def rows(self, query: str) -> list[tuple]:
        """A query on the database as it lies on disk."""
        connection = sqlite3.connect(self.folder / "state/postern.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def start_load(port: int, tls: bool = False, user: str = "LAB\\alice", password: str = PASSWORD, **options) -> subprocess.Popen:
    """postern-load with each option as --option VALUE, once for each value of a list."""
    command = [BIN / "postern-load", "--port", str(port), "--user", user]
    if tls:
        command.append("--tls")
    for name, values in options.items():
        for value in values if isinstance(values, list) else [values]:
            command += ["--" + name.replace("_", "-"), str(value)]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    load.stdin.write(password + "\n")
    load.stdin.close()
    return load


def finish_load(load: subprocess.Popen) -> dict:
    with load.stdout:
        text = load.stdout.read()
    load.wait()
    return json.loads(text)


def run_load(port: int, **options) -> dict:
    return finish_load(start_load(port, **options))
