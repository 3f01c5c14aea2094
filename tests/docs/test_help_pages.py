"""What the help pages say is true: links lead somewhere, commands parse, numbers and equations are the code's."""

from __future__ import annotations

import itertools
import math
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from workbench.api import Architecture, Task, describe
from workbench.api.schemes import Scheme, convert, spans
from workbench.host import LoadedPlugins, load_plugins
from workbench.runs.config import TrainingParams

HELP = Path(__file__).resolve().parents[2] / "resources" / "help"
PAGES = sorted(HELP.glob("*.md"))
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EMPHASIS = str.maketrans("", "", "*")

GLOBAL_FLAGS = ("--safe-mode", "--debug")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def text_of(name: str) -> str:
    return (HELP / f"{name}.md").read_text(encoding="utf-8")


def prose(text: str) -> str:
    """``text`` without its code blocks."""
    return FENCE.sub("", text)


def section(text: str, heading: str) -> str:
    """What stands under ``heading``, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no heading {heading!r}"
    return found[1]


def tables(text: str) -> list[list[list[str]]]:
    """The tables of ``text``: rows of cells, the first row being the heading."""
    blocks = re.findall(r"(?:^\|.*\|\n?)+", prose(text), re.MULTILINE)
    rows = [[[cell.strip() for cell in line.strip("|").split("|")] for line in b.strip().split("\n")] for b in blocks]
    return [[row for i, row in enumerate(table) if i != 1] for table in rows]


def number(cell: str) -> float:
    return float(cell.replace("−", "-").replace(",", ""))


@pytest.fixture(scope="module")
def plugins() -> LoadedPlugins:
    return load_plugins()


# --- pages and links


@every_page
def test_a_page_has_one_title_and_it_comes_first(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", prose(text), re.MULTILINE)) == 1


def test_the_index_names_every_page() -> None:
    linked = {target for target in LINK.findall(text_of("index")) if target.endswith(".md")}
    assert {page.name for page in PAGES} - {"index.md"} == linked


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings as a repository page makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@every_page
def test_formulae_need_no_latex(page: Path) -> None:
    text = prose(page.read_text(encoding="utf-8"))
    assert re.search(r"\$\$|\\(frac|mathbf|sum|sigma|begin)\b|\$[^$\n]+\$", text) is None


# --- commands


def commands() -> Iterator[Any]:
    """Each ``recurra …`` of each page, once."""
    seen: set[tuple[str, str]] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for language, block in FENCE.findall(text) if language == "sh" for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", prose(text))
        for line in lines:
            command = line.rpartition(" | ")[2].strip()
            if command.startswith("recurra ") and (page.stem, command) not in seen:
                seen.add((page.stem, command))
                yield pytest.param(command, id=f"{page.stem}: {command}")


def refusal(command: str) -> str:
    """Why the command line would not understand ``command``, or ""; nothing is done that it says."""
    from workbench.cli.context import CliContext
    from workbench.cli.main import BUILT_IN, _app

    # [--optional] and [PLACEHOLDER…] are written as a manual writes them
    words = [word for word in shlex.split(re.sub(r"[\[\]]", "", command))[1:] if word not in GLOBAL_FLAGS]
    name = next((word for word in words if not word.startswith("-")), "")
    if not name or name.isupper():  # flags of all commands, or a placeholder
        unknown = {word for word in words if word.startswith("-")} - {"--help", "-h", "--version"}
        return f"no such flags: {unknown}" if unknown else ""
    if name not in BUILT_IN:
        return f"no such command: {name}"
    app, words = _app(CliContext(), words)
    chosen: Any = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    given = [word for word in words[words.index(name) + 1 :] if word not in ("--help", "-h")]
    if not given:  # the command's name alone, as a word in a sentence
        return ""
    try:
        with chosen.make_context(name, given):  # reads and converts; the command itself is not called
            return ""
    except Exception as error:  # the parser's own, whichever library it comes from
        return getattr(error, "message", "") or str(error) or type(error).__name__


@pytest.mark.parametrize("command", list(commands()))
def test_every_command_shown_is_understood(command: str) -> None:
    assert refusal(command) == ""


@pytest.mark.parametrize(
    "command",
    [
        "recurra trian",
        "recurra --hlep",
        "recurra runs --jsn",
        "recurra runs one two",
        "recurra predict news --n-best no",
        "recurra train --task tagging --architecture birnn --nonlinearity tanh",
    ],
)
def test_a_wrong_command_would_be_found(command: str) -> None:
    assert refusal(command) != ""


# --- numbers


def test_the_recurrence_is_worked_through_correctly() -> None:
    page = section(text_of("recurrence"), "## Worked through")
    weights = {name: float(value) for name, value in re.findall(r"`([\w_]+) = (-?[\d.]+)`", page)}
    heading, *rows = tables(page)[0]
    assert heading[:3] == ["t", "x_t", "h_{t-1}"]
    assert len(rows) >= 3
    h = 0.0
    factors = []
    for t, row in enumerate(rows, 1):
        x = number(row[1])
        total = weights["W_xh"] * x + weights["W_hh"] * h + weights["b_h"]
        new = math.tanh(total)
        y = 1 / (1 + math.exp(-(weights["W_hy"] * new + weights["b_y"])))
        factors.append((1 - new**2) * weights["W_hh"])
        shown = [number(cell) for cell in row]
        assert shown == [t, x, *(round(value, 4) for value in (h, total, new, y, factors[-1]))]
        h = new
    product = re.search(r"([\d.]+) × ([\d.]+) × ([\d.]+) = ([\d.]+)", text_of("recurrence"))
    assert product is not None
    assert [float(part) for part in product.groups()[:3]] == [round(factor, 4) for factor in factors[1:]]
    assert float(product[4]) == round(math.prod(factors[1:]), 4)


def test_repeated_factors_are_multiplied_correctly() -> None:
    heading, *rows = tables(section(text_of("recurrence"), "## Vanishing and exploding gradients"))[0]
    steps = [int(cell.split()[1]) for cell in heading[1:]]
    assert len(rows) == 4
    for row in rows:
        assert row[1:] == [f"{float(row[0]) ** count:.3g}" for count in steps]


def test_the_schemes_are_written_as_the_application_writes_them() -> None:
    heading, *rows = tables(section(text_of("tagging"), "## Labels that mark spans"))[0]
    columns = {name: tuple(row[i] for row in rows) for i, name in enumerate(heading)}
    assert set(columns) == {"token", *(scheme.value for scheme in Scheme if scheme is not Scheme.PLAIN)}
    for name in set(columns) - {"token"}:
        assert columns[name] == convert(columns["iob2"], Scheme.IOB2, Scheme(name))


def test_broken_labels_are_counted_as_the_page_says() -> None:
    found = re.search(r"in ((?:[BIO](?:-\w+)? ?)+)it counts three", " ".join(text_of("tagging").split()))
    assert found is not None
    assert [end - start for start, end, _ in spans(found[1].split())] == [1, 1, 1]


def test_the_crf_example_is_computed_correctly() -> None:
    emission, transition, shown = tables(section(text_of("tagging"), "### A small example"))
    labels = emission[0][1:]
    emissions = [dict(zip(labels, map(number, row[1:]), strict=True)) for row in emission[1:]]
    transitions = {row[0]: dict(zip(labels, map(number, row[1:]), strict=True)) for row in transition[1:]}
    scores = {
        f"{a} {b}": emissions[0][a] + transitions[a][b] + emissions[1][b] for a, b in itertools.product(labels, labels)
    }
    z = sum(map(math.exp, scores.values()))
    wanted = [[path, f"{s:.2f}", f"{math.exp(s):.3f}", f"{math.exp(s) / z:.3f}"] for path, s in scores.items()]
    assert shown[1:] == wanted
    assert max(scores, key=lambda path: scores[path]) == "PER PER"
    assert emissions[1]["O"] > emissions[1]["PER"]


def test_f1_and_accuracy_follow_from_their_counts() -> None:
    table = tables(section(text_of("tagging"), "## Is it good: entity F1"))[0]
    value = {row[0]: number(row[1]) for row in table[1:]}
    precision, recall = value["right spans"] / value["spans found"], value["right spans"] / value["spans there"]
    assert (value["precision"], value["recall"]) == (precision, recall)
    assert value["entity F1"] == round(2 * precision * recall / (precision + recall), 3)
    assert value["token accuracy"] == value["words with the right label"] / value["words"]


def test_layers_have_as_many_parameters_as_the_page_says() -> None:
    from workbench.nn.recurrent.cells import make_layer

    heading, row = tables(section(text_of("architectures"), "### Weights"))[0]
    inputs, units = (int(part) for part in re.findall(r"\d+", row[0]))
    cells = ("rnn", "lstm", "gru", "mogrifier", "min_gru", "min_lstm", "ind_rnn")
    counted = {cell: sum(p.numel() for p in make_layer(cell, inputs, units).parameters()) for cell in cells}
    shown = [int(cell.split()[0].replace(",", "")) for cell in row[1:]]
    both = 2 * counted["lstm"]
    assert heading[1:] == ["RNN", "LSTM", "GRU", "bidirectional", "Mogrifier", "minGRU", "minLSTM", "IndRNN"]
    assert shown == [*(counted[cell] for cell in cells[:3]), both, *(counted[cell] for cell in cells[3:])]
    assert f"{counted['rnn']:,} weights" in " ".join(text_of("sequences").split())


def test_the_families_compare_as_they_say_themselves(plugins: LoadedPlugins) -> None:
    from workbench.shell.comparison.rows import WORDS, families

    heading, *rows = tables(section(text_of("architectures"), "## How they compare"))[0]
    assert heading[1:] == list(WORDS)
    wanted = {one.title: list(one.words) for one in families(built_in(plugins), None)}
    assert {row[0]: row[1:] for row in rows} == wanted


def test_every_problem_of_the_memory_bench_is_on_the_page() -> None:
    from workbench.engine.memory_bench import WEIGHTS
    from workbench.engine.memory_tasks import TASKS

    part = section(text_of("architectures"), "### Memory, measured")
    assert [row[0] for row in tables(part)[0][1:]] == [task.title.lower() for task in TASKS]
    assert f"about {WEIGHTS:,} weights" in part


# --- equations and options


def built_in(plugins: LoadedPlugins) -> list[Architecture]:
    ours = {info.name for info in plugins.plugins if info.builtin}
    found = [one for one in plugins.catalogue.architectures() if plugins.catalogue.owner(one) in ours]
    assert len(found) >= 11
    return found


def test_equations_are_those_of_the_plugins(plugins: LoadedPlugins) -> None:
    """The plugin's own are shown in the Model stage; the page has each of them, letter by letter."""
    for architecture in built_in(plugins):
        page = section(text_of("architectures"), f"## {architecture.title}")
        plain = " ".join(" ".join(block for _, block in FENCE.findall(page)).split())
        equations = architecture.equations.translate(EMPHASIS)
        formulae = [cells[-1] for table in tables(equations) for cells in table if " = " in cells[-1]]
        formulae = formulae or [line for line in equations.splitlines() if line.startswith("hₜ = ")]
        assert formulae, architecture.id
        assert [formula for formula in formulae if " ".join(formula.split()) not in plain] == []


def test_every_architecture_and_its_options_are_on_the_page(plugins: LoadedPlugins) -> None:
    text = text_of("architectures")
    for architecture in built_in(plugins):
        assert options_in(section(text, f"## {architecture.title}")) == defaults_of(architecture.params)


def test_no_family_is_on_the_page_that_is_not_there(plugins: LoadedPlugins) -> None:
    headings = re.findall(r"^## (.+)$", prose(text_of("architectures")), re.MULTILINE)
    others = {"How they compare", "Padding", "Presets"}
    assert set(headings) - others == {one.title for one in built_in(plugins)}


def defaults_of(params: type[Any]) -> dict[str, str]:
    """Option → default, and those of the rows of an option that is a table."""
    found: dict[str, str] = {}
    for spec in describe(params):
        default = params.model_fields[spec.name].default
        found[spec.name] = shown(default) if spec.row is None else f"{len(default)} rows"
        if spec.row is not None:
            found |= defaults_of(spec.row)
    return found


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value) or "empty"


def options_in(text: str) -> dict[str, str]:
    """Option → default of every table with such columns."""
    found: dict[str, str] = {}
    for heading, *rows in tables(text):
        if "option" in heading and "default" in heading:
            name, default = heading.index("option"), heading.index("default")
            found |= {row[name].strip("`"): row[default] for row in rows}
    return found


def test_every_training_option_and_its_default_is_on_the_page() -> None:
    assert options_in(text_of("training")) == defaults_of(TrainingParams)


def test_every_tagging_option_and_its_default_is_on_the_page(plugins: LoadedPlugins) -> None:
    assert options_in(text_of("tagging")) == defaults_of(plugins.catalogue.task("tagging").params)


def test_every_option_of_language_modelling_and_its_default_is_on_the_page(plugins: LoadedPlugins) -> None:
    page = section(text_of("language-modelling"), "## Options")
    assert options_in(page) == defaults_of(plugins.catalogue.task("language_modelling").params)


def test_the_perplexity_of_the_example_is_right() -> None:
    found = re.search(r"mean loss of ([\d.]+) nats a word.*perplexity is ([\d.]+)\.", text_of("language-modelling"))
    assert found is not None
    assert round(math.exp(float(found[1])), 1) == float(found[2])


def test_values_recommended_for_training_are_allowed() -> None:
    given = re.findall(r"`(\w+) = ([\w.]+)`", text_of("training"))
    assert given
    for name, value in given:
        assert name in TrainingParams.model_fields
        TrainingParams.model_validate({name: value})


def test_every_generated_task_and_every_protocol_is_in_the_guide() -> None:
    from workbench.nn import protocols
    from workbench.testing import GeneratedTasks, contributions_of

    text = text_of("plugin-guide")
    rows = {row[0].strip("`"): row[1] for table in tables(text) for row in table}
    tasks = [one for one in contributions_of(GeneratedTasks()) if isinstance(one, Task)]
    assert {task.id for task in tasks} == {name for name in rows if name.startswith("generated_")} - FIXTURES
    for task in tasks:
        assert rows[task.id].startswith(task.shape.label.partition(", any")[0]), task.id
    own = [value for value in vars(protocols).values() if getattr(value, "__module__", "") == protocols.__name__]
    known = {value.__name__ for value in own if getattr(value, "_is_runtime_protocol", False)}
    assert [name for name in sorted(known) if f"`{name}`" not in text] == []


FIXTURES = {"generated_plugins`, `generated_catalogue"}


def test_every_action_of_the_window_and_its_keys_is_on_the_page() -> None:
    from workbench.shell.actions import ACTIONS

    text = text_of("shortcuts")
    groups = {spec.group for spec in ACTIONS}
    for group in groups:
        rows = tables(section(text, f"## {group}"))[0][1:]
        wanted = [[spec.title, f"`{spec.keys}`" if spec.keys else "not set"] for spec in ACTIONS if spec.group == group]
        assert rows == wanted


# --- in the application


def test_the_help_view_shows_the_index_and_follows_its_links(qtbot: Any) -> None:
    from PySide6.QtCore import QUrl

    from workbench.shell.help_view import HelpDialog

    dialog = HelpDialog("index")
    qtbot.addWidget(dialog)
    assert dialog.page() == "index"
    assert "How recurrent networks work" in dialog.browser.toPlainText()
    for target in LINK.findall(text_of("index")):
        dialog.show_page("index")
        dialog.browser.anchorClicked.emit(QUrl(target))
        assert dialog.page() == target.removesuffix(".md")
        title = text_of(dialog.page()).partition("\n")[0].lstrip("# ")
        assert dialog.browser.toPlainText().startswith(title)


def test_the_help_view_lists_pages_in_the_order_of_the_index(qtbot: Any) -> None:
    from workbench.shell.help_view import HelpDialog

    dialog = HelpDialog("no such page")
    qtbot.addWidget(dialog)
    assert dialog.page() == "index"
    linked = [target.removesuffix(".md") for target in LINK.findall(text_of("index"))]
    assert dialog._names == ["index", *dict.fromkeys(linked)]
    dialog.show_page("data")
    dialog.show_page("gone")
    assert dialog.page() == "index"


def test_a_link_to_a_part_scrolls_to_its_heading(qtbot: Any) -> None:
    from PySide6.QtCore import QPoint, QUrl

    from workbench.shell.help_view import HelpDialog

    dialog = HelpDialog("index")
    qtbot.addWidget(dialog)
    dialog.show()
    bar = dialog.browser.verticalScrollBar()

    def at_the_top() -> str:
        cursor = dialog.browser.cursorForPosition(QPoint(20, 12))
        return cursor.block().text()

    dialog.browser.anchorClicked.emit(QUrl("data.md#splits"))
    assert dialog.page() == "data"
    assert bar.value() > 0
    assert at_the_top() == "Splits"
    dialog.browser.anchorClicked.emit(QUrl("#editing"))
    assert dialog.page() == "data"
    assert at_the_top() == "Editing"
    dialog.browser.anchorClicked.emit(QUrl("#no-such-part"))
    assert bar.value() == 0


def test_every_view_has_its_page() -> None:
    from workbench.shell.window_commands import HELP_PAGES

    assert HELP_PAGES["explain"] == "explain"
    assert HELP_PAGES["evaluate"] == HELP_PAGES["use"] == "tagging"
    assert set(HELP_PAGES.values()) <= {page.stem for page in PAGES}


@every_page
def test_the_help_view_renders_every_table(page: Path, qtbot: Any) -> None:
    from PySide6.QtGui import QTextDocument, QTextTable

    document = QTextDocument()
    document.setMarkdown(page.read_text(encoding="utf-8"))
    frames = document.rootFrame().childFrames()
    assert sum(isinstance(frame, QTextTable) for frame in frames) == len(tables(page.read_text(encoding="utf-8")))


@every_page
def test_no_table_follows_a_code_block_directly(page: Path) -> None:
    """Qt draws the first cell of such a table as if it belonged to the code."""
    assert re.search(r"^```\n\n*\|", page.read_text(encoding="utf-8"), re.MULTILINE) is None
