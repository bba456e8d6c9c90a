"""A complete server of Palio's job protocol, with nothing but the Python standard library.

    python docs/examples/job_server.py 8188

`make_image` stands for an engine of your own. The protocol is described in docs/http-provider.md.
"""

import json
import struct
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

VERSION = 1
jobs = {}  # by id: {"status", "progress", "image"}; a server that must survive its own restarts keeps this on disk
changed = threading.Condition()
engine = threading.Semaphore(1)  # one image at a time


def make_image(job, report):
    """A PNG with a gradient. `report` tells how far it is, 0..1, and raises Canceled when it is to stop."""
    rows = bytearray()
    for y in range(job["height"]):
        shade = bytes((job["seed"] % 256, 255 * y // job["height"], 120))
        rows += b"\0" + shade * job["width"]
        if y % 64 == 0:
            report(y / job["height"])
    header = struct.pack(">IIBBBBB", job["width"], job["height"], 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    packed = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


class Canceled(Exception):
    """The job was deleted while it ran."""


def run(job_id, job):
    """One job, in a thread of its own."""

    def report(progress):
        if jobs[job_id]["status"] == "canceled":
            raise Canceled
        update(job_id, status="running", progress=progress)

    with engine:
        try:
            report(0.0)
            image = make_image(job, report)
            report(1.0)
            update(job_id, status="succeeded", image=image)
        except Canceled:
            pass
        except Exception as error:
            update(job_id, status="failed", error=str(error))


def update(job_id, **members):
    """Change what is known of a job, and wake the polls that wait for it."""
    with changed:
        jobs[job_id].update(members)
        changed.notify_all()


class Handler(BaseHTTPRequestHandler):
    """The four requests of the protocol."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["version"] != VERSION or body["job"]["images"]:
            return self.send(422, {"reason": "incapable", "detail": "only text becomes an image here"})
        if "forbidden" in body["job"]["prompt"]:
            return self.send(422, {"reason": "refused", "detail": "nobody makes that here"})
        job_id = self.path.removeprefix("/jobs/")
        with changed:  # looked up and taken in one step: the same id twice is one job
            is_new = job_id not in jobs
            if is_new:
                jobs[job_id] = {"status": "queued", "progress": 0.0}
                threading.Thread(target=run, args=(job_id, body["job"]), daemon=True).start()
        self.send(201 if is_new else 200, self.state(job_id))

    def do_GET(self):
        address = urlsplit(self.path)
        job_id, _, part = address.path.removeprefix("/jobs/").partition("/")
        if job_id not in jobs:
            return self.send(404, {"detail": f"there is no job {job_id}"})
        if part == "image":
            return self.send(200, jobs[job_id]["image"])
        wait = min(float(parse_qs(address.query).get("wait", ["0"])[0]), 60)
        with changed:
            before = self.state(job_id)
            if before["status"] in ("queued", "running"):
                changed.wait_for(lambda: self.state(job_id) != before, wait)
        self.send(200, self.state(job_id))

    def do_DELETE(self):
        job_id = self.path.removeprefix("/jobs/")
        if job_id not in jobs:
            return self.send(404, {"detail": f"there is no job {job_id}"})
        if jobs[job_id]["status"] in ("queued", "running"):
            update(job_id, status="canceled")
        self.send(204, b"")

    def state(self, job_id):
        return {name: value for name, value in jobs[job_id].items() if name != "image"}

    def send(self, status, content):
        is_image = isinstance(content, bytes)
        body = content if is_image else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "image/png" if is_image else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8188), Handler)
    print(f"The job protocol is spoken at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
