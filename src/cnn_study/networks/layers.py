"""The layers that an architecture can have: each says what it sees and gives, and builds its modules.

A new one is a class here, among ``KINDS`` and in ``Layer``, and a module in ``modules`` if torch has none. Nothing
else asks what kind a layer is. Torch is imported only to build, so that a spec is checked without it.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, Discriminator, Field, Tag

from cnn_study.base.schema import Model, mistake, or_word
from cnn_study.messages.mistakes import found

if TYPE_CHECKING:
    from torch import nn

LARGEST_KERNEL = 31
LARGEST_WIDTH = 4096
LARGEST_STEP = 128  # pixels, of a stride or a pool: which of them fit, the images decide
LARGEST_DILATION = 32


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise mistake(f"{found(kernel)}, allowed: an odd number, whose padding keeps the size")
    return kernel


Width = Annotated[int, Field(ge=1, le=LARGEST_WIDTH)]
Kernel = Annotated[
    int,
    Field(ge=1, le=LARGEST_KERNEL, json_schema_extra={"not": {"multipleOf": 2}}, description="odd"),
    AfterValidator(_odd),
]
Stride = Annotated[int, Field(ge=1, le=LARGEST_STEP)]


class Window(NamedTuple):
    """A square of ``kernel`` × ``kernel`` units, ``dilation`` apart, that moves over a padded map.

    It moves by ``stride`` at a time.
    """

    kernel: int
    stride: int
    padding: int
    dilation: int = 1

    @property
    def extent(self) -> int:
        """The side of what it covers, in units."""
        return self.dilation * (self.kernel - 1) + 1

    def size_after(self, size: int) -> int:
        """The side of the map that it makes of one of side ``size``; less than 1 if it does not fit."""
        return (size + 2 * self.padding - self.extent) // self.stride + 1


class BaseLayer(Model):
    """What every layer says of itself.

    ``word``: the key that names it in params.yaml. ``pools``: it takes maps together and has no weights.
    """

    word: ClassVar[str]
    pools: ClassVar[bool] = False

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those through which it looks, one behind the other."""
        raise NotImplementedError

    @property
    def commutes_with_relu(self) -> bool:
        """Whether a ReLU before it may as well come after it."""
        return False

    def channels_after(self, channels: int) -> int:
        """How many channels it gives if it gets so many."""
        return channels

    def size_after(self, size: int) -> int:
        """The side of the maps that it gives if it gets maps of side ``size``."""
        for window in self.windows:
            size = window.size_after(size)
        return size

    def refusal(self, channels: int) -> str:
        """Why it cannot get so many channels, to follow its name; empty if it can."""
        del channels
        return ""

    def with_one_channel(self) -> "BaseLayer":
        """A layer with the same windows that gets and gives one channel."""
        return self

    def modules(self, channels: int) -> "dict[str, nn.Module]":
        """What it computes with if it gets so many channels, in order; a ``relu`` comes last."""
        raise NotImplementedError


class Conv(BaseLayer):
    """``{conv: CHANNELS, kernel: K}``: a convolution, padded to keep the size, and a ReLU.

    In ``groups``, each sees its part of the channels alone; in ``all`` groups, each sees one (depthwise).
    """

    word = "conv"

    conv: Width
    kernel: Kernel
    stride: Stride = 1
    dilation: Annotated[int, Field(ge=1, le=LARGEST_DILATION)] = 1
    groups: Annotated[Literal["all"] | Width, or_word("all")] = 1
    norm: bool = False
    bias: bool = True

    @property
    def windows(self) -> tuple[Window, ...]:
        """That of the convolution."""
        padding = self.dilation * (self.kernel // 2)
        return (Window(self.kernel, self.stride, padding, self.dilation),)

    def channels_after(self, channels: int) -> int:
        """Its own, however many it gets."""
        del channels
        return self.conv

    def groups_of(self, channels: int) -> int:
        """How many groups so many channels are in."""
        return channels if self.groups == "all" else self.groups

    def refusal(self, channels: int) -> str:
        """Groups have to be of equal size, in what it gets and in what it gives."""
        groups = self.groups_of(channels)
        if channels % groups == 0 and self.conv % groups == 0:
            return ""
        return (
            f"has groups: {self.groups}, into which {channels} channels in and {self.conv} out cannot be "
            "divided, allowed: a divisor of both"
        )

    def with_one_channel(self) -> "Conv":
        """The same windows, one channel."""
        return self.model_copy(update={"conv": 1, "groups": 1})

    def modules(self, channels: int) -> "dict[str, nn.Module]":
        """Convolution, batch normalisation if it has it, ReLU."""
        from torch import nn

        from cnn_study.networks.modules import Convolution

        (window,) = self.windows
        modules: dict[str, nn.Module] = {
            "conv": Convolution.of(channels, self.conv, window, self.bias, self.groups_of(channels))
        }
        if self.norm:
            modules["norm"] = nn.BatchNorm2d(self.conv)
        return modules | {"relu": nn.ReLU(inplace=True)}


class Pool(BaseLayer):
    """``{pool: P}``: P×P pooling with stride P."""

    word = "pool"
    pools = True

    pool: Annotated[int, Field(ge=2, le=LARGEST_STEP)]
    kind: Literal["max", "average"] = "max"

    @property
    def windows(self) -> tuple[Window, ...]:
        """That of the pool."""
        return (Window(self.pool, self.pool, 0),)

    @property
    def commutes_with_relu(self) -> bool:
        """A maximum does; and after the pool there are fewer numbers to compare."""
        return self.kind == "max"

    def modules(self, channels: int) -> "dict[str, nn.Module]":
        """The pool."""
        from torch import nn

        from cnn_study.networks.modules import MaxPool

        del channels
        return {"pool": (MaxPool if self.kind == "max" else nn.AvgPool2d)(self.pool)}


class Residual(BaseLayer):
    """``{residual: CHANNELS}``: two 3×3 convolutions whose input is added to their output.

    A 1×1 convolution projects the input where the shape changes (He et al., 2016,
    arXiv 1512.03385, option B). With ``norm`` every convolution is followed by batch
    normalisation and has no bias; without it every convolution has one.
    """

    word = "residual"

    residual: Width
    stride: Stride = 1
    norm: bool = True
    shortcut: bool = True

    @property
    def windows(self) -> tuple[Window, Window]:
        """Those of the two convolutions; the projection sees less."""
        return Window(3, self.stride, 1), Window(3, 1, 1)

    def channels_after(self, channels: int) -> int:
        """Its own, however many it gets."""
        del channels
        return self.residual

    def with_one_channel(self) -> "Residual":
        """The same windows, one channel."""
        return self.model_copy(update={"residual": 1})

    def modules(self, channels: int) -> "dict[str, nn.Module]":
        """The block, ReLUs and all."""
        from cnn_study.networks.modules import ResidualBlock

        block = ResidualBlock(channels, self.residual, *self.windows, self.norm, self.shortcut)
        return {"residual": block}


KINDS: tuple[type[BaseLayer], ...] = (Conv, Pool, Residual)


WORDS = " and ".join([", ".join(kind.word for kind in KINDS[:-1]), KINDS[-1].word])


def _tag(layer: Any) -> str | None:
    if isinstance(layer, BaseLayer):
        return f"tag:{layer.word}"
    words = [kind.word for kind in KINDS if isinstance(layer, dict) and kind.word in layer]
    return f"tag:{words[0]}" if len(words) == 1 else None


Layer = Annotated[
    Annotated[Conv, Tag("tag:conv")] | Annotated[Pool, Tag("tag:pool")] | Annotated[Residual, Tag("tag:residual")],
    Discriminator(
        _tag,
        custom_error_type="layer",
        custom_error_message=f"exactly one of {WORDS}, as in {{conv: 32, kernel: 3}}",
    ),
]
