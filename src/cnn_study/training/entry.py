"""An entry of ``architectures``: a network, and what it changes of the training that all share."""

from typing import Annotated, Any

from pydantic import Field, create_model

from cnn_study.base.schema import Model
from cnn_study.networks.architecture import Architecture
from cnn_study.training.recipe import Training


def _optional(model: type[Model]) -> type[Model]:
    """A model with the fields of ``model``, none of which has to be there; see ``Model.updated``."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        kind = (
            _optional(kind) if isinstance(kind, type) and issubclass(kind, Model) else field.rebuild_annotation()
        )
        fields[name] = (kind, Field(default=None, description=field.description))  # a default that is never read
    return create_model(f"{model.__name__}Override", __base__=Model, __doc__=model.__doc__, **fields)


class Override(_optional(Training)):  # type: ignore[misc]
    """What an architecture changes of the training that all share."""


class Entry(Architecture):
    """A network, and what it changes of the training that all share."""

    training: Annotated[Override, Field(default_factory=Override)]

    @property
    def network(self) -> Architecture:
        """The network alone."""
        return Architecture(layers=self.layers, head=self.head)

    def trained_by(self, shared: Training) -> Training:
        """How it trains."""
        return shared.updated(self.training)
