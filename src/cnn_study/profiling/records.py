"""What profile finds, as the files in results/ hold it."""

from typing import Literal

from cnn_study.base.environment import Environment
from cnn_study.base.records import Record

Kind = Literal["conv", "projection", "dense"]


class LayerProfile(Record):
    """A layer of the convolutional part: what it gives for one image, (channels, size, size), and what it sees.

    ``receptive_field`` and ``jump``, the distance between neighbouring units, are in pixels of the image.
    """

    name: str
    channels: int
    size: int
    receptive_field: int
    jump: int


class LayerCost(Record):
    """One layer with weights, for one image; a multiply-add counts as two operations.

    ``kind``: ``conv`` is a convolution on the main path, ``projection`` one on a shortcut.
    """

    layer: str
    kind: Kind
    output_shape: tuple[int, ...]
    parameters: int
    forward_flops: int


class Profile(Record):
    """What can be said of an architecture without training it; FLOPs and bytes are of one image.

    ``receptive_field``: side in pixels, of the last feature map. ``activation_bytes``: what a training step in
    fp32 keeps until the backward pass, weights not counted.
    """

    parameters: int
    conv_parameters: int
    forward_flops: int
    activation_bytes: int
    receptive_field: int
    layers: tuple[LayerProfile, ...]
    weighted_layers: tuple[LayerCost, ...]


class Speed(Record):
    """How fast images pass through a network, ``inference_batch`` at a time, on the machine's default device.

    Each network by itself, not in turns with others: times that are compared are those of the stage cost. None for
    a network too large to be timed beside others.
    """

    inference_images_per_second: float | None
    inference_batch: int | None
    environment: Environment
