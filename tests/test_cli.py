"""The command `cnn-study`, run as a user does."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import read_yaml
from cnn_study.cli import main as cli
from cnn_study.networks.network import Network
from cnn_study.networks.weights import save_network
from cnn_study.params.study import validate
from cnn_study.sources import fashion_mnist
from cnn_study.trained import load
from tests.conftest import REPOSITORY, SHAPE
from tests.test_architectures import BY_HAND
from tests.weights_cases import about_of, averaging

SPECS = validate(read_yaml(REPOSITORY / "params.yaml")).architectures
WEIGHTS = "runs/train/kernel_3x3/seed-0.safetensors"
Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in a folder with a network of 3×3 kernels that calls red pictures bags, others shirts.

    It was trained on Fashion-MNIST, and params.yaml is that of the repository, which says CIFAR-10.
    """
    network = Network(SPECS["kernel_3x3"], SHAPE)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for name in ("features.conv1", "features.conv2"):
            network.get_submodule(name).weight[0, 0, 1, 1] = 1.0  # type: ignore[operator]
        network.get_submodule("head.hidden1").weight[0, :64] = 1.0  # type: ignore[operator]
        network.get_submodule("head.output").weight[8, 0] = 1.0  # type: ignore[operator]
        network.get_submodule("head.output").bias[6] = 5.0  # type: ignore[operator]
    about = about_of(
        SPECS["kernel_3x3"], name="kernel_3x3", dataset="fashion_mnist", classes=fashion_mnist.CLASSES, seed=0
    )
    save_network(tmp_path / WEIGHTS, network, about)
    (tmp_path / "params.yaml").write_bytes((REPOSITORY / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["cnn-study", *arguments])
        cli.main()
        return capsys.readouterr().out

    return run


def refused(command: Command, *arguments: str) -> str:
    """The one line with which a command ends."""
    with pytest.raises(SystemExit) as ended:
        command(*arguments)
    line = str(ended.value)
    assert line
    assert "\n" not in line
    return line


def test_the_list_has_what_was_worked_out_for_each_architecture(command: Command) -> None:
    printed = command("list").splitlines()
    assert len(printed) == 1 + len(SPECS)
    rows = {line.split()[0]: line.split()[1:] for line in printed[1:]}
    for name, (parameters, _, flops, field) in BY_HAND.items():
        assert rows[name] == [f"{parameters:,}", f"{flops / 1e6:.2f}", str(field), "px"]


@pytest.mark.parametrize("name", ["kernel_3x3", "depth_6_norm", "residual"])
def test_the_layers_that_are_shown_add_up(command: Command, name: str) -> None:
    *layers, total = command("show", name).splitlines()[1:]
    numbers = [[float(cell.replace(",", "")) for cell in line.split()[-2:]] for line in (*layers, total)]
    parameters, flops = BY_HAND[name][0], BY_HAND[name][2]
    assert numbers[-1] == [parameters, pytest.approx(flops / 1e6, abs=0.005)]
    assert sum(row[0] for row in numbers[:-1]) == parameters
    assert sum(row[1] for row in numbers[:-1]) == pytest.approx(flops / 1e6, abs=0.05)


def test_a_layer_is_shown_with_shape_and_receptive_field(command: Command) -> None:
    printed = command("show", "kernel_3x3")
    assert re.search(r"conv1 +32×32×32 +3 px +896 ", printed)
    assert re.search(r"pool2 +64×8×8 +10 px +0 +0\.00", printed)
    assert re.search(r"hidden1 +256 +whole image +1,048,832 ", printed)


@pytest.mark.parametrize("at_once", [2, 125])
def test_pictures_of_any_kind_and_size_get_class_probabilities(
    at_once: int, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "AT_ONCE", at_once)
    forward, shown = Network.forward, list[int]()

    def counted(network: Network, images: torch.Tensor) -> torch.Tensor:
        shown.append(len(images))
        return forward(network, images)

    monkeypatch.setattr(Network, "forward", counted)
    Image.new("RGB", (300, 200), (255, 0, 0)).save("red.png")
    Image.new("L", (20, 20), 0).save("black.jpg")
    Image.new("RGBA", (32, 32), (255, 0, 0, 255)).save("alpha.png")
    told, _, red, black, alpha = command("predict", "kernel_3x3", "red.png", "black.jpg", "alpha.png").splitlines()
    assert told == f"{WEIGHTS}: kernel_3x3, trained on fashion_mnist with seed 0 and a budget of 2 epochs"
    assert re.search(r"^red.png +bag 100.0 % ", red)
    assert re.search(r"^alpha.png +bag 100.0 % ", alpha)
    # Nine classes share what e^5 leaves: 9 / (9 + e^5) of it.
    assert re.search(r"^black.jpg +shirt 94.3 % +\S+ 0.6 % +\S+ 0.6 %$", black)
    assert (sum(shown), max(shown)) == (3, min(3, at_once))


def test_a_file_is_enough_anywhere(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = command("show", "kernel_3x3")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(WEIGHTS, tmp_path / "elsewhere/mine.safetensors")
    monkeypatch.chdir(tmp_path / "elsewhere")  # where there is no params.yaml
    Image.new("RGB", (8, 8), (255, 0, 0)).save("red.png")
    told, _, red = command("predict", "mine.safetensors", "red.png").splitlines()
    assert told.startswith("mine.safetensors: kernel_3x3, trained on fashion_mnist with seed 0 and")
    assert re.search(r"^red.png +bag 100.0 % ", red)
    assert command("show", "mine.safetensors") == f"{told}\n{by_name}"
    assert refused(command, "predict", "mine.safetensors", "red.png", "--seed", "0").startswith("--seed: found 0")
    assert refused(command, "show", "other.safetensors").startswith("other.safetensors: not found")


@pytest.mark.parametrize("named", ["kernel_3x3", WEIGHTS])
def test_the_network_of_the_file_runs_whatever_params_yaml_says_by_now_and_that_is_told(
    command: Command, named: str
) -> None:
    changes_its_mind = "params.yaml: architectures.kernel_3x3: found another architecture than the file's"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save("noise.png")
    told, *before = command("predict", named, "noise.png").splitlines()
    params = Path("params.yaml").read_text("utf-8")
    entry = params[params.index("  kernel_3x3:               #") : params.index("  kernel_5x5:\n    layers")]
    Path("params.yaml").write_text(params.replace(entry, entry.replace("{pool: 2}", "{pool: 2, kind: average}")))
    assert validate(read_yaml()).architectures["kernel_3x3"] == averaging(SPECS["kernel_3x3"])
    same, but, *after = command("predict", named, "noise.png").splitlines()
    assert (same, after) == (told, before)
    assert but.startswith(changes_its_mind)

    onnxruntime = pytest.importorskip("onnxruntime")
    assert changes_its_mind in command("export", named)
    images = noise.transpose(2, 0, 1)[None]
    (logits,) = onnxruntime.InferenceSession("kernel_3x3.onnx").run(None, {"images": images})
    average = Network(averaging(SPECS["kernel_3x3"]), SHAPE).eval()
    average.load_state_dict(load(WEIGHTS).state_dict())
    with torch.inference_mode():
        np.testing.assert_allclose(logits, load(WEIGHTS)(torch.from_numpy(images)).numpy(), atol=1e-3)
        assert np.abs(logits - average(torch.from_numpy(images)).numpy()).max() > 0.1


def test_a_file_that_does_not_say_what_it_holds_is_refused(command: Command) -> None:
    Image.new("RGB", (8, 8)).save("picture.png")
    save_file({name: tensor.contiguous() for name, tensor in load(WEIGHTS).state_dict().items()}, WEIGHTS)
    for arguments in (("predict", "kernel_3x3", "picture.png"), ("show", WEIGHTS)):
        assert "do not say what network they are of" in refused(command, *arguments)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "picture.png: No such file"),
        (b"hello", "picture.png: found no picture, allowed: PNG, JPEG, "),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "picture.png: found "),
        (b"%!PS-Adobe-3.0" + bytes(40), "picture.png: found no picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_one_line(command: Command, content: bytes | None, says: str) -> None:
    if content is not None:
        Path("picture.png").write_bytes(content)
    assert refused(command, "predict", "kernel_3x3", "picture.png").startswith(says)


def test_a_picture_that_breaks_off_is_refused(command: Command) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("whole.png")
    Path("half.png").write_bytes(Path("whole.png").read_bytes()[:5000])
    assert "cannot be read" in refused(command, "predict", "kernel_3x3", "half.png")


def test_a_picture_that_cannot_be_read_takes_no_other_with_it(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (300, 200), (255, 0, 0)).save("red.png")
    Path("broken.png").write_bytes(b"hello")
    with pytest.raises(SystemExit) as ended:
        command("predict", "kernel_3x3", "broken.png", "red.png", "missing.png")
    assert [line.partition(":")[0] for line in str(ended.value).splitlines()] == ["broken.png", "missing.png"]
    assert re.search(r"^red.png +bag 100.0 % ", capsys.readouterr().out.splitlines()[-1])


def test_what_is_not_there_is_said_in_one_line(command: Command) -> None:
    assert "did you mean 'kernel_3x3'?" in refused(command, "show", "kernel_3x4")
    Image.new("RGB", (8, 8)).save("picture.png")
    assert "`dvc pull` brings it" in refused(command, "predict", "depth_4", "picture.png")
    for top in ("0", "11"):
        told = refused(command, "predict", "kernel_3x3", "picture.png", "--top", top)
        assert told == f"--top: found {top}, allowed: 1 to 10, the number of classes"
    assert "allowed: 0, 1, 2" in refused(command, "export", "kernel_3x3", "--seed", "7")
    params = Path("params.yaml").read_text()
    own = "  depth_4:\n    training: {seeds: [7, 8]}\n"
    Path("params.yaml").write_text(params.replace("  depth_4:\n    layers", f"{own}    layers"))
    assert "depth_4/seed-7.safetensors" in refused(command, "export", "depth_4")
    assert "allowed: 7, 8" in refused(command, "export", "depth_4", "--seed", "0")
    assert refused(command, "report").startswith("plots/report.html: not found")
    Path("params.yaml").unlink()
    assert refused(command, "list").startswith("params.yaml: not found")


def test_the_lines_of_python_in_docs_load_a_network(command: Command) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs/models.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    shutil.copy2(WEIGHTS, ".")
    Path("params.yaml").unlink()
    exec(lines, names)
    assert names["logits"].argmax(1).tolist() == [6, 6]
    assert names["classes"] == fashion_mnist.CLASSES


def test_an_exported_network_computes_the_same_on_batches_of_any_size(command: Command, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    from cnn_study.cli import onnx_export

    assert "kernel_3x3.onnx" in command("export", "kernel_3x3")
    torch.manual_seed(0)
    for name in ("depth_6_norm", "residual"):
        network = Network(SPECS[name], SHAPE).eval()
        onnx_export.export(network, about_of(SPECS[name]), tmp_path / f"{name}.onnx", images=8, tolerance=1e-3)
        images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
        session = onnxruntime.InferenceSession(tmp_path / f"{name}.onnx")
        (logits,) = session.run(None, {"images": images.numpy()})
        with torch.inference_mode():
            np.testing.assert_allclose(logits, network(images).numpy(), atol=1e-4)


ALONE = """
import json, sys
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
said = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
(takes,), how = session.get_inputs(), said["preprocessing"]
assert takes.type == "tensor(uint8)"
_, channels, *sides = takes.shape
assert sides == how["scale_to"]
assert (how["colours"], how["layout"], how["values"]) == ("RGB", "NCHW", [0, 255])
red = numpy.zeros((1, channels, *sides), numpy.uint8)
red[:, 0] = how["values"][1]
(logits,) = session.run(None, {takes.name: red})
assert not [name for name in sys.modules if name.partition(".")[0] in ("cnn_study", "torch")]
print(said["classes"][logits.argmax()], said["about"]["dataset"], said["about"]["seed"], said["about"]["budget"])
"""


def test_a_model_says_to_onnxruntime_alone_what_it_takes_and_what_its_logits_mean(command: Command) -> None:
    pytest.importorskip("onnxruntime")
    command("export", "kernel_3x3", "--output", "model.onnx")
    alone = (sys.executable, "-I", "-c", ALONE, "model.onnx")
    assert subprocess.run(alone, capture_output=True, check=True, text=True).stdout == "bag fashion_mnist 0 2\n"


def test_an_export_that_computes_something_else_is_not_kept(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from cnn_study.cli import onnx_export

    path = tmp_path / "network.onnx"
    path.write_bytes(b"an older one")
    torch.manual_seed(0)
    with pytest.raises(StudyError, match="onnxruntime's logits differ"):
        architecture = SPECS["kernel_3x3"]
        network, about = Network(architecture, SHAPE), about_of(architecture)
        onnx_export.export(network, about, path, images=8, tolerance=-1.0)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"an older one"]


def test_an_export_to_where_nothing_can_be_written_is_one_line(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    for place in ("missing/network.onnx", str(tmp_path), ".", "/"):
        assert "Traceback" not in refused(command, "export", "kernel_3x3", "--output", place)


def test_a_missing_extra_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "`pip install -e '.[onnx]'`" in refused(command, "export", "kernel_3x3")


@pytest.fixture
def nobody_reads() -> Iterator[int]:
    """The end of a pipe whose other end is closed, as behind ``| head`` once it has seen enough."""
    other, end = os.pipe()
    os.close(other)
    yield end
    os.close(end)


def ended(command: Command, output: TextIO | None, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """What a command ends with whose standard output is ``output``; Python's own last try writes nothing more."""
    monkeypatch.setattr(sys, "stdout", output)
    try:
        command(*arguments)
    except SystemExit as error:
        return error.code
    finally:
        if output is not None:
            output.close()  # which writes what is still held back
    return 0


@pytest.mark.parametrize("arguments", [("show", "kernel_3x3"), ("list",), ("--help",)])
@pytest.mark.parametrize("held_back", [True, False])
def test_a_reader_that_has_seen_enough_is_no_mistake(
    command: Command,
    nobody_reads: int,
    arguments: tuple[str, ...],
    held_back: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = TextIOWrapper(os.fdopen(os.dup(nobody_reads), "wb"), write_through=not held_back)
    code = ended(command, output, *arguments, monkeypatch=monkeypatch)
    assert code == 141 or (code == 0 and "--help" in arguments)  # argparse goes on


def script(output: int, flush: bool) -> tuple[int, bytes]:
    """The exit code of one that prints a line into ``output``, and what it says on the other stream."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = (sys.executable, "-c", f"import stages; print('line', flush={flush})")
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stdout=output, stderr=subprocess.PIPE, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("flush", [True, False])
def test_nor_is_it_one_of_stages_and_scripts(nobody_reads: int, flush: bool) -> None:
    assert script(nobody_reads, flush)[1] == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [("show", "kernel_3x3"), ("--help",)])
def test_what_a_full_disk_does_not_take_is_one_line(
    command: Command, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115  (closed by ``ended``)
    assert ended(command, full, *arguments, monkeypatch=monkeypatch) == "writing: No space left on device"


def test_output_that_a_shell_has_closed_is_no_mistake(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(command, None, "show", "kernel_3x3", monkeypatch=monkeypatch) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_script_whose_output_is_lost_does_not_end_well() -> None:
    with Path("/dev/full").open("w") as full:
        assert script(full.fileno(), flush=False)[0] != 0
