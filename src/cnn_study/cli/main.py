"""The command ``cnn-study``: look at architectures before they are trained, and use them after."""

import argparse
import importlib.util
import sys
import webbrowser
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS, read_yaml
from cnn_study.data.shape import Shape
from cnn_study.messages.output import READER_GONE, drop_unwritable, replace_unprintable
from cnn_study.networks.architecture import Architecture, geometry
from cnn_study.networks.weights import About, load_network
from cnn_study.params.study import validate
from cnn_study.profiling.complexity import count_parameters, forward_flops, layer_costs, without_weights
from cnn_study.sources.pictures import MODES, read_pictures
from cnn_study.trained import architecture_named, shape_of_data

REPORT = Path("plots/report.html")
WEIGHTS = ".safetensors"  # ends the name of a file, and of no architecture
CHECKED_IMAGES = 64  # shown to an exported network and to its original
TOLERANCE = 1e-3  # of a logit, between the two
AT_ONCE = 125  # pictures shown to a network: few enough for a laptop's memory


def main() -> None:
    """Run the command that ``sys.argv`` names; what the user can mend ends it with one line."""
    replace_unprintable()
    try:
        run_and_print()
    except StudyError as error:
        sys.exit(str(error))
    except BrokenPipeError:
        drop_unwritable()
        sys.exit(READER_GONE)
    except OSError as error:
        drop_unwritable()
        sys.exit(f"{error.filename2 or error.filename or 'writing'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")


def run_and_print() -> None:
    """Run the command, and see that what it prints is written, help too. Raises OSError where it cannot be."""
    try:
        arguments = parser().parse_args()
        print(arguments.run(arguments))
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """What the command line can hold."""
    top = argparse.ArgumentParser(
        prog="cnn-study",
        description="Look at the study's architectures before they are trained, and use them after.",
        epilog="To be run in the project's folder. `cnn-study COMMAND --help` says more of each.",
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], str], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        one.set_defaults(run=run)
        return one

    command("list", _list, "list the architectures with parameters, FLOPs and receptive field")
    show = command("show", _show, "show an architecture's layers: shape, receptive field, parameters, FLOPs")
    predict = command("predict", _predict, "classify pictures with a trained network")
    export = command("export", _export, "write a trained network as ONNX, and check that onnxruntime agrees")
    command("report", _report, "open the report in a browser")

    show.add_argument("network", help="an architecture's name in params.yaml, or a .safetensors file")
    for one in (predict, export):
        one.add_argument("network", help="a .safetensors file, or the name of one in runs/train/")
        one.add_argument("--seed", type=int, help="with a name, which training run; the first if not given")
    predict.add_argument(
        "images", nargs="+", type=Path, help="PNG, JPEG or other files of any size; the middle square is used"
    )
    predict.add_argument("--top", type=int, help="how many classes to name; at most 3 if not given")
    export.add_argument("--output", type=Path, help="the file to write; NAME.onnx if not given")
    return top


def _list(_: argparse.Namespace) -> str:
    params, rows = validate(read_yaml()), []
    shape = params.data.shape
    for name, architecture in params.architectures.items():
        network = without_weights(architecture, shape)
        field = geometry(architecture, shape)[-1].receptive_field
        rows.append((name, f"{count_parameters(network):,}", mega(forward_flops(network)), f"{field} px"))
    return aligned(("architecture", "parameters", "MFLOPs", "receptive field"), rows)


def _show(arguments: argparse.Namespace) -> str:
    if not arguments.network.endswith(WEIGHTS):
        return _layers(architecture_named(arguments.network), shape_of_data())
    path = Path(arguments.network)
    _, about = load_network(path)  # what is not whole is not shown either
    return "\n".join((*_told(arguments, path, about), _layers(about.architecture, about.shape)))


def _layers(architecture: Architecture, shape: Shape) -> str:
    network = without_weights(architecture, shape)
    flops: dict[str, int] = {}
    shapes = {}
    for cost in layer_costs(network):
        name = cost.layer.partition(".")[0]  # a residual block's convolutions together
        flops[name] = flops.get(name, 0) + cost.forward_flops
        shapes[name] = cost.output_shape
    parameters: dict[str, int] = {}
    for part in (network.features, network.head):
        for name, module in part.named_children():
            name = network.layer_of.get(name, name)  # the normalisation behind a convolution belongs to it
            parameters[name] = parameters.get(name, 0) + count_parameters(module)

    steps = {step.name: step for step in geometry(architecture, shape)}
    rows = []
    for name in [*steps, *(name for name in shapes if name not in steps)]:
        step = steps.get(name)
        output = (step.channels, step.size, step.size) if step else shapes[name]
        field = f"{step.receptive_field} px" if step else "whole image"
        rows.append((name, "×".join(map(str, output)), field, f"{parameters[name]:,}", mega(flops.get(name, 0))))
    rows.append(("all", "", "", f"{count_parameters(network):,}", mega(forward_flops(network))))
    return aligned(("layer", "output", "receptive field", "parameters", "MFLOPs"), rows)


def _predict(arguments: argparse.Namespace) -> str:
    path = _path(arguments)
    network, about = load_network(path)
    classes = about.classes
    top = min(3, len(classes)) if arguments.top is None else arguments.top
    if not 1 <= top <= len(classes):
        raise StudyError(f"--top: found {top}, allowed: 1 to {len(classes)}, the number of classes")
    takes = network.shape
    if takes.channels not in MODES:
        raise StudyError(f"{path}: found a network for images of {takes.channels} channels, allowed: 1 or 3")
    images, mistakes = [], []
    for file, read in zip(
        arguments.images, read_pictures(arguments.images, takes.channels, takes.size), strict=True
    ):
        if isinstance(read, StudyError):
            mistakes.append(str(read))
        else:
            images.append((file, read))
    if images:
        pixels = torch.from_numpy(np.stack([pixels for _, pixels in images]))
        with torch.inference_mode():
            probabilities = torch.cat([network(some).softmax(1) for some in torch.split(pixels, AT_ONCE)])
        rows = [
            (str(file), *(f"{classes[k]} {100 * row[k].item():.1f} %" for k in row.topk(top).indices))
            for (file, _), row in zip(images, probabilities, strict=True)
        ]
        head = ("image", "most likely", *("" for _ in rows[0][2:]))
        table = "\n".join((*_told(arguments, path, about), aligned(head, rows, align_right=False)))
        if not mistakes:
            return table
        print(table)  # one that cannot be read takes no other with it
    raise StudyError("\n".join(mistakes))


def _export(arguments: argparse.Namespace) -> str:
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise StudyError(f"{', '.join(missing)}: not installed; `pip install -e '.[onnx]'` brings all of them")
    path = _path(arguments)
    network, about = load_network(path)
    output = arguments.output or Path(f"{about.name}.onnx")
    from cnn_study.cli.onnx_export import export

    difference = export(network, about, output, CHECKED_IMAGES, TOLERANCE)
    takes, gives = network.shape, network.shape.classes
    written = (
        f"{output}: images (N, {takes.channels}, {takes.size}, {takes.size}) uint8 to logits (N, {gives}); "
        f"on {CHECKED_IMAGES} random images onnxruntime's logits differ from torch's by {difference:.1e} at most"
    )
    return "\n".join((*_told(arguments, path, about), written))


def _report(_: argparse.Namespace) -> str:
    if not REPORT.exists():
        raise StudyError(f"{REPORT}: not found; `dvc repro` makes it")
    opened = webbrowser.open(REPORT.resolve().as_uri())
    return f"{REPORT}: {'opened' if opened else 'no browser found here; open the file in one'}"


def _path(arguments: argparse.Namespace) -> Path:
    """The file of weights that the command line names."""
    name: str = arguments.network
    seed: int | None = arguments.seed
    if name.endswith(WEIGHTS):
        if seed is not None:
            raise StudyError(f"--seed: found {seed} beside a file, allowed: with a name")
        return Path(name)
    architecture_named(name)  # which says what name could be meant
    seeds = validate(read_yaml()).trainings[name].seeds
    seed = seeds[0] if seed is None else seed
    if seed not in seeds:
        raise StudyError(f"--seed: found {seed}, allowed: {', '.join(map(str, seeds))}, the seeds of {name}")
    return Path("runs/train") / name / f"seed-{seed}{WEIGHTS}"


def _told(arguments: argparse.Namespace, path: Path, about: About) -> Iterator[str]:
    """Which network the file says that it holds, and whether params.yaml has another one under its name."""
    yield (
        f"{path}: {about.name}, trained on {about.dataset} with seed {about.seed} and a budget of "
        f"{about.budget:g} epoch{'s' if about.budget != 1 else ''}"
    )
    name = about.name if arguments.network.endswith(WEIGHTS) else arguments.network
    try:
        meant = architecture_named(name)
    except StudyError:  # a file needs no params.yaml
        return
    if meant != about.architecture:
        yield f"{PARAMS}: architectures.{name}: found another architecture than the file's, which is used here"


def mega(count: int) -> str:
    """Millions, to a hundredth."""
    return f"{count / 1e6:,.2f}"


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]], align_right: bool = True) -> str:
    """A table as text: the first column to the left, the others to the right or left."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    side = ">" if align_right else "<"
    return "\n".join(
        "  ".join(
            f"{cell:{'<' if place == 0 else side}{widths[place]}}" for place, cell in enumerate(line)
        ).rstrip()
        for line in lines
    )
