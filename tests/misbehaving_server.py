"""A server that answers as it is told, down to the bytes and the way in which the connection ends."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

SECONDS = 20.0
"""After which a connection is given up, so that no test can hang."""


@dataclass(frozen=True)
class Received:
    """A request as it came: its line and its headers, in small letters."""

    line: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


Behaviour = Callable[[socket.socket], None]
"""What is done to a connection once its request was read."""


@dataclass
class MisbehavingServer:
    """Treats one connection after the other as `behaviours` say, and those that follow as the last one."""

    behaviours: Sequence[Behaviour]
    received: list[Received] = field(default_factory=list)
    url: str = ""

    def treat(self, connection: socket.socket, lock: threading.Lock) -> None:
        with connection, suppress(OSError):
            connection.settimeout(SECONDS)
            request = read_request(connection)
            with lock:
                behave = self.behaviours[min(len(self.received), len(self.behaviours) - 1)]
                self.received.append(request)
            behave(connection)


@contextmanager
def misbehaving(*behaviours: Behaviour) -> Iterator[MisbehavingServer]:
    """A server on a port of its own, until the end of the block."""
    server, lock, threads = MisbehavingServer(behaviours), threading.Lock(), list[threading.Thread]()

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=server.treat, args=(connection, lock), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            # A thread that waits in accept() is not told that its socket was closed.
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(SECONDS)
            for thread in threads:
                thread.join(SECONDS)


def read_request(connection: socket.socket) -> Received:
    """All of a request, its body too: what is not read would reset the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
    while len(body) < int(headers.get("content-length", 0)):
        body += received(connection)
    return Received(line, headers)


def received(connection: socket.socket) -> bytes:
    if not (data := connection.recv(65536)):
        raise ConnectionError("the client went away")
    return data


def answering(body: object, status: int = 200, **headers: str) -> Behaviour:
    """A whole answer: JSON, or the bytes that are given. Names of headers have `_` for `-`."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return saying(head(status, Content_Length=str(len(data)), **headers) + data)


def head(status: int, **headers: str) -> bytes:
    """The beginning of an answer."""
    named = {"Connection": "close", "Content-Type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        f"HTTP/1.1 {status} Said\r\n".encode() + "".join(f"{k}: {v}\r\n" for k, v in named.items()).encode() + b"\r\n"
    )


def saying(*parts: bytes, pause: float = 0.0) -> Behaviour:
    """These bytes, and then the end, with a pause behind each."""

    def behave(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            if pause:
                threading.Event().wait(pause)

    return behave


def resetting(first: bytes = b"") -> Behaviour:
    """These bytes, and then a reset."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(first)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def silent(connection: socket.socket) -> None:
    """Says nothing until the client goes away."""
    with suppress(ConnectionError, OSError):
        received(connection)


def endless(first: bytes, part: bytes, most: int) -> tuple[Behaviour, list[int]]:
    """The same again and again, until the client goes away or so many bytes were taken; and how many were."""
    sent = [0]

    def behave(connection: socket.socket) -> None:
        connection.sendall(first)
        while sent[0] < most:
            connection.sendall(part)
            sent[0] += len(part)

    return behave, sent


def problem(slug: str, status: int, detail: str = "It is so.", **headers: str) -> Behaviour:
    """A problem document."""
    document = {"type": f"/problems/{slug}", "title": "A title", "status": status, "detail": detail}
    return answering(document, status, Content_Type="application/problem+json", **headers)
