"""A network looks the same everywhere, and every reader can tell it from the others."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cnn_study.report.kit.palette import COLOURS, styles_of
from tests.conftest import REPOSITORY
from tests.test_charts import ORDER, parts


def test_a_new_network_at_the_end_changes_no_colour() -> None:
    before, after = styles_of(ORDER), styles_of([*ORDER, "new"])
    assert {name: after[name] for name in before} == before


def test_many_networks_still_differ_in_colour_or_dash() -> None:
    styles = styles_of([str(number) for number in range(48)])
    assert len(set(styles.values())) == 48
    assert len({(look.colour, look.shape) for look in list(styles.values())[: len(COLOURS)]}) == len(COLOURS)


# To linear light; what protanopes and deuteranopes see (Machado et al., 2009); Oklab.
SIGHTS = (
    np.eye(3),
    np.array(((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052))),
    np.array(((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969))),
)
CONES = np.array(((0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.6300)))
OKLAB = np.array(((0.2105, 0.7936, -0.0041), (1.9780, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087)))


def light(colour: str) -> npt.NDArray[np.float64]:
    channels = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("sight", range(3))
def test_colours_stay_apart_whatever_the_reader_s_sight(sight: int) -> None:
    seen = [OKLAB @ np.cbrt(CONES @ np.clip(SIGHTS[sight] @ light(colour), 0, 1)) for colour in COLOURS]
    distances = [float(np.linalg.norm(a - b)) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > (0.12 if sight == 0 else 0.07)  # 0.02 is about what one can just tell


# Three, of which two are Okabe and Ito's, are light; their points and dashes are seen all the same.
@pytest.mark.parametrize(("page", "least"), [("#ffffff", 2), ("#111111", 3)])
def test_colours_are_seen_on_white_and_on_dark(page: str, least: float) -> None:
    weights = np.array((0.2126, 0.7152, 0.0722))
    background = float(light(page) @ weights) + 0.05
    for colour in COLOURS:
        foreground = float(light(colour) @ weights) + 0.05
        assert max(foreground, background) / min(foreground, background) >= least, colour


@pytest.mark.parametrize("path", sorted((REPOSITORY / ".dvc/plots").glob("*.json")), ids=lambda path: path.stem)
def test_dvc_s_templates_have_the_palette_and_no_other_colours_of_networks(path: Any) -> None:
    template = json.loads(path.read_text())
    palettes = [part["calculate"] for part in parts(template) if part.get("as") == "colour"]
    listed = "['" + "','".join(COLOURS) + "'][(datum.place - 1) % 12]"
    assert [text.replace(" ", "") for text in palettes] == [listed.replace(" ", "")] * len(palettes)
    for part in parts(template):
        colour = part.get("color")
        if isinstance(colour, dict) and colour.get("field") in ("architecture", "name"):
            pytest.fail(f"{path.name} colours by {colour['field']}, in an order of its own")
