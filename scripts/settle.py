"""Settle the conflicts of a ``git merge`` of branches that each added networks: by keys instead of lines.

python -m scripts.settle

To git, two entries that were added at one place of params.yaml or dvc.lock are a conflict. Of metrics/ and plots/,
which ``make study`` makes anew from results/, the version of the branch that one is on stays; and of the costs of
training steps, to which it adds what is missing. What both branches have changed in different ways remains a
conflict, with a line for each key.
"""

import subprocess
from collections.abc import Iterator, MutableMapping, MutableSequence
from pathlib import Path
from typing import Any

import stages  # noqa: F401  (puts src/ on the path, and gives errors of the user's one line)
from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_whole
from cnn_study.base.yaml import PARAMS
from cnn_study.messages.mistakes import dotted, found
from scripts.edit_yaml import dumped, for_edits

LOCK = Path("dvc.lock")
MADE_ANEW = (Path("metrics"), Path("plots"), Path("results/timing/cost.json"))
BASE, OURS, THEIRS = 1, 2, 3  # git's numbers of the versions in a conflict
Keys = tuple[str, ...]


def main() -> None:
    """Settle what can be. Raises StudyError where something is left."""
    conflicts = [Path(name) for name in git("diff", "--name-only", "--diff-filter=U", "-z").split("\0") if name]
    if not conflicts:
        print("no conflicts: nothing to settle")
        return
    mistakes, settled = [], []
    for path in conflicts:
        if path in (PARAMS, LOCK):
            left = join_file(path)
            mistakes += [f"{path}: {line}" for line in left]
            settled += [] if left else [path]
        elif any(path.is_relative_to(made) for made in MADE_ANEW):
            keep_ours(path)
            settled.append(path)
        else:
            mistakes.append(f"{path}: changed on both branches; settle it by hand, then `git add {path}`")
    if settled:
        git("add", "--all", "--", *map(str, settled))
        print(f"settled: {', '.join(map(str, settled))}")
    if mistakes:
        raise StudyError("\n".join(mistakes))
    print("now `git commit`, and `make study`")


def join_file(path: Path) -> list[str]:
    """Write what the two versions are together, unless some key differs: a line for each that does."""
    yaml = for_edits(lists_indented=path == PARAMS)
    # There is no base where both branches have added the file.
    base, ours, theirs = (yaml.load(version(path, number) or b"{}") for number in (BASE, OURS, THEIRS))
    if path == LOCK:
        join_stages(base, ours, theirs)
        differ = []
    else:
        differ = list(join(base, ours, theirs))
        unite_anchors(ours, {})
    if not differ:
        write_whole(path, dumped(yaml, ours))
    return differ


def join_stages(base: Any, ours: Any, theirs: Any) -> None:
    """Bring the stages that only ``theirs`` has run since ``base``, or taken out, into ``ours``.

    A stage is recorded as a whole. One that both have run is as we have it: DVC sees if that is out of date.
    """
    old, mine, new = (side.setdefault("stages", {}) for side in (base, ours, theirs))
    for stage in [*mine, *(stage for stage in new if stage not in mine)]:
        if mine.get(stage) != old.get(stage):
            continue
        if stage in new:
            mine[stage] = new[stage]
        else:
            del mine[stage]


def unite_anchors(node: Any, first: dict[str, Any]) -> None:
    """Make what came from another file with an anchor that is here too an alias, or without one if it differs.

    DVC refuses an anchor that stands twice. ``first``: by anchor, the first that has it, of all that was seen
    before. Comments in a list that becomes an alias are lost.
    """
    places = node.items() if isinstance(node, MutableMapping) else enumerate(node)
    for place, value in list(places):
        anchor = value.yaml_anchor() if hasattr(value, "yaml_anchor") else None  # numbers and texts have some too
        if anchor is not None and anchor.value:
            earlier = first.setdefault(anchor.value, value)
            if earlier is not value and earlier == value:
                node[place] = earlier
                continue
            if earlier is not value:
                anchor.value = None
        if isinstance(value, (MutableMapping, MutableSequence)):
            unite_anchors(value, first)


def join(base: Any, ours: Any, theirs: Any, keys: Keys = ()) -> Iterator[str]:
    """Bring what ``theirs`` has changed since ``base`` into ``ours``; a line for each key that both changed."""
    nothing = object()
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        old, mine, new = (side.get(key, nothing) for side in (base, ours, theirs))
        if new in (old, mine):
            continue
        if mine == old:
            if new is nothing:
                del ours[key]
            else:
                ours[key] = new
        elif isinstance(mine, MutableMapping) and isinstance(new, MutableMapping):
            yield from join(old if isinstance(old, MutableMapping) else {}, mine, new, (*keys, key))
        elif all(isinstance(side, MutableSequence) for side in (old, mine, new)) and (
            mine[: len(old)] == old == new[: len(old)]
        ):
            mine.extend(item for item in new[len(old) :] if item not in mine)
        else:
            one, other = ("taken out" if side is nothing else found(side) for side in (mine, new))
            yield f"{dotted((*keys, key))}: {one} on this branch, {other} on the other: settle it by hand"


def keep_ours(path: Path) -> None:
    """The version of the branch that one is on, or none where that has none."""
    content = version(path, OURS)
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_whole(path, content)


def version(path: Path, number: int) -> bytes | None:
    """One of the versions of a file in a conflict, if there is one."""
    done = subprocess.run(["git", "show", f":{number}:{path}"], capture_output=True, check=False)
    return None if done.returncode else done.stdout


def git(*arguments: str) -> str:
    """What git prints. Raises StudyError with what it says where it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(done.stderr.strip())
    return done.stdout


if __name__ == "__main__":
    main()
