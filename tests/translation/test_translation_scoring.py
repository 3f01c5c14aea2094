"""BLEU and chrF are sacreBLEU's own figures, with its signature, and several references count."""

from __future__ import annotations

import pytest
import sacrebleu
from workbench_plugins.tasks.translation.report import build_report
from workbench_plugins.tasks.translation.scoring import Bleu, ChrF, Collected, measured

from workbench.api import TextPair, Translation

ANSWERS = ["The cat sat on the mat.", "A dog, barking!", "He's here now and then.", "Nothing fits at all here"]
GOLD = ["The cat sat on a mat.", "A barking dog!", "He's here, now and then.", "It is raining in Spain today."]


def _answer(text: str) -> Translation:
    return Translation(text, tuple(text.split()))


def test_equal_to_sacrebleu_on_the_same_outputs() -> None:
    bleu, chrf = Bleu(), ChrF()
    for i, (answer, gold) in enumerate(zip(ANSWERS, GOLD, strict=True)):
        for metric in (bleu, chrf):
            metric.update(_answer(answer), TextPair(f"s{i}", gold))
    assert bleu.compute()["bleu"] == pytest.approx(sacrebleu.corpus_bleu(ANSWERS, [GOLD]).score, abs=1e-9)
    assert chrf.compute()["chrf"] == pytest.approx(sacrebleu.corpus_chrf(ANSWERS, [GOLD]).score, abs=1e-9)
    bleu.reset()
    assert bleu.compute() == {"bleu": 0.0}


def test_records_with_one_source_are_references_of_one_another() -> None:
    collected = Collected()
    collected.add(_answer("Je suis là."), TextPair("I am here.", "Me voici."))
    collected.add(_answer("Je suis là."), TextPair("I am here.", "Je suis là."))
    collected.add(_answer("Bonjour à tous."), TextPair("Hello everyone.", "Salut à tous."))
    value, signature = measured(collected)["bleu"]
    expected = sacrebleu.corpus_bleu(
        ["Je suis là.", "Bonjour à tous."], [["Me voici.", "Salut à tous."], ["Je suis là.", None]]
    )
    assert value == pytest.approx(expected.score)
    assert signature.startswith("nrefs:var|case:mixed|eff:no|tok:13a")


def test_the_report_holds_the_signature_and_the_worst_first() -> None:
    both = zip(ANSWERS, GOLD, strict=True)
    rows = [(i, TextPair(f"s{i}", gold), _answer(answer), 1.0) for i, (answer, gold) in enumerate(both)]
    report = build_report("test", iter(rows), None)
    assert report.metrics["bleu"] == pytest.approx(sacrebleu.corpus_bleu(ANSWERS, [GOLD]).score)
    assert report.protocol is not None
    assert "tok:13a" in report.protocol["bleu_signature"]
    assert report.examples[0]["record_id"] == 3
    assert report.examples[0]["errors"] >= report.examples[-1]["errors"]
    assert report.n_records == 4
    assert report.table[0]["support"] == 4


def test_nothing_to_compare_is_no_error() -> None:
    assert build_report("test", iter(()), None).metrics["bleu"] == 0.0
