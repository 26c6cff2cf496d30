"""The words of texts, messages and comments: the field's, and each for one thing."""

import re
import subprocess

from tests.conftest import REPOSITORY

# Tables of numbers, and what checks these words.
WRITTEN = (":!results", ":!dvc.lock", ":!requirements.lock", ":!tests/test_words.py")
FORBIDDEN = re.compile(
    r"\b(tell|tells|told|telling) apart\b|\bparted\b|\b(cannot|can not|could not) be told\b|\bwould tell\b",
    re.IGNORECASE,
)
# Of the student's report, which is the original one; "the report" is this project's.
OF_THE_STUDENT = re.compile(
    r"\bthe report(['’]s|s') (own )?(claims?|recipe|rate|learning rate|networks?|ranking|numbers|accurac)",
    re.IGNORECASE,
)


def texts() -> dict[str, str]:
    """Every text file that git keeps, by name, with words that a line break divides put together."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", ".", *WRITTEN], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for name in filter(None, listed.split("\0")):
        path = REPOSITORY / name
        content = path.read_bytes() if path.is_file() else b""
        if b"\0" not in content:
            found[name] = re.sub(r"[\s#>|*]+", " ", content.decode("utf-8", errors="replace"))
    return found


def test_no_text_has_words_of_its_own_for_what_statistics_has_words_for() -> None:
    found = {name: match[0] for name, text in texts().items() if (match := FORBIDDEN.search(text))}
    assert found == {}


def test_the_report_is_this_project_s_and_the_other_one_the_original_report() -> None:
    found = {name: match[0] for name, text in texts().items() if (match := OF_THE_STUDENT.search(text))}
    assert found == {}


def test_texts_are_read() -> None:
    names = texts().keys()
    assert {"README.md", "docs/statistics.md", "src/cnn_study/report/kit/wording.py", "params.yaml"} <= names
