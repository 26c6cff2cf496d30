"""What is said of another kind of processor is what processors.csv shows."""

import re

import pandas as pd
import pytest

from benchmarks.processors import LINES, compared
from tests.conftest import REPOSITORY


def line(processor: str, network: str, rate: float, seed: int, accuracy: float) -> dict[str, object]:
    return {
        "processor": processor, "network": network, "learning_rate": rate, "seed": seed, "budget": 8,
        "test_accuracy": accuracy,
    }  # fmt: skip


def test_a_processor_is_compared_by_the_networks_that_both_have() -> None:
    lines = [line("old", "a", 0.1, 0, 0.80), line("old", "a", 0.1, 1, 0.82), line("old", "b", 0.1, 0, 0.5)]
    lines += [line("new", "c", 0.1, 0, 0.9), line("new", "a", 0.15, 0, 0.83)]
    (row,) = compared(pd.DataFrame(lines)).reset_index().to_dict("records")
    assert (row["processor"], row["network"]) == ("new", "a")
    assert (row["rate"], row[8]) == pytest.approx((1.5, 2))


def test_the_document_says_what_the_file_shows() -> None:
    found = compared(pd.read_csv(REPOSITORY / LINES)).droplevel("processor")
    last = found[8]
    rates = 100 * (found["rate"] - 1)
    text = (REPOSITORY / "docs/statistics.md").read_text(encoding="utf-8").split("**On another kind")[1]
    told = [float(number.replace("−", "-")) for number in re.findall(r"[−+]?\d+\.\d+|\d+(?= %)", text)]
    expected = [
        round(last.min(), 2), round(last.max(), 2), round((last - last["kernel_3x3"]).abs().max(), 2),
        round(rates.abs().max()), round(found[1].abs().max(), 2),
    ]  # fmt: skip
    assert told == pytest.approx(expected)
