"""The sketch: a random linear map of positions to k numbers that keeps their inner products.

Every parameter is added, with a random sign, to one of k buckets (CountSketch; Charikar, Chen and
Farach-Colton 2002, ICALP). Of sketches ``S x`` and ``S y`` the inner product is unbiased,

    E <S x, S y> = <x, y>,    var <S x, S y> <= (|x|^2 |y|^2 + <x, y>^2) / k,

so that one squared distance has a relative error of ``sqrt(2 / k)`` at most. It is the same map for
every walk of one network with one k and one seed: their positions can be compared.

Signs and buckets of P parameters would be more memory than the network's. So there is one table of
B of them, and parameters go in blocks of B. A block is turned by a random amount against the
buckets, by another against the signs, and given a sign of its own: two parameters of different
blocks meet in a bucket with probability 1 / k, as two of one block do. Blocks are then added up,
times signs, before anything is sorted into buckets, at the speed at which memory is read.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from sgdwalk.errors import InputError
from sgdwalk.recording.arguments import MOST_NUMBERS, check_whole

_BLOCK = 2**17  # about so many parameters in a block: what is added up stays in a core's cache


class Sketch:
    """The map of P parameters to k numbers.

    Args:
        parameters: tensors, as ``model.parameters()`` gives them; those that are trained, if it is
            to be the map of a recorder. Only their sizes matter; a complex number counts as two.
        k: numbers of a sketch.
        seed: of signs and buckets, which are the same on every machine.

    Attributes:
        size: P.
        k: numbers of a sketch.
        seed: of signs and buckets.

    Raises:
        InputError: if `k` or `seed` is no whole number, or too small, or there are no parameters.
    """

    def __init__(self, parameters: Iterable[torch.Tensor], k: int, seed: int = 0):
        check_whole("sketch", k, 1, MOST_NUMBERS)
        check_whole("seed", seed, 0)
        self._sizes = [_reals(p) for p in _tensors(parameters)]
        self.size, self.k, self.seed = sum(self._sizes), int(k), int(seed)
        if not self.size:
            raise InputError("sketch: of no parameters; allowed: at least one")
        self._buckets: dict[torch.device, Buckets] = {}

    def apply(self, tensors: Iterable[torch.Tensor]) -> np.ndarray:
        """Sketch of a position, a gradient, or anything else of the parameters' shapes.

        Sums are in float64, so that differences of the sketches of two near positions are those of
        the positions.

        Args:
            tensors: as many as the parameters, of their sizes, in their order.

        Returns:
            (k,) float64.

        Raises:
            InputError: for other tensors.
        """
        given = [t.detach() for t in _tensors(tensors)]
        if [_reals(t) for t in given] != self._sizes:
            raise InputError(
                f"sketch: tensors of {[_reals(t) for t in given]} numbers; allowed: of "
                f"{self._sizes}, as the parameters"
            )
        device = given[0].device
        if device not in self._buckets:
            self._buckets[device] = Buckets(self.size, self.k, self.seed, torch.float64, device)
        buckets, place = self._buckets[device], 0
        buckets.clear()
        for tensor in given:
            if tensor.layout is not torch.strided:
                tensor = tensor.to_dense()
            if tensor.is_complex():
                tensor = torch.view_as_real(tensor.resolve_conj())
            flat = tensor.reshape(-1)
            buckets.add(flat.to(device), place)
            place += flat.numel()
        return buckets.take().cpu().numpy()


class Buckets:
    """The k sums of a sketch, added up part by part.

    Args:
        size: P, parameters.
        k: buckets.
        seed: of the map.
        dtype: in which blocks are added up.
        device: of the parameters.
    """

    def __init__(self, size: int, k: int, seed: int, dtype: torch.dtype, device: torch.device):
        self.k = k
        # a smaller network is one block, and so is none
        self._block = k * -(-max(1, min(size, max(_BLOCK, k))) // k)
        blocks = max(1, -(-size // self._block))
        # streams of bit generators, unlike numpy's distributions, do not change with its versions
        draw = np.random.PCG64(seed).random_raw
        signs = np.unpackbits(draw(-(-self._block // 64)).view(np.uint8))[: self._block]
        order = np.argsort(draw(self._block), kind="stable")
        turns = [(draw(blocks) % self._block).astype(np.int64) for _ in range(2)]
        turns = [t if blocks > 1 else t * 0 for t in turns]
        own = 1 - 2 * (draw(blocks) % 2).astype(np.int64)
        own = own if blocks > 1 else own * 0 + 1
        self._turns = list(zip(*(t.tolist() for t in (*turns, own)), strict=True))
        table = torch.from_numpy(1 - 2 * signs.astype(np.int8)).to(device, dtype)
        self._signs = torch.cat([table, table]) if blocks > 1 else table
        self._order = torch.from_numpy(order).to(device)
        self._cells = torch.zeros(self._block, dtype=dtype, device=device)
        if blocks == 1 and device.type == "cpu":
            self._arrays = self._cells.numpy(), self._signs.numpy(), order
        self._clean = True
        self._parts: dict[tuple[int, int], list[tuple[slice, torch.Tensor, torch.Tensor, int]]] = {}

    def add(self, part: torch.Tensor, place: int) -> None:
        """Add some of the numbers that are sketched.

        Args:
            part: (n,) consecutive ones.
            place: of the first among all P.
        """
        self._clean = False
        key = (place, len(part))
        if key not in self._parts:
            self._parts[key] = self._plan(place, len(part))
        for numbers, cells, signs, own in self._parts[key]:
            values = part[numbers]
            if values.dtype != cells.dtype:
                values = values.to(cells.dtype)
            cells.addcmul_(values, signs, value=own)

    def _plan(self, place: int, count: int) -> list[tuple[slice, torch.Tensor, torch.Tensor, int]]:
        """Pieces of consecutive numbers whose cells and signs are consecutive, too."""
        pieces = []
        start, stop = place, place + count
        while start < stop:
            block, inside = divmod(start, self._block)
            cell_turn, sign_turn, own = self._turns[block]
            cell = (inside + cell_turn) % self._block
            length = min(stop - start, self._block - inside, self._block - cell)
            sign = inside + sign_turn
            numbers = slice(start - place, start - place + length)
            cells = self._cells[cell : cell + length]
            pieces.append((numbers, cells, self._signs[sign : sign + length], own))
            start += length
        return pieces

    def clear(self) -> None:
        """Forget what was added and not taken, as an interrupt leaves it."""
        if not self._clean:
            self._cells.zero_()
            self._clean = True

    def take(self) -> torch.Tensor:
        """(k,) sums of what was added, which is then forgotten."""
        sums = self._cells.index_select(0, self._order).view(-1, self.k).sum(0)
        self.clear()
        return sums

    def of_small(self, parts: Iterable[tuple[np.ndarray, int]]) -> np.ndarray:
        """(k,) sums, of one block on the CPU: numpy's calls take less time than torch's.

        Args:
            parts: consecutive numbers, (n,), and the place of the first; together all of the P.
        """
        cells, signs, order = self._arrays
        for part, place in parts:
            own = slice(place, place + len(part))
            np.multiply(part, signs[own], out=cells[own])
        return cells.take(order).reshape(-1, self.k).sum(axis=0)


def _tensors(given: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    found = list(given) if isinstance(given, Iterable) else [given]
    for item in found:
        if not isinstance(item, torch.Tensor):
            raise InputError(
                f"sketch: a {type(item).__name__}; allowed: tensors, as model.parameters() gives"
            )
    return found


def _reals(tensor: torch.Tensor) -> int:
    return tensor.numel() * (2 if tensor.is_complex() else 1)
