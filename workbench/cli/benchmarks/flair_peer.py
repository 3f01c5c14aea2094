"""Trains flair's SequenceTagger, told line by line how many steps: run by a Python that has flair installed.

Standard input: one JSON object of sizes and sentences, then a number of steps a line. Standard output: one JSON object
a line. It imports nothing of the workbench. What is timed is flair's own forward, loss, backward and the optimiser's
step over its own batches, without the bookkeeping of its trainer, so the comparison favours flair.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    job = json.loads(sys.stdin.readline())
    import torch

    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    random.seed(job["seed"])
    tagger, sentences = _build(job)
    optimizer = torch.optim.Adam(tagger.parameters(), lr=job["learning_rate"])
    tagger.train()
    import flair

    size = job["batch_sentences"]
    parameters = sum(p.numel() for p in tagger.parameters())
    _answer(answers, {"ready": True, "flair": flair.__version__, "torch": torch.__version__, "parameters": parameters})
    order: list[int] = []
    for line in sys.stdin:
        steps = int(line)
        batches = []
        for _ in range(steps):
            if len(order) < size:
                order = random.sample(range(len(sentences)), len(sentences))
            batches.append([sentences[i] for i in order[:size]])
            order = order[size:]
        tokens = sum(len(sentence) for batch in batches for sentence in batch)
        began, began_cpu = time.perf_counter(), time.process_time()
        loss = None
        for batch in batches:
            optimizer.zero_grad()
            loss, count = tagger.forward_loss(batch)
            (loss / count).backward()
            torch.nn.utils.clip_grad_norm_(tagger.parameters(), 5.0)
            optimizer.step()
            _forget(batch)
        seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        value = float(loss.detach()) if loss is not None else 0.0
        _answer(answers, {"tokens": tokens, "seconds": seconds, "cpu_seconds": cpu, "loss": value})


def _build(job: dict[str, Any]) -> tuple[Any, list[Any]]:
    from flair.data import Corpus, Sentence
    from flair.datasets import FlairDatapointDataset
    from flair.embeddings import OneHotEmbeddings, StackedEmbeddings
    from flair.models import SequenceTagger

    sentences = []
    for tokens, spans in zip(job["tokens"], job["spans"], strict=True):
        sentence = Sentence(tokens)
        for start, end, label in spans:
            sentence[start:end].add_label("ner", label)
        sentences.append(sentence)
    corpus = Corpus(train=FlairDatapointDataset(sentences), dev=None, test=None, sample_missing_splits=False)
    labels = corpus.make_label_dictionary(label_type="ner", add_unk=False)
    words = OneHotEmbeddings.from_corpus(corpus, field="text", embedding_length=job["word_size"], min_freq=1)
    parts: list[Any] = [words]
    if job["character_features"]:
        parts.append(_characters(job))
    tagger = SequenceTagger(
        embeddings=StackedEmbeddings(parts),
        tag_dictionary=labels,
        tag_type="ner",
        tag_format="BIOES",
        hidden_size=job["hidden_size"],
        rnn_layers=1,
        use_crf=True,
        reproject_embeddings=False,
        dropout=0.0,
        word_dropout=0.05,
        locked_dropout=0.4,
    )
    return tagger, sentences


def _characters(job: dict[str, Any]) -> Any:
    from flair.data import Dictionary
    from flair.embeddings import CharacterEmbeddings

    alphabet = Dictionary()  # of the sentences: flair's own list would be fetched from the network
    for character in sorted({character for tokens in job["tokens"] for token in tokens for character in token}):
        alphabet.add_item(character)
    return CharacterEmbeddings(
        alphabet, char_embedding_dim=job["character_size"], hidden_size_char=job["character_features"] // 2
    )


def _forget(batch: list[Any]) -> None:
    """As flair's trainer does after each batch when embeddings are learned."""
    for sentence in batch:
        sentence.clear_embeddings()


def _answer(stream: Any, value: dict[str, Any]) -> None:
    stream.write(json.dumps(value) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
