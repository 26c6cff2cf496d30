"""The training loop that people write, to compare with: DataLoader, torchvision's transforms, fp32, Adam."""

import time

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from cnn_study.data.splits import Split
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network

WORKERS = (0, 1, 2)  # of the loader; the fastest counts
IMAGES = 6_400  # measured, after some batches in which the workers start and fill their queues
WARM_UP = 8  # batches


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """As torchvision.datasets.CIFAR10 gives them: one image at a time, transformed when asked for."""

    def __init__(self, split: Split) -> None:
        self.shape = split.shape
        self._pixels = split.images.transpose(0, 2, 3, 1).copy()
        self._labels = split.labels.tolist()
        self._transform = transforms.Compose(
            [
                transforms.RandomCrop(split.shape.size, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
            ]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self._transform(Image.fromarray(self._pixels[index])), self._labels[index]


class ForFloats(nn.Module):
    """The same network for images that the loader has normalised."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.features, self.head = network.features, network.head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, S, S) to logits (N, classes)."""
        logits: torch.Tensor = self.head(self.features(images).flatten(1))
        return logits


def images_per_second(architecture: Architecture, pictures: Pictures, batch_size: int, workers: int) -> float:
    """The speed of training ``architecture`` in this loop, with torch as it is by default: not deterministic."""
    torch.set_deterministic_debug_mode("default")
    try:
        return _images_per_second(architecture, pictures, batch_size, workers)
    finally:
        torch.set_deterministic_debug_mode("error")


def _images_per_second(architecture: Architecture, pictures: Pictures, batch_size: int, workers: int) -> float:
    model = ForFloats(Network(architecture, pictures.shape)).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(pictures, batch_size=batch_size, shuffle=True, num_workers=workers)
    batches = IMAGES // batch_size
    started, seconds, running_loss = 0.0, 0.0, 0.0
    for number, (images, labels) in enumerate(loader):
        if number == WARM_UP:
            started = time.perf_counter()
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        torch.autograd.backward(loss)
        optimizer.step()
        running_loss += loss.item()
        if number == WARM_UP + batches - 1:
            seconds = time.perf_counter() - started  # before the workers are shut down
            break
    return batch_size * batches / seconds
