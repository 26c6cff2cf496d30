"""Optimizers, by their names in a recipe."""

import torch
from torch import nn
from torch.optim import Optimizer

from cnn_study.base.environment import Environment
from cnn_study.training.muon import Muon
from cnn_study.training.recipe import Recipe

# Torch's optimizers import its compiler, a second or two of every stage, only to keep it off some methods; where
# that has been done, it is noted with the function. (The steps of torch's own optimizers import it all the same.)
for _method in vars(Optimizer).values():
    if (_function := getattr(_method, "__wrapped__", None)) is not None:
        _function.__dynamo_disable = _function


def make_optimizer(network: nn.Module, recipe: Recipe, environment: Environment) -> torch.optim.Optimizer:
    """The recipe's optimizer; biases and normalisation are not decayed."""
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    match recipe.optimizer:
        case "sgd":
            nesterov = recipe.momentum > 0
            return torch.optim.SGD(groups, lr=1.0, momentum=recipe.momentum, nesterov=nesterov, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=1.0, betas=(recipe.momentum, 0.999), fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, lr=1.0, betas=(recipe.momentum, 0.999), fused=True)
        case "muon":
            dtype = torch.bfloat16 if environment.precision == "bf16" else torch.float32
            return Muon(groups, lr=1.0, momentum=recipe.momentum, adamw_rate=recipe.adamw_rate, dtype=dtype)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use ``rate`` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate
