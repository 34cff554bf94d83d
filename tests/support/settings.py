"""Tables of settings with a key of every kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.clock import Duration

HERE = Path("/srv/meter")


@dataclass(frozen=True, kw_only=True)
class Part:
    name: str = field(metadata={"help": "What it is called.", "example": '"a"'})
    limit: Decimal | None = field(default=None, metadata={"help": "A limit.", "example": "1.5"})

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("name: is empty")


@dataclass(frozen=True, kw_only=True)
class Whole:
    count: int = field(default=3, metadata={"help": "How many."})
    share: float = field(default=0.5, metadata={"help": "How much."})
    wait: Duration = field(default=60.0, metadata={"help": "How long."})
    mode: Literal["fast", "slow"] = field(default="fast", metadata={"help": "How."})
    box: tuple[int, int] | None = field(
        default=None, metadata={"help": "Where.", "example": "[1, 2]"}
    )
    words: tuple[str, ...] = field(default=(), metadata={"help": "Words."})
    file: Path | None = field(default=None, metadata={"help": "A file.", "example": '"a.jpg"'})
    on: bool = field(default=False, metadata={"help": "Whether."})
    parts: tuple[Part, ...] = field(default=(), metadata={"help": "Parts.", "key": "part"})
    one: Part | None = field(default=None, metadata={"help": "One part."})


SETTINGS = Whole(
    count=4,
    wait=90.0,
    box=(1, 2),
    words=('a "b"', "c\\d\n", "\u00e9\u202e"),
    file=HERE / "a.jpg",
    parts=(Part(name="first", limit=Decimal("0.10")),),
    one=Part(name="only"),
)
