"""Character readers: a word's vector depends on its own characters only."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workbench.nn.chars import CharacterCnn, CharacterLstm


def _readers() -> list[nn.Module]:
    torch.manual_seed(0)
    return [CharacterCnn(40, 8, 6, widths=(3, 5)), CharacterLstm(40, 8, 6)]


@pytest.mark.parametrize("reader", _readers(), ids=["cnn", "lstm"])
def test_a_words_vector_ignores_its_neighbours_and_its_padding(reader: nn.Module) -> None:
    lengths = torch.tensor([1, 4, 7, 2])
    ids = torch.randint(1, 40, (4, 7))  # beyond each length: other characters, which must not count
    together = reader(ids, lengths)
    alone = torch.cat([reader(ids[i : i + 1, :n], lengths[i : i + 1]) for i, n in enumerate(lengths.tolist())])
    assert together.shape == (4, reader.output_size)
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("reader", _readers(), ids=["cnn", "lstm"])
def test_gradients_reach_every_weight(reader: nn.Module) -> None:
    reader(torch.randint(1, 40, (5, 6)), torch.tensor([6, 3, 2, 5, 1])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in reader.parameters())


def test_even_filter_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        CharacterCnn(10, 4, 4, widths=(2,))
