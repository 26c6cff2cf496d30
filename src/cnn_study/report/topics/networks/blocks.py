"""A network as the blocks of its drawing, from its spec: nothing here asks what kind a layer is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture, named_layers
from cnn_study.networks.layers import BaseLayer, Window
from cnn_study.params.study import Params
from cnn_study.report.kit.wording import first_name, listed, quoted

# What a layer is that has no such option.
WITHOUT: Mapping[str, Any] = {"groups": 1, "norm": False, "shortcut": False, "kind": "max"}
IMAGE, CONVOLUTION, MAX_POOL, AVERAGE_POOL, DENSE = (
    "image",
    "convolution",
    "max pool",
    "average pool",
    "dense layer",
)
POOLS = {"max": MAX_POOL, "average": AVERAGE_POOL}
SHORT = {MAX_POOL: "max", AVERAGE_POOL: "avg"}


@dataclass(frozen=True)
class Block:
    """What a layer, or one window of a layer that has several, makes of what it gets.

    ``look``: one of the names above. ``channels`` and ``size``, the side in units, are of what it gives,
    ``before`` the side of what it gets; of a dense layer the width, 1 and 1. ``norm``: normalisation follows.
    """

    name: str
    look: str
    channels: int
    size: int
    before: int
    window: Window | None = None
    groups: int = 1
    norm: bool = False

    @property
    def labels(self) -> tuple[str, str]:
        """The two lines below it: its window, and how many channels it gives or how it pools."""
        if self.window is None:
            return ("dense", str(self.channels)) if self.look == DENSE else (f"{self.size}×{self.size}", "image")
        kernel = f"{self.window.kernel}×{self.window.kernel}"
        if self.look in SHORT:
            return kernel, SHORT[self.look]
        stride = f" /{self.window.stride}" if self.window.stride > 1 else ""
        dilation = f" d{self.window.dilation}" if self.window.dilation > 1 else ""
        groups = f" g{self.groups}" if self.groups > 1 else ""
        return f"{kernel}{stride}{dilation}", f"{self.channels}{groups}"

    @property
    def in_words(self) -> str:
        """All that is to be known of it: 3×3 convolution, dilation 2, batch normalisation: 64 × 16×16."""
        if self.window is None:
            return f"{self.look}: {self.channels}" + (f" × {self.size}×{self.size}" if self.look == IMAGE else "")
        window, options = self.window, []
        if self.look == CONVOLUTION:
            options += [f"stride {window.stride}"] if window.stride > 1 else []
            options += [f"dilation {window.dilation}"] if window.dilation > 1 else []
            options += [f"{self.groups} groups"] if self.groups > 1 else []
            options += ["batch normalisation"] if self.norm else []
        what = ", ".join([f"{window.kernel}×{window.kernel} {self.look}", *options])
        return f"{what}: {self.channels} × {self.size}×{self.size}"


@dataclass(frozen=True)
class Shortcut:
    """What is added to the output of block ``last`` is the input of block ``first``, both counted from 0.

    ``projected``: by a 1×1 convolution, since their shapes differ.
    """

    first: int
    last: int
    projected: bool


@dataclass(frozen=True)
class Drawing:
    """A network from the image to the output.

    ``label``: the first name that the studies show for it, no other's; ``others``: the rest.
    """

    label: str
    others: tuple[str, ...]
    architectures: tuple[str, ...]
    blocks: tuple[Block, ...]
    shortcuts: tuple[Shortcut, ...]

    @property
    def also(self) -> str:
        """Its other names: also 2 layers and 3×3 AdamW; empty if it has none."""
        return f"also {listed([quoted(other) for other in self.others])}" if self.others else ""

    @property
    def name(self) -> str:
        """With all its names."""
        return f"{self.label} ({self.also})" if self.others else self.label

    @property
    def convolutions(self) -> int:
        """How many there are one behind the other."""
        return sum(block.look == CONVOLUTION for block in self.blocks)

    @property
    def in_words(self) -> str:
        """Layer by layer."""
        over = {shortcut.last: " + shortcut" for shortcut in self.shortcuts}
        return " → ".join(block.in_words + over.get(place, "") for place, block in enumerate(self.blocks))


def drawings(params: Params, shape: Shape) -> list[Drawing]:
    """Each network once: those with the same layers and head, which differ in their training alone, share one."""
    alike: dict[str, list[str]] = {}
    for name, architecture in params.architectures.items():
        alike.setdefault(architecture.model_dump_json(), []).append(name)
    return [
        Drawing(*_names(group, params), tuple(group), *blocks_of(params.architectures[group[0]], shape))
        for group in alike.values()
    ]


def blocks_of(architecture: Architecture, shape: Shape) -> tuple[tuple[Block, ...], tuple[Shortcut, ...]]:
    """The blocks of a network for images of ``shape``, in order, and the shortcuts over them."""
    blocks = [Block("image", IMAGE, shape.channels, shape.size, shape.size)]
    shortcuts = []
    for name, layer in named_layers(architecture):
        first, given = len(blocks), blocks[-1]
        blocks += _of_layer(name, layer, given)
        if _option(layer, "shortcut"):
            projected = (given.channels, given.size) != (blocks[-1].channels, blocks[-1].size)
            shortcuts.append(Shortcut(first, len(blocks) - 1, projected))
    hidden = [
        Block(f"hidden{place}", DENSE, width, 1, 1) for place, width in enumerate(architecture.head.hidden, 1)
    ]
    return (*blocks, *hidden, Block("output", DENSE, shape.classes, 1, 1)), tuple(shortcuts)


def _of_layer(name: str, layer: BaseLayer, given: Block) -> Iterator[Block]:
    channels, size = given.channels, given.size
    for window in layer.windows:
        groups = channels if _option(layer, "groups") == "all" else _option(layer, "groups")
        look = POOLS[_option(layer, "kind")] if layer.pools else CONVOLUTION
        channels, before, size = layer.channels_after(channels), size, window.size_after(size)
        yield Block(name, look, channels, size, before, window, groups, _option(layer, "norm"))


def _option(layer: BaseLayer, name: str) -> Any:
    return getattr(layer, name, WITHOUT[name])


def _names(group: Sequence[str], params: Params) -> tuple[str, tuple[str, ...]]:
    shown = [
        [study.members[name] for study in params.studies.values() if name in study.members] or [name]
        for name in group
    ]
    _, *others = dict.fromkeys(chain.from_iterable(shown))
    return first_name(group[0], params.studies, params.unnamed), tuple(others)
