"""Small sentences and a small model, for the tests of tagging."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from workbench_plugins.tasks.tagging.params import TaggingParams
from workbench_plugins.tasks.tagging.task import TaggingModel

from workbench.api import LayerTrace, TaggedTokens
from workbench.nn.contract import Encoded, Encoder, State

SENTENCES = (
    TaggedTokens(
        ("John", "Smith", "lives", "in", "New", "York", "."),
        {"pos": ("N", "N", "V", "P", "N", "N", "."), "ner": ("B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O")},
    ),
    TaggedTokens(("Mary", "left", "in", "1996"), {"pos": ("N", "V", "P", "D"), "ner": ("B-PER", "O", "O", "O")}),
    TaggedTokens(("Paris", "!"), {"pos": ("N", "."), "ner": ("B-LOC", "O")}),
    TaggedTokens(
        ("NATO", "met", "in", "Paris", "in", "2003"),
        {"pos": ("N", "V", "P", "N", "P", "D"), "ner": ("B-ORG", "O", "O", "B-LOC", "O", "O")},
    ),
)


class PlainEncoder(Encoder):
    """Sees each token and its left neighbours; enough to learn a handful of sentences."""

    def __init__(self, input_size: int, hidden_size: int = 24) -> None:
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.output_size = hidden_size

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        states, _ = self.lstm(x)
        rows = torch.arange(x.shape[0])
        return Encoded(states, lengths, states[rows, lengths - 1])

    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        return ()


class Tagger:
    """Task, codec and modules joined by hand, as the engine does."""

    def __init__(self, sentences=SENTENCES, **options) -> None:
        torch.manual_seed(3)
        self.task = TaggingModel(TaggingParams(**options))
        self.codec = self.task.fit_codec(sentences)
        self.embedder = self.task.embedder(self.codec)
        self.encoder = PlainEncoder(self.embedder.output_size)
        self.head = self.task.head(self.codec, self.encoder.output_size)
        self.modules = nn.ModuleList([self.embedder, self.encoder, self.head])

    def batch(self, sentences):
        return self.codec.collate([self.codec.encode(sentence) for sentence in sentences])

    def run(self, sentences):
        batch = self.batch(sentences)
        encoded = self.encoder(self.embedder(batch), batch.lengths)
        return self.head(encoded, batch), encoded, batch

    def loss(self, sentences):
        outputs, encoded, batch = self.run(sentences)
        return self.head.loss(outputs, encoded, batch)

    def train(self, sentences=SENTENCES, steps: int = 60) -> float:
        optimizer = torch.optim.Adam(self.modules.parameters(), lr=0.02)
        self.modules.train()
        for _ in range(steps):
            optimizer.zero_grad()
            loss = self.loss(sentences)
            (loss.total / loss.count).backward()
            optimizer.step()
        self.modules.eval()
        return float(loss.total.detach() / loss.count)

    @torch.no_grad()
    def predict(self, sentences, options):
        self.modules.eval()
        outputs, encoded, batch = self.run(sentences)
        return self.task.decode(outputs, encoded, batch, self.head, self.codec, list(sentences), options)
