"""Servers of raw sockets on this machine: they do to a connection what a test says, byte by byte."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Heard:
    """A request that arrived whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Gone(Exception):
    """The peer closed the connection."""


@dataclass
class Peer:
    """One connection, as a handler sees it."""

    socket: socket.socket
    number: int
    stopping: threading.Event

    def answer(self, value: Any = None, status: int = 200, *, keep: bool = True, **headers: str) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        lines = [
            f"HTTP/1.1 {status} Reason",
            f"content-length: {len(body)}",
            "content-type: application/json",
        ]
        lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        lines += [] if keep else ["connection: close"]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if not keep:
            raise Gone

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def close(self) -> None:
        raise Gone

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def hang(self) -> None:
        """Say nothing until the other side leaves or the test ends."""
        self.socket.settimeout(0.01)
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.socket.recv(1):
                    break
        raise Gone

    def drip(self, data: bytes, seconds: float) -> None:
        """One byte every so often."""
        for i in range(len(data)):
            self.socket.sendall(data[i : i + 1])
            if self.stopping.wait(seconds):
                raise Gone


Handler = Callable[[Peer, Heard], None]


@dataclass
class RawServer:
    """Reads requests and lets ``handler`` do what it wants; counts connections and requests.

    ``on_connect`` is called before anything is read.
    """

    handler: Handler
    on_connect: Callable[[Peer], None] | None = None
    tls: ssl.SSLContext | None = None
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    defects: list[Exception] = field(default_factory=list)

    def __enter__(self) -> RawServer:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()
        if self.defects:
            raise self.defects[0]

    def _start(self, run: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open += 1
            self._start(self._serve, connection, self.connections)

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            if self.tls is not None:
                connection.settimeout(5)
                connection = self.tls.wrap_socket(connection, server_side=True)
            peer = Peer(connection, number, self._stopping)
            if self.on_connect is not None:
                self.on_connect(peer)
            for heard in read_requests(connection, number, self._stopping):
                self.heard.append(heard)
                self.handler(peer, heard)
                if heard.headers.get("connection") == "close":
                    raise Gone
        except (Gone, OSError):
            pass
        except Exception as e:  # a defect of a test's handler must not pass for a broken connection
            self.defects.append(e)
        finally:
            connection.close()
            self.open -= 1


def read_requests(connection: socket.socket, number: int, stopping: threading.Event) -> Iterator[Heard]:
    """The requests of one connection, as long as it lives."""
    data = b""
    connection.settimeout(0.01)

    def more() -> bytes:
        while not stopping.is_set():
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                break
            return piece
        raise Gone

    while True:
        while b"\r\n\r\n" not in data:
            data += more()
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(data) < length:
            data += more()
        yield Heard(method, target, headers, data[:length], number)
        data = data[length:]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Proxy(RawServer):
    """An HTTP proxy that forwards: CONNECT tunnels and requests in absolute form.

    ``refuse``: the status with which it refuses everything.
    """

    def __init__(self, refuse: int | None = None) -> None:
        super().__init__(self._forward)
        self.refuse = refuse

    def _forward(self, peer: Peer, heard: Heard) -> None:
        if self.refuse is not None:
            peer.answer(b"no", self.refuse, keep=False)
        if heard.method == "CONNECT":
            host, _, port = heard.target.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=5) as upstream:
                peer.raw(b"HTTP/1.1 200 Connected\r\n\r\n")
                self._pump(peer, upstream)
        else:
            scheme, _, rest = heard.target.partition("://")
            assert scheme == "http"
            netloc, _, path = rest.partition("/")
            host, _, port = netloc.partition(":")
            with socket.create_connection((host, int(port)), timeout=5) as upstream:
                drop = ("proxy-authorization", "proxy-connection", "connection")
                lines = [f"{k}: {v}" for k, v in heard.headers.items() if k not in drop]
                head = "\r\n".join([f"{heard.method} /{path} HTTP/1.1", *lines, "connection: close"])
                upstream.sendall(head.encode() + b"\r\n\r\n" + heard.body)
                while piece := upstream.recv(65536):
                    peer.raw(piece)
        raise Gone

    def _pump(self, peer: Peer, upstream: socket.socket) -> None:
        def back() -> None:
            with contextlib.suppress(OSError):
                while piece := upstream.recv(65536):
                    peer.raw(piece)
                peer.socket.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        peer.socket.settimeout(0.01)
        while not peer.stopping.is_set():
            try:
                piece = peer.socket.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            if not piece:
                break
            upstream.sendall(piece)
        with contextlib.suppress(OSError):
            upstream.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def certificate(folder: Path, *, days: tuple[int, int] = (-1, 1)) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, valid between these days from now, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_path, key_path
