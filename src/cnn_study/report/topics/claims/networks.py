"""The original report's networks, and the pairs of them that its claims compare."""

from collections.abc import Mapping

ORIGINAL_DATASET = "cifar10"

# The original report's names. Its 3×3 network and its 2-layer network are the same.
KERNELS = {"kernel_3x3": "3×3", "kernel_5x5": "5×5", "kernel_7x7": "7×7", "kernel_1x1_3x3": "1×1+3×3"}
DEPTHS = {"kernel_3x3": "2 layers", "depth_4": "4 layers", "depth_6": "6 layers", "residual": "residual"}
FIELDS = {"kernel_3x3": 10, "kernel_5x5": 16, "kernel_7x7": 22, "kernel_1x1_3x3": 10}  # pixels

Pair = tuple[str, str]


def others(names: Mapping[str, str], *but: str) -> list[str]:
    """All of ``names``, in their order, except some."""
    return [name for name in names if name not in but]


def with_others(of: str, names: Mapping[str, str]) -> tuple[Pair, ...]:
    """``of`` with each of the others."""
    return tuple((of, other) for other in others(names, of))


# What the claims about accuracy compare: the first of each pair is said to be the more accurate.
MOST_ACCURATE_KERNEL = with_others("kernel_1x1_3x3", KERNELS)
MODERATE_KERNEL = (("kernel_1x1_3x3", "kernel_5x5"), ("kernel_5x5", "kernel_3x3"), ("kernel_5x5", "kernel_7x7"))
ACCURACY_GROWS = (("depth_4", "kernel_3x3"), ("depth_6", "depth_4"))
RESIDUAL_MOST_ACCURATE = with_others("residual", DEPTHS)
# And those about time: the first is said to be the slower.
FASTEST_KERNEL = tuple((of, "kernel_3x3") for of in others(KERNELS, "kernel_3x3"))
SLOWEST_KERNEL = with_others("kernel_1x1_3x3", KERNELS)
RESIDUAL_SLOWEST = with_others("residual", DEPTHS)
SIX_LAYERS_SLOW = tuple(("depth_6", against) for against in others(DEPTHS, "depth_6", "residual"))
TIMED_PAIRS: tuple[Pair, ...] = tuple(
    dict.fromkeys((*FASTEST_KERNEL, *SLOWEST_KERNEL, *RESIDUAL_SLOWEST, *SIX_LAYERS_SLOW))
)
CLAIMED_PAIRS: tuple[Pair, ...] = tuple(
    dict.fromkeys((*MOST_ACCURATE_KERNEL, *MODERATE_KERNEL, *ACCURACY_GROWS, *RESIDUAL_MOST_ACCURATE))
)
