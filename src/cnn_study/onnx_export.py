"""Networks for other runtimes. Needs the extra ``onnx``."""

from pathlib import Path

import onnxruntime
import torch

from cnn_study.networks import Network
from cnn_study.schema import StudyError
from cnn_study.spec import CHANNELS, IMAGE_SIZE


def export(network: Network, path: Path, images: int, tolerance: float) -> float:
    """Write ``network`` to ``path``, and give by how much a logit differs at most on random ``images``.

    Raises StudyError, and leaves ``path`` as it was, if that is more than ``tolerance``.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        difference = _write(network, partial, images)
        if not difference <= tolerance:
            raise StudyError(
                f"{path}: onnxruntime's logits differ by {difference:.1e}, allowed: {tolerance:.0e}; not kept"
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return difference


def _write(network: Network, path: Path, images: int) -> float:
    generator = torch.Generator().manual_seed(0)
    shape = (images, CHANNELS, IMAGE_SIZE, IMAGE_SIZE)
    shown = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    torch.onnx.export(
        network.eval(), (shown,), path, dynamo=True, external_data=False, verbose=False,
        input_names=["images"], output_names=["logits"],
        dynamic_shapes={"images": {0: torch.export.Dim("count")}},
    )  # fmt: skip
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(["logits"], {"images": shown.numpy()})
    with torch.inference_mode():
        return float((network(shown) - torch.from_numpy(theirs)).abs().max())
