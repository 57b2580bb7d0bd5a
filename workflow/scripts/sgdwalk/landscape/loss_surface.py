"""Loss and accuracy of a network at many points of a line or a plane in parameter space."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from sgdwalk.errors import InputError
from sgdwalk.landscape.directions import position
from sgdwalk.landscape.input_layers import FixedInputLayers
from sgdwalk.landscape.results import SurfaceValues
from sgdwalk.training.batch_norm import batch_statistics

BATCH_NORM = ("kept", "recomputed")
Samples = tuple[Tensor, Tensor]


class LossSurface:
    """Mean loss and accuracy over fixed samples as functions of a network's parameters.

    Everything stays on the network's device: samples, and one flat vector of parameters of which
    the network's own are views, so that a point costs one update of this vector and the forward
    passes. Outputs of linear layers that see the samples themselves are linear in the coordinates:
    they are combined from those of the origin and the directions, instead of multiplied anew.
    Dropout is off. Memory: the samples, the directions twice, and the activations of one batch.

    Args:
        model: any `nn.Module` classifier; it is copied and not changed.
        train: (inputs, labels) of N training samples.
        test: the same of test samples, or `None`.
        criterion: mean loss of (outputs, labels) of a batch.
        batch_norm: `kept`: running statistics are the model's at every point. `recomputed`: at
            every point training samples are normalised by the statistics of their batch, and test
            samples by the mean of these over batches, as after an epoch at that point.
        batch_size: samples per forward pass; batches differ in size by one at most.

    Raises:
        InputError: an unknown treatment of batch norm, no samples, a batch size below one, or no
            trainable parameters.
    """

    def __init__(
        self,
        model: nn.Module,
        train: Samples,
        test: Samples | None = None,
        *,
        criterion: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
        batch_norm: str = "kept",
        batch_size: int = 256,
    ) -> None:
        if batch_norm not in BATCH_NORM:
            raise InputError(f"batch_norm: {batch_norm!r}; allowed: {', '.join(BATCH_NORM)}")
        self._criterion = criterion
        self._model = copy.deepcopy(model).eval().requires_grad_(True)
        trainable = [p.requires_grad for p in model.parameters()]
        self._parameters = [
            p for p, moves in zip(self._model.parameters(), trainable, strict=True) if moves
        ]
        if not self._parameters:
            raise InputError("loss surface: the model has no trainable parameters")
        first = self._parameters[0]
        self._device, self._dtype = first.device, first.dtype
        # Convolutions on the CPU prefer channels last; networks without would copy it back.
        convolves = any(isinstance(m, nn.Conv2d) for m in self._model.modules())
        self._channels_last = convolves and first.device.type == "cpu"
        self._train, self._test = (
            self._batches(samples, batch_size) if samples is not None else []
            for samples in (train, test)
        )
        found = [m for m in self._model.modules() if isinstance(m, _BatchNorm)]
        self._recomputed = found if batch_norm == "recomputed" else []
        self._layers = FixedInputLayers(self._model, self._train[0][0][:2])
        self._model.requires_grad_(False)
        self._flat = self._laid_out(position(model))
        self._place_parameters()

    def values(self, origin: Tensor, directions: Tensor, coordinates: np.ndarray) -> SurfaceValues:
        """Evaluate at `origin + coordinates @ directions`.

        Args:
            origin: (P,) position in `model.parameters()` order.
            directions: (d, P).
            coordinates: (n, d).

        Returns:
            Values at the n points; not finite where the network's outputs are not.

        Raises:
            InputError: if shapes do not match.
        """
        coordinates = np.asarray(coordinates, dtype=float)
        if directions.dim() != 2 or coordinates.shape[1:] != directions.shape[:1]:
            raise InputError(
                f"loss surface: coordinates {coordinates.shape} for directions "
                f"{tuple(directions.shape)}; must be (n, d) and (d, P)"
            )
        if origin.shape != self._flat.shape or directions.shape[1] != len(origin):
            raise InputError(
                f"loss surface: origin {tuple(origin.shape)} and directions "
                f"{tuple(directions.shape)} for {len(self._flat)} trainable parameters"
            )
        origin, directions = self._laid_out(origin), self._laid_out(directions)
        batches = [*self._train, *self._test]
        sums = torch.zeros(len(coordinates), 4, dtype=torch.float64, device=self._device)
        with (
            torch.inference_mode(),
            self._layers.prepared(
                [inputs for inputs, _ in batches],
                lambda vector: self._flat.copy_(vector),
                [origin, *directions],
            ),
        ):
            for point, coordinate in zip(sums, coordinates, strict=True):
                self._move(origin, directions, coordinate)
                self._evaluate(point, coordinate)
        found = sums.cpu().numpy()
        train, test = (sum(len(y) for _, y in part) for part in (self._train, self._test))
        return SurfaceValues(
            train_loss=found[:, 0] / train,
            train_accuracy=found[:, 1] / train,
            test_loss=found[:, 2] / test if test else None,
            test_accuracy=found[:, 3] / test if test else None,
        )

    def _move(self, origin: Tensor, directions: Tensor, coordinate: np.ndarray) -> None:
        first, *others = coordinate.tolist()
        torch.add(origin, directions[0], alpha=first, out=self._flat)
        for direction, along in zip(directions[1:], others, strict=True):
            self._flat.add_(direction, alpha=along)

    def _evaluate(self, sums: Tensor, coordinate: np.ndarray) -> None:
        """Add loss and correct predictions of all batches to (4,) sums."""
        index = 0
        for module in self._recomputed:
            if module.track_running_stats:
                module.reset_running_stats()
        with batch_statistics(self._recomputed):
            for inputs, labels in self._train:
                self._add(sums[:2], index, inputs, labels, coordinate)
                index += 1
        for inputs, labels in self._test:
            self._add(sums[2:], index, inputs, labels, coordinate)
            index += 1

    def _add(
        self, sums: Tensor, index: int, inputs: Tensor, labels: Tensor, coordinate: np.ndarray
    ) -> None:
        self._layers.choose(index, coordinate)
        outputs = self._model(inputs)
        # Logarithms in double precision: differences of losses are what the surface is about.
        sums[0] += len(labels) * self._criterion(outputs.double(), labels)
        sums[1] += (outputs.argmax(1) == labels).sum()

    def _batches(self, samples: Samples, size: int) -> list[Samples]:
        inputs, labels = samples
        if size < 1 or not len(inputs) or len(inputs) != len(labels):
            raise InputError(
                f"loss surface: {len(inputs)} inputs and {len(labels)} labels, in batches of "
                f"{size}; needed are as many of both, at least one, and a size of at least 1"
            )
        inputs, labels = inputs.to(self._device), labels.to(self._device)
        if inputs.is_floating_point():
            inputs = inputs.to(self._dtype)
        count = -(-len(inputs) // size)
        return [
            (self._as_images(x), y)
            for x, y in zip(inputs.tensor_split(count), labels.tensor_split(count), strict=True)
        ]

    def _as_images(self, inputs: Tensor) -> Tensor:
        layout = self._channels_last and inputs.dim() == 4
        return inputs.contiguous(
            memory_format=torch.channels_last if layout else torch.contiguous_format
        )

    def _laid_out(self, vectors: Tensor) -> Tensor:
        """(..., P) from `model.parameters()` order to that of the flat vector."""
        parts = []
        sizes = [p.numel() for p in self._parameters]
        vectors = vectors.to(self._device, self._dtype)
        for part, parameter in zip(vectors.split(sizes, dim=-1), self._parameters, strict=True):
            if self._channels_last and parameter.dim() == 4:
                part = part.unflatten(-1, parameter.shape).movedim(-3, -1).flatten(-4)
            parts.append(part)
        return torch.cat(parts, dim=-1)

    def _place_parameters(self) -> None:
        """Make the network's parameters views of the flat vector."""
        sizes = [p.numel() for p in self._parameters]
        for part, parameter in zip(self._flat.split(sizes), self._parameters, strict=True):
            if self._channels_last and parameter.dim() == 4:
                outputs, inputs, *sides = parameter.shape
                parameter.data = part.view(outputs, *sides, inputs).movedim(-1, 1)
            else:
                parameter.data = part.view(parameter.shape)
