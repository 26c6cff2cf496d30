"""What docs/statistics.md does by hand is what the report says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnn_study.analysis.accuracies import Accuracies
from cnn_study.analysis.comparisons import Comparer
from tests.conftest import REPOSITORY
from tests.report_cases import BUDGET, CLASSES, labels_of, result

CODE = re.search(
    r"```python\n(.*?)```", (REPOSITORY / "docs/statistics.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.mark.parametrize("networks", [3, 8], ids=["their own variances", "moderated variances"])
def test_one_verdict_by_hand_is_that_of_the_report(tmp_path: Path, networks: int) -> None:
    names = [f"network_{number}" for number in range(networks)]
    generator = np.random.default_rng(0)
    results = {
        name: result(name, generator.random((2 + place % 2, 300)) < 0.6 + 0.02 * place)
        for place, name in enumerate(names)
    }
    labels = labels_of(300)
    accuracies = Accuracies(results, labels, dict.fromkeys(names, "muon"))
    (tmp_path / "results/data").mkdir(parents=True)
    np.save(tmp_path / "results/data/labels.npy", labels)
    for name, one in results.items():
        folder = tmp_path / "results/evaluate" / name
        folder.mkdir(parents=True)
        one.evaluation.write(folder)
    pools = [{"budget": budget} | pool.record() for (budget, _), pool in accuracies.pools().items()]
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/conclusions.json").write_text(json.dumps({"variances": pools}), encoding="utf-8")

    assert CODE is not None
    done = subprocess.run(
        [sys.executable, "-c", CODE[1], names[2], names[0], str(BUDGET)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    pair = (names[2], names[0])
    found = Comparer(results, accuracies, CLASSES, 1.0).family([pair])[pair].largest
    assert found is not None
    assert found.interval is not None
    low, high = found.interval
    assert (
        done.stdout == f"{found.points:+.4f} points, 95 % CI {low:+.4f} to {high:+.4f}\np = {found.p_value:.6f}\n"
    )
