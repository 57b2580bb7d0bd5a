"""Convolutions and eval-mode batch norm whose second derivatives are cheap and exact.

A Hessian-vector product spends nearly all of its time in the backward pass of the backward pass.
PyTorch's rules for it are general and slow: the one of a convolution forms its weight term as a
transposed, grouped convolution, and the one of batch norm in eval mode keeps the cost of batch
statistics although they are constants there. `CheapSecondDerivatives` replaces both while a graph
is built, whatever modules the calls come from:

* a convolution `y = x * w + b` differentiates twice by two convolutions and two calls of the
  backward kernel, which is the least there is;
* batch norm in eval mode is the affine map `y = s x + t`, `s = gamma / sqrt(var + eps)`,
  `t = beta - s mean`. Where its input is the untouched output of a convolution, both become one
  convolution with weight `s w` and bias `t + s b`, still differentiable in w, gamma and beta.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

# stride, padding, dilation, groups
Geometry = tuple[list[int], list[int], list[int], int]
_convolution_backward = torch.ops.aten.convolution_backward


class _ConvolutionGradient(torch.autograd.Function):
    """Gradient of a convolution for its input, weight and bias; differentiable once."""

    @staticmethod
    def forward(
        ctx: Any,
        grad_output: Tensor,
        inputs: Tensor,
        weight: Tensor,
        has_bias: bool,
        needs_inputs: bool,
        geometry: Geometry,
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(grad_output, inputs, weight)
        ctx.needs_inputs, ctx.geometry = needs_inputs, geometry
        return _backward(grad_output, inputs, weight, geometry, (needs_inputs, True, has_bias))

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, tangent_inputs: Tensor, tangent_weight: Tensor, tangent_bias: Tensor
    ) -> tuple[Tensor | None, ...]:
        grad_output, inputs, weight = ctx.saved_tensors
        for_output = torch.conv2d(inputs, tangent_weight, tangent_bias, *ctx.geometry)
        for_inputs = for_weight = None
        if ctx.needs_inputs:
            for_output += torch.conv2d(tangent_inputs, weight, None, *ctx.geometry)
            # One kernel call gives both: tangent_weight^T applied to grad_output, and the weight
            # gradient that grad_output has with tangent_inputs.
            for_inputs, for_weight, _ = _backward(
                grad_output, tangent_inputs, tangent_weight, ctx.geometry, (True, True, False)
            )
        return for_output, for_inputs, for_weight, None, None, None


class _Convolution(torch.autograd.Function):
    """`torch.conv2d` with the gradient above."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.has_bias, ctx.geometry = bias is not None, geometry
        return torch.conv2d(inputs, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        gradients = _ConvolutionGradient.apply(
            grad_output, inputs, weight, ctx.has_bias, ctx.needs_input_grad[0], ctx.geometry
        )
        return *gradients, None


def _backward(
    grad_output: Tensor,
    inputs: Tensor,
    weight: Tensor,
    geometry: Geometry,
    wanted: tuple[bool, bool, bool],
) -> tuple[Tensor, ...]:
    stride, padding, dilation, groups = geometry
    bias_sizes = [weight.shape[0]] if wanted[2] else None
    return _convolution_backward(
        grad_output, inputs, weight, bias_sizes, stride, padding, dilation, False, [0, 0], groups,
        wanted,
    )  # fmt: skip


def _pair(value: int | tuple[int, int]) -> list[int]:
    return [value, value] if isinstance(value, int) else [*value] * (2 // len(value))


class CheapSecondDerivatives(TorchFunctionMode):
    """Context manager: calls of 2-D convolution and eval-mode batch norm take the cheap rules.

    Nothing but rounding changes in values and derivatives. Calls outside the cheap rules' reach
    (padding given by name, batch norm with batch statistics, other dimensions) pass unchanged.
    Graphs built inside can be differentiated twice, not three times.
    """

    def __init__(self) -> None:
        super().__init__()
        # id of a convolution's output -> how it was made
        self._made_by: dict[int, tuple[Any, ...]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.conv2d:
            return self._conv2d(*args, **kwargs)
        if func is F.batch_norm:
            return self._batch_norm(*args, **kwargs)
        return func(*args, **kwargs)

    def _conv2d(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
    ) -> Tensor:
        if isinstance(padding, str) or input.dim() != 4:
            return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
        geometry = (_pair(stride), _pair(padding), _pair(dilation), groups)
        output = _Convolution.apply(input, weight, bias, geometry)
        # The output is kept alive with its version: its id stays its own, and a change in place
        # before batch norm sees it is noticed.
        self._made_by[id(output)] = (output, output._version, input, weight, bias, geometry)
        return output

    def _batch_norm(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if training or running_mean is None or running_var is None:
            return F.batch_norm(
                input, running_mean, running_var, weight, bias, training, momentum, eps
            )
        scale = torch.rsqrt(running_var + eps)
        scale = scale if weight is None else scale * weight
        shift = -running_mean * scale
        shift = shift if bias is None else shift + bias
        made = self._made_by.get(id(input))
        if made is not None and made[1] == input._version:
            _, _, source, kernel, offset, geometry = made
            if offset is not None:
                shift = torch.addcmul(shift, scale, offset)
            return _Convolution.apply(source, kernel * scale[:, None, None, None], shift, geometry)
        channels = (-1,) + (1,) * (input.dim() - 2)
        return torch.addcmul(shift.view(channels), input, scale.view(channels))
