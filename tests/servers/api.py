"""A small HTTP server that lists models as OpenAI-compatible servers do, or fails as told."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def listed(*names, **more):
    """A list of models, as a server writes it."""
    data = [{"id": name, "object": "model", **more} for name in names]
    return json.dumps({"object": "list", "data": data}).encode()


class Api:
    """Answers GET /v1/models.

    Args:
        body: What it says.
        status: The status of its answer.
        key: The key that it wants.
        location: Where it redirects to.
    """

    def __init__(self, body=b"", *, status=200, key=None, location=None):
        self.body = body
        self.status = status
        self.key = key
        self.location = location
        self.drip_s = 0.0
        """Seconds between the bytes of an answer that never ends; 0 sends `body`."""
        self.seen = []
        """Paths and keys that came."""
        self.stop = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                # Whoever has enough hangs up.
                with contextlib.suppress(ConnectionError):
                    api.answer(self)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def origin(self):
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def keys(self):
        return [key for _, key in self.seen]

    def answer(self, request):
        given = request.headers.get("authorization")
        self.seen.append((request.path, given))
        refused = self.key is not None and given != f"Bearer {self.key}"
        request.send_response(401 if refused else self.status)
        if self.location is not None:
            request.send_header("location", self.location)
        body = b"{}" if refused else self.body
        if not self.drip_s:
            request.send_header("content-length", str(len(body)))
        request.end_headers()
        if self.drip_s:
            while not self.stop.is_set():
                request.wfile.write(b" ")
                time.sleep(self.drip_s)
        request.wfile.write(body)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
