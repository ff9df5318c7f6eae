"""What the scripts of all clients share: the node's ids, the customers, files, and the table's rows."""

import http.server
import json
import os
import struct
import subprocess
import tempfile
import threading
import time
import traceback
import zlib

BASE = os.environ["SDK_BASE"]
PHONE = os.environ["SDK_PHONE"]
WABA = os.environ["SDK_WABA"]
APP = os.environ["SDK_APP"]
APP_SECRET = os.environ["SDK_APP_SECRET"]
TOKEN = os.environ["SDK_TOKEN"]
VERIFY = "bread"
PATIENCE = 20


class Refused(Exception):
    """What a client that has no errors of its own was answered."""


class Customer:
    """A person at the other end, through the binary: what they see is what has arrived."""

    def __init__(self, name):
        self.name = name

    def run(self, *args):
        command = [os.environ["SDK_LACRE"], "--profile", os.path.join(os.environ["SDK_FOLDER"], self.name)]
        command += [*args, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AssertionError(f"lacre {args[0]}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def send(self, *args):
        """Says something to the business."""
        return self.run("send", os.environ["SDK_BUSINESS"], *args)[-1]["id"]

    def read(self, *args):
        """Everything that this person has from the business, oldest first."""
        rows = self.run("read", *args)
        return [row for row in rows if not row["mine"]]

    def finds(self, what, look, *args):
        """The row that fits."""
        return until(what, lambda: next((row for row in self.read(*args) if look(row)), None))


def until(what, look, patience=PATIENCE):
    """Waits until something is there."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: it did not happen in {patience} s")


class Table:
    """One row for each call: what was tried, whether it did what it should."""

    def __init__(self, sdk):
        self.sdk = sdk

    def row(self, call, why):
        print(json.dumps({"sdk": self.sdk, "call": call, "why": why}), flush=True)

    def works(self, call, do):
        """The call works; gives what it gave, or nothing."""
        try:
            given = do()
        except Exception as error:
            if os.environ.get("SDK_TRACE"):
                traceback.print_exc()
            self.row(call, f"{type(error).__name__}: {error}"[:600])
            return None
        self.row(call, None)
        return given

    def refuses(self, call, kind, do, code=None):
        """The call is refused with this error."""
        try:
            given = do()
        except kind as error:
            got = getattr(error, "code", None) or getattr(error, "error_code", None)
            right = code is None or got == code
            self.row(call, None if right else f"code {got}, wanted {code}: {error}")
        except Exception as error:
            if os.environ.get("SDK_TRACE"):
                traceback.print_exc()
            self.row(call, f"wanted {kind.__name__}, got {type(error).__name__}: {error}"[:600])
        else:
            self.row(call, f"wanted {kind.__name__}, and it was taken: {given}"[:600])


def png(side=64):
    """A picture."""
    row = b"\x00" + b"\x40\x90\xc0" * side

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * side)) + chunk(b"IEND", b"")


def note():
    """A second that is heard, as a voice note."""
    with tempfile.TemporaryDirectory() as folder:
        said, made = os.path.join(folder, "said.wav"), os.path.join(folder, "note.opus")
        sound = b"".join(struct.pack("<h", (at % 40 - 20) * 500) for at in range(8_000))
        head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(sound), b"WAVEfmt ", 16, 1, 1, 8_000, 16_000, 2, 16, b"data", len(sound))
        with open(said, "wb") as wav:
            wav.write(head + sound)
        subprocess.run([os.environ["SDK_LACRE"], "voice", "record", made, "--from", said], check=True, capture_output=True)
        with open(made, "rb") as ogg:
            return ogg.read()


# The node looks at the first bytes of a file and at no more: these begin as they say. A voice note is listened to.
FILES = {
    "image/png": png(),
    "image/jpeg": b"\xff\xd8\xff\xe0" + b"\x00\x10JFIF" + bytes(500),
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(200),
    "video/mp4": b"\x00\x00\x00\x18ftypmp42" + bytes(800),
    "audio/mpeg": b"ID3\x04" + bytes(700),
    "audio/ogg": note(),
    "application/pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
    "text/plain": b"rye, wheat, oats\n",
}


def serve(handler):
    """A server on this machine; gives its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class Files(http.server.BaseHTTPRequestHandler):
    """What is sent by link: `/TYPE/SUBTYPE`."""

    def do_GET(self):
        kind = self.path.strip("/").split(".")[0]
        body = FILES.get(kind, b"")
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass
