"""The operations of a training step, its optimizer's among them, are those of a hand count."""

from cnn_study.analysis.training_flops import optimizer_flops, passes_flops, training_flops
from cnn_study.networks.architecture import spec_of
from cnn_study.profiling.complexity import forward_flops, without_weights
from cnn_study.training.recipe import Optimizer
from tests.conftest import SHAPE, SMALL


def test_the_optimizer_s_operations_are_those_of_a_hand_count() -> None:
    network = without_weights(spec_of(SMALL), SHAPE)  # filters of 4 × 27 and 6 × 36, their biases, a dense layer
    filters, others = 4 * 27 + 6 * 36, 4 + 6 + (6 * 4 * 4 + 1) * 10
    operations: dict[Optimizer, int] = {"sgd": 8, "adam": 15, "adamw": 15}
    for optimizer, count in operations.items():
        assert optimizer_flops(network, optimizer) == count * (filters + others)
    # X Xᵀ and P X, of 2 s² t each; in each of 3 rounds one square for the polynomial, in two of them three more.
    products = sum(4 * s**2 * t + 2 * (3 + 2 * 3) * s**3 for s, t in ((4, 27), (6, 36)))
    assert optimizer_flops(network, "muon") == products + 12 * filters + 15 * others


def test_a_tall_filter_counts_its_smaller_side() -> None:
    tall = {"layers": [{"conv": 64, "kernel": 1}, {"pool": 32}], "head": {}}
    network = without_weights(spec_of(tall), SHAPE)  # 64 × 3
    rest = 12 * 64 * 3 + 15 * (64 + 65 * 10)
    assert optimizer_flops(network, "muon") == 4 * 3**2 * 64 + 18 * 3**3 + rest


def test_a_backward_pass_is_two_forward_passes_less_the_gradient_of_the_images() -> None:
    normalised = {"layers": [{"conv": 6, "kernel": 3, "norm": True}], "head": {}}
    for architecture, channels in ((SMALL, 4), (normalised, 6)):
        network = without_weights(spec_of(architecture), SHAPE)
        assert passes_flops(network) == 3 * forward_flops(network) - 2 * channels * 27 * 32 * 32


def test_an_image_has_its_share_of_the_optimizer_s_operations() -> None:
    spec = spec_of(SMALL)
    network = without_weights(spec, SHAPE)
    passes, of_optimizer = passes_flops(network), optimizer_flops(network, "muon")
    for batch in (2, 50):
        assert training_flops(spec, SHAPE, "muon", batch) == round(passes + of_optimizer / batch)
