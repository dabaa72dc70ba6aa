"""A server of large images over TLS, a process of its own: ``python -m benchmarks.files CERT KEY FOLDER``."""

from __future__ import annotations

import functools
import ssl
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def copyfile(self, source: object, outputfile: object) -> None:
        while block := source.read(1 << 20):  # type: ignore[attr-defined]
            outputfile.write(block)  # type: ignore[attr-defined]

    def log_message(self, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    certificate, key, folder = sys.argv[1:]
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
