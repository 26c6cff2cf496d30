"""What has to hold between sections of params.yaml, and in the file as a whole.

The models say what is wrong with a key, or between keys of one section. These rules look at those keys in which
nothing is wrong, whatever is wrong beside them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cnn_study.base.schema import Mistake
from cnn_study.evaluation.settings import too_many
from cnn_study.messages.mistakes import dotted, found, nearest
from cnn_study.networks.architecture import Architecture, misfit, spec_of
from cnn_study.sources.datasets import known_before_images
from cnn_study.sources.source import Source
from cnn_study.training.recipe import longest_warmup

# What the report calls its other parts.
RESERVED = (
    "answer", "calibration", "claims", "classes", "gradients", "images", "in_no_study", "inside", "learning_rate",
    "methods", "networks", "receptive_fields",
)  # fmt: skip

NOT_FOR_DVC = {
    "${": "which dvc exp run -S takes for the name of another value",
    "???": "which dvc exp run -S takes for a value that is missing",
    "</script": "which ends the script that dvc plots show writes it into",
    "<!--": "which begins a comment in the page that dvc plots show writes",
}


class Sound:
    """The file without what is wrong in it."""

    def __init__(self, content: Mapping[str, Any], mistakes: Iterable[Mistake]) -> None:
        self._content = content
        self._wrong = [one.keys for one in mistakes]

    def get(self, *keys: str) -> Any:
        """The value under ``keys``; None if it is not there, or a mistake is in it or lies above it."""
        if any(wrong[: len(keys)] == keys[: len(wrong)] for wrong in self._wrong):
            return None
        value: Any = self._content
        for key in keys:
            if not isinstance(value, Mapping) or key not in value:
                return None
            value = value[key]
        return value

    def names(self, section: str) -> list[str]:
        """The names in a section, whatever they stand for."""
        value = self._content.get(section)
        return [name for name in value if isinstance(name, str)] if isinstance(value, Mapping) else []


def broken_rules(content: Mapping[str, Any], mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """The mistakes beside ``mistakes``, which are those that the models say."""
    sound = Sound(content, mistakes)
    yield from _names_in_studies(sound)
    yield from _names_of_studies(sound)
    yield from _mirrors(sound)
    yield from _seed_of_the_search(sound)
    yield from _warmup_of_overrides(sound)
    yield from _too_many_images(sound)
    yield from _too_few_images(sound)
    yield from _shifts_beyond_an_image(sound)
    yield from _layers_that_do_not_fit(sound)
    entries = sound.names("architectures")
    for index, name in enumerate(sound.get("replay", "architectures") or ()):
        if name not in entries:
            yield _no_entry(("replay", "architectures", index), name, entries)
    yield from shared_mappings(content)
    yield from what_dvc_cannot_take(content)


def _no_entry(keys: tuple[str | int, ...], name: str, entries: list[str]) -> Mistake:
    return Mistake(keys, f"{found(name)}, allowed: an entry of architectures{nearest(name, entries)}")


def _names_in_studies(sound: Sound) -> Iterator[Mistake]:
    entries = sound.names("architectures")
    for name in sound.names("studies"):
        where = ("studies", name)
        members = sound.get(*where, "members") or {}
        for member in members:
            if member not in entries:
                yield _no_entry((*where, "members", member), member, entries)
        yield from _repeated((*where, "members"), [" ".join(shown.split()) for shown in members.values()])

        asked: list[tuple[tuple[str | int, ...], str]] = []
        if baseline := sound.get(*where, "baseline"):
            asked.append(((*where, "baseline"), baseline))
        for index, control in enumerate(sound.get(*where, "controls") or ()):
            place = (*where, "controls", index)
            asked += [((*place, role), control[role]) for role in ("of", "against")]
            if control["of"] == control["against"]:
                yield Mistake(place, f"{found(control['of'])} against itself, allowed: two architectures")
        for keys, one in asked:
            if members and one not in members:
                known = f"{', '.join(members)}{nearest(one, members)}"
                yield Mistake(keys, f"{found(one)}, allowed: one of the study's members, {known}")


def _names_of_studies(sound: Sound) -> Iterator[Mistake]:
    names = sound.names("studies")
    for name in names:
        if name in RESERVED:
            yield Mistake(("studies", name), f"the report has this name, allowed: none of {', '.join(RESERVED)}")
    titles = [sound.get("studies", name, "title") for name in names]
    yield from _repeated(("studies",), [" ".join(title.split()) for title in titles if title is not None])


def _repeated(keys: tuple[str, ...], names: list[str]) -> Iterator[Mistake]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Mistake(keys, f"{found(name)} twice, allowed: names that differ")


def _mirrors(sound: Sound) -> Iterator[Mistake]:
    """Each member of a study that mirrors another has one partner in it, its baseline that one's baseline."""
    studies = sound.names("studies")
    for name in studies:
        where = ("studies", name)
        mirrored = sound.get(*where, "mirrors")
        if mirrored is None:
            continue
        known = [study for study in studies if sound.get("studies", study, "mirrors") is None]
        if mirrored not in known:
            text = f"{found(mirrored)}, allowed: a study that mirrors none{nearest(mirrored, known)}"
            yield Mistake((*where, "mirrors"), text)
            continue
        members, others = (sound.get("studies", study, "members") or {} for study in (name, mirrored))
        networks = {one: _network(sound, one) for one in (*members, *others)}
        if None in networks.values():  # which is a mistake of its own
            continue
        partners = {one: [other for other in others if networks[other] == networks[one]] for one in members}
        wanted = f"exactly one network of {mirrored} with the same layers and head, and another entry"
        for member, found_ones in partners.items():
            if len(found_ones) != 1 or found_ones == [member]:
                those = ", ".join(found_ones) or "none"
                yield Mistake((*where, "members", member), f"found {those}, allowed: {wanted}")
        yield from _mirrored_baseline(sound, name, mirrored, partners)


def _mirrored_baseline(
    sound: Sound, name: str, mirrored: str, partners: Mapping[str, list[str]]
) -> Iterator[Mistake]:
    baseline, other = (sound.get("studies", study, "baseline") for study in (name, mirrored))
    alike = [member for member, found_ones in partners.items() if found_ones == [other]]
    if baseline in partners and other is not None and alike != [baseline]:
        text = f"{found(baseline)}, allowed: the one member with the layers of {mirrored}'s baseline, {other}"
        yield Mistake(("studies", name, "baseline"), text)


def _network(sound: Sound, name: str) -> Architecture | None:
    """That of an entry; None if there is none, or something is wrong with it."""
    layers, head = (sound.get("architectures", name, part) for part in ("layers", "head"))
    return None if layers is None or head is None else spec_of({"layers": layers, "head": head})


def _seed_of_the_search(sound: Sound) -> Iterator[Mistake]:
    seed = sound.get("tune", "seed")
    if seed is None:
        return
    sections = [("training",), *(("architectures", name, "training") for name in sound.names("architectures"))]
    for section in sections:
        if seed in (sound.get(*section, "seeds") or ()):
            yield Mistake(("tune", "seed"), f"{found(seed)}, allowed: none of {dotted((*section, 'seeds'))}")
            return


def _warmup_of_overrides(sound: Sound) -> Iterator[Mistake]:
    """Which may be too long for the cooldown that is shared; or the shared one, for an override's cooldown."""
    keys = ("schedule", "cooldown", "warmup")
    shared = {key: sound.get("training", "recipe", key) for key in keys}
    for name in sound.names("architectures"):
        where = ("architectures", name, "training", "recipe")
        own = {key: sound.get(*where, key) for key in keys}
        merged = {key: shared[key] if own[key] is None else own[key] for key in keys}
        if own == dict.fromkeys(keys) or None in merged.values():
            continue
        most = longest_warmup(merged["schedule"], merged["cooldown"])
        if merged["warmup"] > most:
            yield Mistake(
                where,
                f"found a warmup of {merged['warmup']}, allowed: at most {most:.3g}, half of a trunk of one epoch",
            )


def _source(sound: Sound) -> Source | None:
    """What is known of the images; None if the section does not say which they are."""
    dataset, size = sound.get("data", "dataset"), sound.get("data", "size")
    return None if dataset is None or size is None else known_before_images(dataset, size)


def _too_many_images(sound: Sound) -> Iterator[Mistake]:
    source, count = _source(sound), sound.get("data", "test_images")
    if count == "all":
        count = None if source is None else source.test
    if count is not None:
        shown = sound.get("evaluate", "shown_images") or ()
        yield from too_many(sound.get("evaluate", "images") or 0, shown, count)


def _too_few_images(sound: Sound) -> Iterator[Mistake]:
    source = _source(sound)
    for section in (("tune",), ("replay", "runs")):
        count = sound.get(*section, "images")
        if source is None or source.classes is None or count is None:
            continue
        fewest = len(source.classes)
        if count < fewest:
            yield Mistake((*section, "images"), f"{found(count)}, allowed: at least {fewest}, one of each class")


def _shifts_beyond_an_image(sound: Sound) -> Iterator[Mistake]:
    """What a shift uncovers is filled from the image, which must have as many pixels beside the edge."""
    source = _source(sound)
    overrides = [("architectures", name, "training", "recipe") for name in sound.names("architectures")]
    for recipe in (("training", "recipe"), ("replay", "runs", "recipe"), *overrides):
        shift = sound.get(*recipe, "augmentation", "shift")
        if source is not None and shift is not None and shift >= (size := source.shape(classes=1).size):
            text = f"{found(shift)}, allowed: at most {size - 1}, for images of {size} pixels"
            yield Mistake((*recipe, "augmentation", "shift"), text)


def _layers_that_do_not_fit(sound: Sound) -> Iterator[Mistake]:
    source = _source(sound)
    for name in sound.names("architectures"):
        keys = ("architectures", name, "layers")
        layers = sound.get(*keys)
        if source is None or layers is None:
            continue
        spec = spec_of({"layers": layers, "head": {}})  # whatever may be wrong with its own head
        if text := misfit(spec.layers, source.shape(classes=1)):
            yield Mistake(keys, text)


def what_dvc_cannot_take(content: Any, keys: tuple[str | int, ...] = ()) -> Iterator[Mistake]:
    """Texts that its commands take for something else, whatever they stand for here."""
    if isinstance(content, str):
        for what, why in NOT_FOR_DVC.items():
            if content == what if what == "???" else what in content.lower():
                yield Mistake(keys, f"{found(content)}, allowed: text without {what}, {why}")
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from what_dvc_cannot_take(value, (*keys, key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from what_dvc_cannot_take(value, (*keys, index))


def shared_mappings(content: Mapping[str, Any]) -> Iterator[Mistake]:
    """Mappings that stand in several places by an alias or a merge: an edit by ``dvc exp run -S`` gets lost.

    DVC writes the value of every key back into the one mapping that they share. A list it replaces as a whole:
    this, and all in it, may be shared.
    """
    first: dict[int, tuple[str, ...]] = {}

    def look(mapping: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Mistake]:
        for key, value in mapping.items():
            place = (*keys, key)
            if not isinstance(value, Mapping):
                continue
            if id(value) in first:
                yield Mistake(
                    place,
                    f"found the mapping of {dotted(first[id(value)])}, by an alias or <<, allowed: one of its "
                    "own, since dvc exp run -S would set keys of both or of none; a list may be an alias",
                )
            else:
                first[id(value)] = place
                yield from look(value, place)

    yield from look(content, ())
