"""What the server and its child say to each other: MessagePack in frames, each after its length in four bytes."""

from typing import TypeAlias

import msgspec

from palio.contract.image.job import Operation

LENGTH_BYTES = 4
MAX_FRAME_BYTES = 256 * 1024 * 1024
"""The most that either side takes in one message."""


class Pipeline(msgspec.Struct, frozen=True):
    """What to load: how it is put together (a name in `pipelines.RECIPES`), and from which files.

    `files` are absolute paths by what they are: `pipeline` a folder or a file with all parts; `transformer` a file with
    that part alone, the others being those of `pipeline`; `config` a folder that describes a file's parts.
    """

    recipe: str
    files: dict[str, str]

    @property
    def key(self) -> str:
        """The same for the same files."""
        return "|".join([self.recipe, *(f"{kind}={path}" for kind, path in sorted(self.files.items()))])


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA's file, and how strongly it is applied."""

    path: str
    strength: float


class Setup(msgspec.Struct, frozen=True, tag="setup"):
    """The first message to a child. `memory` is bytes, None for what the device allows."""

    device: str
    dtype: str
    memory: int | None
    pickles: bool


class Order(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """A picture to make. `images` are encoded; None leaves a choice to the pipeline."""

    id: str
    pipeline: Pipeline
    operation: Operation
    prompt: str
    negative_prompt: str
    width: int
    height: int
    seed: int
    steps: int | None = None
    guidance: float | None = None
    strength: float | None = None
    clip_skip: int | None = None
    sampler: str | None = None
    spacing: str | None = None
    adapters: tuple[Adapter, ...] = ()
    images: tuple[bytes, ...] = ()


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """No longer make a picture. It is answered as every order is, with a Picture or a Fault."""

    id: str


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The child has its libraries, and takes up its orders."""


class Loading(msgspec.Struct, frozen=True, tag="loading"):
    """An order's turn has come, and its pipeline is being loaded."""

    id: str


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """An order's pipeline is there, after so many seconds. `resident` are the keys and bytes of all that are."""

    id: str
    seconds: float
    resident: dict[str, int]


class Step(msgspec.Struct, frozen=True, tag="step"):
    """So many steps of all are done."""

    id: str
    done: int
    of: int


class Picture(msgspec.Struct, frozen=True, tag="picture"):
    """The end of an order: a PNG."""

    id: str
    data: bytes


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """The end of an order that led to no picture.

    `is_incapable` says that it cannot be done here, whoever tries again; `was_stopped` that it was told to end.
    """

    id: str
    message: str
    is_incapable: bool = False
    was_stopped: bool = False


Command: TypeAlias = Setup | Order | Stop
Report: TypeAlias = Loading | Loaded | Step | Picture | Fault
"""What is said of an order."""

read_command = msgspec.msgpack.Decoder(Command).decode
read_report = msgspec.msgpack.Decoder(Report | Ready).decode


def frame(message: Command | Report | Ready) -> bytes:
    """A message as it is sent. Raises ValueError if it is too large."""
    body = msgspec.msgpack.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"a message has at most {MAX_FRAME_BYTES} bytes, not {len(body)}")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def length(head: bytes) -> int:
    """How long the message is that follows its head. Raises ValueError if it is too long."""
    size = int.from_bytes(head, "big")
    if size > MAX_FRAME_BYTES:
        raise ValueError(f"a message has at most {MAX_FRAME_BYTES} bytes, not {size}")
    return size
