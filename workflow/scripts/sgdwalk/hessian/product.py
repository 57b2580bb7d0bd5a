"""Products of a vector with the Hessian of a network's mean loss over a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from sgdwalk.errors import InputError
from sgdwalk.hessian.double_backward import CheapSecondDerivatives
from sgdwalk.training.batch_norm import eval_mode, refresh_batch_norm

Data = tuple[Tensor, Tensor] | Iterable[tuple[Tensor, Tensor]]
_PROBES = (4, 8)  # samples whose graphs are measured to predict the memory of larger batches
GIBIBYTE = 2**30


class HessianProduct:
    """The Hessian H of the mean loss over all samples, as a linear map `v -> H v`.

    Exact to rounding (Pearlmutter, Neural Computation 6, 147, 1994): the gradient is a
    differentiable function of the parameters, and H v is its derivative against v. The graph of the
    gradient is built once and kept where it fits into `memory`; otherwise it is rebuilt, chunk by
    chunk of the samples, for each product.

    The model is neither changed nor held: parameters and buffers are copied, its mode is set only
    while a graph is built. Dropout is off in both modes: the Hessian of a random loss is none.

    Args:
        model: any `nn.Module`; P = number of its trainable parameters, flattened in
            `model.parameters()` order.
        loss: `loss(model(inputs), targets)`, the mean over the samples of a batch.
        data: `(inputs, targets)` with samples along the first axis, N in all, or an iterable of
            such batches, of any sizes: every sample counts the same.
        train_mode: False: batch norm uses its running statistics, recomputed from `data` where they
            are still at their initial values. True: it uses those of each batch, through which the
            parameters act too; the loss is then the mean over batches, weighted by their sizes.
        batch_size: samples per batch in train mode; all by default. Eval mode has no batches.
        memory: bytes that graphs may take, 2 GiB by default. In train mode no less than one batch.

    Raises:
        InputError: no samples, differing numbers of inputs and targets, or no trainable parameters.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        data: Data,
        *,
        train_mode: bool = False,
        batch_size: int | None = None,
        memory: int = 2 * GIBIBYTE,
    ) -> None:
        trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
        if not trainable:
            raise InputError("HessianProduct: the model has no trainable parameters")
        first = next(iter(trainable.values()))
        self.device, self.dtype = first.device, first.dtype
        self._model, self._loss, self._train_mode = model, loss, train_mode
        self._inputs, self._targets = (t.to(self.device) for t in whole_set(data))
        self.samples = len(self._inputs)
        self._parameters = {n: _laid_out(p).requires_grad_() for n, p in trainable.items()}
        self._sizes = [p.numel() for p in self._parameters.values()]
        self.dimension = sum(self._sizes)
        self._fixed = {n: p.detach() for n, p in model.named_parameters() if not p.requires_grad}
        self._fixed |= {name: b.detach().clone() for name, b in model.named_buffers()}
        self.products = 0
        if not train_mode:
            refresh_batch_norm(model, self._inputs, {**self._parameters, **self._fixed})

        fixed, per_sample = self._graph_bytes()
        if train_mode:
            chunk = batch_size or self.samples
        else:
            fitting = max(1, int((memory / 2 - fixed) / per_sample))
            chunk = -(-self.samples // -(-self.samples // fitting))  # chunks of about equal size
        self._chunks = list(zip(self._inputs.split(chunk), self._targets.split(chunk), strict=True))
        # The temporaries of a product take about as much as the graph of one chunk.
        kept = len(self._chunks) * fixed + self.samples * per_sample
        self.retained = kept + fixed + chunk * per_sample <= memory
        self._graphs = [self._gradient(*c) for c in self._chunks] if self.retained else None

    def __matmul__(self, vector: Tensor) -> Tensor:
        """H v for `vector` (P,) on the model's device; (P,)."""
        tangents = [
            part.view_as(p)
            for part, p in zip(vector.split(self._sizes), self._parameters.values(), strict=True)
        ]
        result = torch.zeros_like(vector)
        for index in range(len(self._chunks)):
            result += self._chunk_product(index, tangents)
        self.products += 1
        return result

    def _chunk_product(self, index: int, tangents: list[Tensor]) -> Tensor:
        gradient = self._graphs[index] if self._graphs else self._gradient(*self._chunks[index])
        # An entry without a graph does not depend on the parameters: it has no part in H.
        pairs = [(g, t) for g, t in zip(gradient, tangents, strict=True) if g.requires_grad]
        if not pairs:
            return torch.zeros(self.dimension, device=self.device, dtype=self.dtype)
        outputs, directions = zip(*pairs, strict=True)
        parts = torch.autograd.grad(
            outputs,
            list(self._parameters.values()),
            directions,
            retain_graph=self.retained,
            materialize_grads=True,
        )
        return _flatten(parts)

    def gradient(self) -> Tensor:
        """Gradient of the same loss, (P,)."""
        total = torch.zeros(self.dimension, device=self.device, dtype=self.dtype)
        for index, chunk in enumerate(self._chunks):
            gradient = self._graphs[index] if self._graphs else self._gradient(*chunk)
            total += _flatten([g.detach() for g in gradient])
        return total

    def _gradient(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Gradient of this batch's share of the loss, with its graph."""
        # Fused attention kernels cannot be differentiated twice.
        with (
            torch.enable_grad(),
            eval_mode(self._model, batch_norm=not self._train_mode),
            sdpa_kernel(SDPBackend.MATH),
            CheapSecondDerivatives(),
        ):
            value = self._loss(self._call(_laid_out(inputs)), targets)
            if value.dim():
                raise InputError(
                    f"HessianProduct: the loss has shape {tuple(value.shape)}, it must be a scalar"
                )
            share = value * (len(inputs) / self.samples)
            return torch.autograd.grad(
                share, list(self._parameters.values()), create_graph=True, materialize_grads=True
            )

    def _call(self, inputs: Tensor) -> Tensor:
        return functional_call(self._model, {**self._parameters, **self._fixed}, (inputs,))

    def _graph_bytes(self) -> tuple[float, float]:
        """Bytes that a gradient's graph keeps: whatever the batch, and per sample."""
        few, more = (min(n, self.samples) for n in _PROBES)
        for_few, for_more = self._saved_bytes(few), self._saved_bytes(more)
        if few == more:
            return 0.0, max(1.0, for_more / more)
        per_sample = max(1.0, (for_more - for_few) / (more - few))
        return max(0.0, for_few - few * per_sample), per_sample

    def _saved_bytes(self, count: int) -> int:
        """Bytes that the gradient's graph of the first `count` samples keeps."""
        boxes: list[list[Tensor]] = []

        def pack(tensor: Tensor) -> list[Tensor]:
            boxes.append([tensor])
            return boxes[-1]

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box[0]):
            self._gradient(self._inputs[:count], self._targets[:count])
        storages = {s.data_ptr(): s.nbytes() for (t,) in boxes for s in [t.untyped_storage()]}
        for box in boxes:  # a node that saved its own output is a cycle that nothing else breaks
            box.clear()
        return sum(storages.values())


def whole_set(data: Data) -> tuple[Tensor, Tensor]:
    """All inputs (N, ...) and targets (N, ...) of `data`, a pair of tensors or batches of them."""
    is_pair = isinstance(data, (tuple, list)) and all(isinstance(part, Tensor) for part in data)
    batches = cast("list[tuple[Tensor, Tensor]]", [data] if is_pair else list(data))
    if not batches or any(len(batch) != 2 for batch in batches):
        raise InputError("data: need (inputs, targets), or an iterable of such batches, not empty")
    inputs, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    if len(inputs) != len(targets) or not len(inputs):
        raise InputError(
            f"data: {len(inputs)} inputs and {len(targets)} targets, need as many, at least one"
        )
    return inputs, targets


def _flatten(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors])


def _laid_out(tensor: Tensor) -> Tensor:
    """A detached copy; images on the CPU channels-last, which its convolutions prefer."""
    images = tensor.dim() == 4 and tensor.device.type == "cpu" and tensor.is_floating_point()
    layout = torch.channels_last if images else torch.contiguous_format
    return tensor.detach().clone(memory_format=layout)
