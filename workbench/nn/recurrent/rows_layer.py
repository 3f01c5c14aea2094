"""What the plain RNN and the GRU share: on a CPU a scan over the real steps alone, in one direction or in both."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from workbench.nn.masks import last_state
from workbench.nn.recurrent.base import State, TorchLayer
from workbench.nn.recurrent.ragged import Ragged, pack_both, ragged, unpack_both
from workbench.nn.recurrent.scans import Sizes


class RowsLayer(TorchLayer):
    """A layer whose scan takes (T, B, D), or rows of a :class:`~workbench.nn.recurrent.ragged.Ragged` layout."""

    @abstractmethod
    def over_rows(self, x: Tensor, state: State = None, sizes: Sizes | None = None) -> Tensor:
        """``x`` (T, B, D) → states (T, B, H); with ``sizes`` (Σ ``sizes``, D) → (Σ ``sizes``, H)."""

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]:
        if x.device.type != "cpu":
            states, _ = self._by_torch(x, None if state is None else state.unsqueeze(0))
        elif (rows := ragged(lengths, x.shape[1])) is None:
            states = self.over_rows(x.transpose(0, 1).contiguous(), state).transpose(0, 1)
        else:
            flat = self.over_rows(rows.pack(x), None if state is None else state[rows.order], rows.sizes)
            states = rows.unpack(flat, x.shape[0])
        return states, last_state(states, lengths)


def read_both_ways(
    ahead: RowsLayer, back: RowsLayer, x: Tensor, lengths: Tensor, rows: Ragged
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Both directions of (B, T, D) without its padding → states (B, T, 2H) side by side, 0 in padding; both finals.

    What two layers with turned inputs would yield, with no sequence turned round: the second reading only takes its
    rows from other places and puts its states there.
    """
    turned = rows.turned(lengths)
    given, given_back = pack_both(x, rows, turned)
    states, states_back = ahead.over_rows(given, sizes=rows.sizes), back.over_rows(given_back, sizes=rows.sizes)
    last = rows.last(lengths)
    return unpack_both(states, states_back, rows, turned), (states[last], states_back[last])
