"""Networks for other runtimes. Needs the extra ``onnx``."""

from pathlib import Path

import onnxruntime
import torch

from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_whole
from cnn_study.networks.network import Network


def export(network: Network, path: Path, images: int, tolerance: float) -> float:
    """Write ``network`` to ``path``, and give by how much a logit differs at most on random ``images``.

    Raises StudyError, and leaves ``path`` as it was, if that is more than ``tolerance`` or there is no folder
    for it.
    """
    if not path.parent.is_dir():
        raise StudyError(f"{path.parent}: found no such folder")
    generator = torch.Generator().manual_seed(0)
    shown = torch.randint(0, 256, network.shape.images(images), dtype=torch.uint8, generator=generator)
    program = torch.onnx.export(
        network.eval(), (shown,), dynamo=True, verbose=False, input_names=["images"], output_names=["logits"],
        dynamic_shapes={"images": {0: torch.export.Dim("count")}},
    )  # fmt: skip
    assert program is not None  # as it is without dynamo
    content = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(["logits"], {"images": shown.numpy()})
    with torch.inference_mode():
        difference = float((network(shown) - torch.from_numpy(theirs)).abs().max())
    if not difference <= tolerance:
        raise StudyError(
            f"{path}: onnxruntime's logits differ by {difference:.1e}, allowed: {tolerance:.0e}; not written"
        )
    write_whole(path, content)
    return difference
