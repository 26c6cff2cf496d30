"""What is said of another kind of processor is what processors.csv shows."""

import re

import numpy as np
import pandas as pd
import pytest

from benchmarks.processors import LINES, compared
from cnn_study.base.errors import StudyError
from tests.conftest import REPOSITORY


def line(processor: str, network: str, rate: float, seed: int, accuracy: float) -> dict[str, object]:
    return {
        "processor": processor, "network": network, "learning_rate": rate, "seed": seed, "budget": 8,
        "test_accuracy": accuracy,
    }  # fmt: skip


def test_a_processor_is_compared_by_the_networks_that_both_have() -> None:
    lines = [line("old", "a", 0.1, 0, 0.80), line("old", "a", 0.1, 1, 0.82), line("old", "b", 0.1, 0, 0.5)]
    lines += [line("new", "c", 0.1, 0, 0.9), line("new", "a", 0.15, 0, 0.83)]  # no seed 1
    (row,) = compared(pd.DataFrame(lines)).reset_index().to_dict("records")
    assert (row["processor"], row["network"]) == ("new", "a")
    assert (row["rate"], row[8]) == pytest.approx((1.5, 3))


def test_the_document_says_what_the_file_shows() -> None:
    lines = pd.read_csv(REPOSITORY / LINES)
    found = compared(lines).droplevel("processor")
    assert set(lines.groupby(["processor", "network", "budget"]).size()) == {3}
    last, rates = found[8], 100 * (found["rate"] - 1)
    document = (REPOSITORY / "docs/statistics.md").read_text(encoding="utf-8")
    text = document.split("**On another kind of processor.** ")[1].split("\n\n")[0]
    numbers = ["Five", "Six", "Seven"]
    assert text.startswith(f"{numbers[len(found) - 5]} kernel networks")
    told = [float(number.replace("−", "-")) for number in re.findall(r"[−+]?\d+\.\d+|\d+(?= %)", text)]
    assert told == [
        round(last.min(), 2), round(last.max(), 2), round((last - last["kernel_3x3"]).abs().max(), 2),
        round(rates.abs().max()), round(found[1].abs().max(), 2),
    ]  # fmt: skip


def test_seeds_of_two_networks_have_nothing_in_common_as_the_document_says() -> None:
    means = [
        accuracies.pivot_table("test_accuracy", "seed", "network")
        .corr()
        .to_numpy()[np.triu_indices(accuracies["network"].nunique(), 1)]
        .mean()
        for _, accuracies in pd.read_csv(REPOSITORY / LINES).groupby(["processor", "budget"])
    ]
    document = (REPOSITORY / "docs/statistics.md").read_text(encoding="utf-8")
    told = f"two networks over seeds is {min(means):+.2f} to {max(means):+.2f} in the mean".replace("-", "−")
    assert told in " ".join(document.split())


def test_one_processor_is_compared_with_none() -> None:
    with pytest.raises(StudyError, match="fewer than two processors"):
        compared(pd.DataFrame([line("old", "a", 0.1, 0, 0.80)]))
