"""What every measurement needs: certificates for 127.0.0.1, the gateway's process, and a way to ask it."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import ipaddress
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Loopback:
    """A gateway that runs: where it is, and the certificate to trust."""

    port: int
    ca: str
    pid: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def control(self, what: str = "", **values: Any) -> dict[str, Any]:
        """Ask for the counts, ``reset`` them, or ``set`` some."""
        context = ssl.create_default_context(cafile=self.ca)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=60)
        connection.request("POST", f"/control/{what}" if what else "/control", body=json.dumps(values))
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return answer


def certificates(folder: Path) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1, and its key; made once for a folder."""
    if (folder / "key.pem").exists():
        return str(folder / "cert.pem"), str(folder / "key.pem")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(cert_path), str(key_path)


@contextlib.contextmanager
def gateway(folder: Path, *, delay: float = 0.04) -> Iterator[Loopback]:
    """The gateway, in a process of its own, for as long as the block runs."""
    certificate, key = certificates(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gateway",
         "--certificate", certificate, "--key", key, "--delay", str(delay)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield Loopback(int(process.stdout.readline()), certificate, process.pid)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
