"""Networks for other runtimes, with all that is needed to use them. Needs the extra ``onnx``."""

import json
from pathlib import Path

import onnxruntime
import torch

from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_whole
from cnn_study.networks.network import Network
from cnn_study.networks.weights import About


def export(network: Network, about: About, path: Path, images: int, tolerance: float) -> float:
    """Write ``network`` to ``path``, and give by how much a logit differs at most on random ``images``.

    Raises StudyError, and leaves ``path`` as it was, if that is more than ``tolerance`` or there is no folder
    for it.
    """
    if not path.parent.is_dir():
        raise StudyError(f"{path.parent}: found no such folder")
    if path.is_dir():
        raise StudyError(f"{path}: found a folder, allowed: the name of a file")
    generator = torch.Generator().manual_seed(0)
    shown = torch.randint(0, 256, network.shape.images(images), dtype=torch.uint8, generator=generator)
    program = torch.onnx.export(
        network.eval(), (shown,), dynamo=True, verbose=False, input_names=["images"], output_names=["logits"],
        dynamic_shapes={"images": {0: torch.export.Dim("count")}},
    )  # fmt: skip
    assert program is not None  # as it is without dynamo
    program.model.metadata_props.update(properties(network, about))
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


def properties(network: Network, about: About) -> dict[str, str]:
    """What the model says beside its graph, each as JSON.

    ``classes``: in the order of the logits. ``preprocessing``: how a picture becomes what the model takes, whose
    type and shape the graph has. ``about``: all else that is known of the network.
    """
    preprocessing = {
        "crop": "middle square",
        "scale_to": [network.shape.size, network.shape.size],
        "colours": {1: "grey", 3: "RGB"}.get(network.shape.channels, "channels"),
        "layout": "NCHW",
        "values": [0, 255],
        "normalization_in_the_graph": {
            "mean": network.normalize.mean.tolist(),
            "deviation": network.normalize.std.tolist(),
        },
    }
    said = about.model_dump(mode="json")
    contents = {"classes": said.pop("classes"), "preprocessing": preprocessing, "about": said}
    return {key: json.dumps(value, ensure_ascii=False, sort_keys=True) for key, value in contents.items()}
