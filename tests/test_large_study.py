"""What is said of a large study is calculated from committed files, which its benchmark still writes."""

import pytest

from benchmarks.large_study import SHOWN, Large
from benchmarks.scale import measure
from tests.conftest import REPOSITORY, of_the_committed


@of_the_committed
def test_the_document_says_what_the_files_give() -> None:
    large = Large.read(REPOSITORY)
    document = (REPOSITORY / "docs/scaling.md").read_text(encoding="utf-8")
    lines = document.splitlines()
    assert [row for row in (*large.measured(), *large.calculated()) if row not in lines] == []
    for sentence in (large.in_all(), large.of_larger_networks()):
        assert sentence in " ".join(document.split())


@pytest.mark.thorough
def test_the_benchmark_of_scale_runs_with_the_graph_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    found = measure(2)
    written = Large.read(REPOSITORY).scale[SHOWN[0]]
    # How many stages are recorded at once depends on how many there are.
    assert {what for what in written if "records" not in what} == {what for what in found if "records" not in what}
    assert found["stages"] > 2 * 4
