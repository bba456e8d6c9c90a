"""The child process: takes orders from its server and carries them out one at a time, until the server is gone.

    python -m palio.providers.diffusers.child FD

FD is its end of a socket pair. What libraries print goes to standard error, and never among the messages.
"""

import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable

from palio.providers.diffusers.protocol import (
    LENGTH_BYTES,
    Fault,
    Order,
    Ready,
    Report,
    Setup,
    Stop,
    frame,
    length,
    read_command,
)


class Channel:
    """The socket to the server, for messages of any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rb")
        self._connection = connection
        self._writing = threading.Lock()

    def receive(self) -> bytes | None:
        """The next message; None at the end."""
        head = self._stream.read(LENGTH_BYTES)
        if len(head) < LENGTH_BYTES:
            return None
        body = self._stream.read(size := length(head))
        return body if len(body) == size else None

    def send(self, report: Report | Ready) -> None:
        """Tell the server. That it is gone is for `receive` to find."""
        with self._writing:
            self._connection.sendall(frame(report))


class Desk:
    """The orders that wait, and which of them are no longer wanted."""

    def __init__(self, say: Callable[[Report], None]) -> None:
        self._say = say
        self._waiting: deque[Order] = deque()
        self._current = ""
        self._is_stopped = False
        self._changed = threading.Condition()

    def take(self, command: Order | Stop) -> None:
        """A command that has come."""
        with self._changed:
            if isinstance(command, Order):
                self._waiting.append(command)
                self._changed.notify()
                return
            if command.id == self._current:
                self._is_stopped = True
                return
            waits = any(order.id == command.id for order in self._waiting)
            self._waiting = deque(order for order in self._waiting if order.id != command.id)
        if waits:
            self._say(Fault(command.id, "it was stopped before its turn", was_stopped=True))

    def next(self) -> Order:
        """The order whose turn it is, once there is one."""
        with self._changed:
            self._current = ""
            self._changed.wait_for(lambda: self._waiting)
            order = self._waiting.popleft()
            self._current, self._is_stopped = order.id, False
            return order

    def is_stopped(self) -> bool:
        """Whether the current order is no longer wanted."""
        return self._is_stopped


def main() -> None:
    """Serve the socket that the first argument names."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    channel = Channel(connection)
    os.dup2(2, 1)
    # Ctrl-C in a terminal reaches children too, as does what ends a service, which is for the server to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    setup = read_command(channel.receive() or b"")
    if not isinstance(setup, Setup):
        raise SystemExit("the first message must be the setup")
    desk = Desk(channel.send)
    threading.Thread(target=_listen, args=(channel, desk), daemon=True).start()
    # Only now, so that a server that ends while torch is being imported is noticed.
    from palio.providers.diffusers.studio import Studio

    studio = Studio(setup, channel.send, desk.is_stopped)
    channel.send(Ready())
    while True:
        studio.carry_out(desk.next())


def _listen(channel: Channel, desk: Desk) -> None:
    try:
        while (message := channel.receive()) is not None:
            command = read_command(message)
            if not isinstance(command, Setup):
                desk.take(command)
    finally:
        # The server is gone, however it went. Nothing that runs here is wanted any more.
        os._exit(0)


if __name__ == "__main__":
    main()
