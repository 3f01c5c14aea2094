"""``recurra predict`` and ``recurra evaluate``: a trained model on new inputs and on gold records."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.api import Alternative, WorkbenchError
from workbench.cli.context import CliContext, find_run, project_of_run
from workbench.cli.flags import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.api import Finding, Record, Report, Result
    from workbench.engine.predict import Predictor
    from workbench.nn.contract import DecodeOptions


def predict(
    ctx: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run, its model folder, or a project (its newest run).")],
    text: Annotated[list[str] | None, typer.Argument(help="What to read; without it, standard input.")] = None,
    file: Annotated[Path | None, typer.Option(help="A file of inputs: text, or any format an importer knows.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the answers here instead of showing them.")] = None,
    as_format: Annotated[
        str | None,
        typer.Option("--format", help="text for people, jsonl for programs; for a file also an exporter's ending."),
    ] = None,
    n_best: Annotated[int, whole("So many best answers for each input.", 1)] = 1,
    option: Annotated[
        list[str] | None, typer.Option(help="How to answer, as key=value: temperature=0.5, seed=3, beam=10.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option(help="Leave out records of the file that cannot be read, instead of stopping.")
    ] = False,
) -> None:
    """Answer with a trained model."""
    context: CliContext = ctx.obj
    if text and file:
        raise WorkbenchError("Give the text or a file, not both.")
    if skip_bad and file is None:
        raise WorkbenchError("--skip-bad is for a file of inputs; there is none.", fix="Name one with --file.")
    if as_format not in (None, "text", "jsonl") and file is None:
        raise WorkbenchError(
            f"Answers cannot be written as {as_format!r}.", fix="Use --format text or jsonl; a --file has more formats."
        )
    if text and not any(part.strip() for part in text):
        raise WorkbenchError("There is nothing to read: the text is empty.", fix=f'Try: recurra predict {run} "…"')
    if not text and file is None and sys.stdin.isatty():
        raise WorkbenchError("There is nothing to read.", fix=f'Type it: recurra predict {run} "…", or use --file.')
    from workbench.engine.predict import load_bundle
    from workbench.engine.unknowns import Unknowns
    from workbench.nn.contract import DecodeOptions

    predictor = load_bundle(_model(run), context.plugins().catalogue)
    _tell(context, predictor)
    options = _decode_options(DecodeOptions, n_best, option or [])
    predictor.refuse_unknown(options)
    if file is not None:
        _predict_file(context, predictor, file, output, as_format, options, skip_bad)
        return
    count = 0
    unknowns = Unknowns(predictor.model.codec)
    lines = as_format == "jsonl" or (as_format is None and output is not None and output.suffix == ".jsonl")
    with _writer(output) as write:
        records = unknowns.watch(_records(predictor, text))
        for record, result in predictor.predict_stream(records, options):
            count += 1
            write(_json_line(record, result) if lines else _text_of(record, result))
    _note(context, unknowns.notice)
    if output is not None:
        context.console().print(f"{count:,} answers in {output}", markup=False)


def evaluate(
    ctx: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run, or a project (its newest run).")],
    split: Annotated[str, typer.Option(help="Which split (default: test, or validation where there is no test).")] = "",
    project: Annotated[Path | None, typer.Option(help="The project, if the run is not in it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the whole report as JSON.")] = False,
) -> None:
    """Measure a trained model on a split of its data."""
    from workbench.api.files import write_atomic

    context: CliContext = ctx.obj
    folder = find_run(run)
    from workbench.cli.data import progress_bar
    from workbench.engine.data import StoreSource
    from workbench.engine.predict import load_bundle

    data = folder.config.data
    names = {"train": data.train, "validation": data.validation, "test": data.test}
    with context.open_project(project or project_of_run(folder), read_only=True) as opened:
        source = StoreSource(opened.store, data.dataset)
        predictor = load_bundle(folder.path, context.plugins().catalogue)
        split = split or predictor.split_to_judge(source)
        _tell(context, predictor)
        with progress_bar(context, "evaluating") as progress:
            report = predictor.evaluate(
                source, names.get(split, split), progress=lambda done, total: progress(done, total, done)
            )
    values = {"schema_version": 1, **report.to_json()}
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=1))
    else:
        _show_report(context, report)
    target = folder.evaluations / f"{names.get(split, split)}.json"
    try:
        target.parent.mkdir(exist_ok=True)
        write_atomic(target, json.dumps(values, ensure_ascii=False))
    except (OSError, WorkbenchError) as error:  # a run that may only be read can still be measured
        why = error.why if isinstance(error, WorkbenchError) else str(error.strerror)
        context.console(stderr=True).print(f"The report was not kept in the run's folder: {why}", markup=False)


def _decode_options(kind: type[DecodeOptions], n_best: int, given: list[str]) -> DecodeOptions:
    """What the task is asked for besides; numbers as numbers."""
    found = kind(n_best=n_best)
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise WorkbenchError(f"An option is written key=value, not {text!r}.")
        number: int | float | str = value
        for read in (int, float):
            try:
                number = read(value)
                break
            except ValueError:
                continue
        if key in ("alternatives", "n_best"):
            if not isinstance(number, int) or number < (key == "n_best"):
                raise WorkbenchError(f"{key} cannot be {value!r}.", why="It is a whole number.", fix=f"Try: {key}=3")
            setattr(found, key, number)
        elif key == "explain":
            found.extra[key] = value.lower() not in ("", "0", "no", "off", "false")
        else:
            found.extra[key] = number
    return found


def _tell(context: CliContext, predictor: Predictor) -> None:
    """What the reader of the answers should know, beside them and not among them."""
    _note(context, predictor.notice)


def _note(context: CliContext, text: str) -> None:
    if text:
        context.console(stderr=True).print(f"Note: {text}", markup=False)


def _model(path: Path) -> Path:
    """A finished model's folder: of a bundle that was copied somewhere, of a run, or of a project's newest run."""
    if path.is_file() and path.suffix == ".zip":
        raise WorkbenchError(
            "This is a packed model.", fix=f"Unpack it, then name its folder: unzip {path} -d {path.stem}", file=path
        )
    return path if (path / "manifest.json").is_file() else find_run(path).path


def _records(predictor: Predictor, text: list[str] | None) -> Iterator[Record]:
    """Records of the texts given, or of each line of standard input."""
    for part in text or _typed_lines():
        if part.strip():
            yield from predictor.parse(part)


def _typed_lines() -> Iterator[str]:
    """The lines of standard input, as UTF-8 whatever the terminal's setting; what is not is refused, not guessed."""
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise WorkbenchError(
                f"The input is not UTF-8 text: byte {error.start + 1} of this line is 0x{line[error.start]:02x}.",
                fix="Convert it first: iconv -f latin1 -t utf-8",
                file="standard input",
                line=number,
            ) from error


def _predict_file(
    context: CliContext,
    predictor: Predictor,
    file: Path,
    output: Path | None,
    as_format: str | None,
    options: DecodeOptions,
    skip_bad: bool,
) -> None:
    """Answer a whole file; the format is the one asked for, or the output's ending tells it, or text."""
    import shutil
    import tempfile

    from workbench.api.files import atomic_path
    from workbench.cli.data import progress_bar, show_problems
    from workbench.engine.batch_files import predict_file
    from workbench.engine.unknowns import Unknowns

    unknowns = Unknowns(predictor.model.codec)
    problems: list[Finding] = []
    suffix = {"text": ".txt"}.get(as_format, f".{as_format}") if as_format else (output.suffix if output else ".txt")
    with tempfile.TemporaryDirectory(prefix="recurra-") as folder, progress_bar(context, "predicting") as progress:
        direct = output is not None and output.suffix == suffix
        target = output if output is not None and direct else Path(folder) / f"answers{suffix}"
        catalogue = context.plugins().catalogue
        count = predict_file(
            predictor,
            file,
            target,
            catalogue,
            options=options,
            progress=lambda done, total: progress(done, total, 0),
            unknowns=unknowns,
            skip_bad=skip_bad,
            problems=problems,
        )
        if output is None:
            with target.open(encoding="utf-8") as answers:
                shutil.copyfileobj(answers, sys.stdout)
        elif not direct:
            with atomic_path(output) as temporary:
                shutil.copyfile(target, temporary)
    if skip_bad:
        show_problems(context.console(stderr=True), problems)  # beside the answers, which may go to a pipe
    _note(context, unknowns.notice)
    if output is not None:
        context.console().print(f"{count:,} answers in {output}", markup=False)


def _json_line(record: Record, result: Result) -> str:
    return json.dumps({"record": record.to_json(), "result": result.to_json()}, ensure_ascii=False)


def _text_of(record: Record, result: Result) -> str:
    lines = [record.search_text().rstrip(), f"  {result.summary() or 'nothing found'}"]
    others = getattr(result, "n_best", ())
    for other in others if len(others) > 1 else ():  # whole readings, the best first
        if isinstance(other, Alternative):
            lines.append(f"  {other.score:.3f}  {other.text}")
        else:
            lines.append(f"  {other[1]:.1%}  {' '.join(other[0])}")
    return "\n".join(lines)


@contextmanager
def _writer(output: Path | None) -> Iterator[Callable[[str], object]]:
    """Writes lines to a file, whole or not at all, or to the terminal."""
    if output is None:
        yield lambda line: print(line, flush=True)
        return
    from workbench.api.files import atomic_path

    with atomic_path(output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda line: file.write(line + "\n")


def _show_report(context: CliContext, report: Report) -> None:
    from rich.table import Table

    console = context.console()
    console.print(f"{report.split}: {report.n_records:,} records, {report.n_tokens:,} tokens", markup=False)
    for name, value in report.metrics.items():
        console.print(f"  {name}: {value:.4f}", markup=False)
    if note := (report.protocol or {}).get("note"):
        console.print(f"Note: {note}", markup=False, soft_wrap=True)
    if not report.table:
        return
    table = Table(box=None, pad_edge=False)
    for heading in report.table[0]:
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for row in report.table:
        table.add_row(*(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)
