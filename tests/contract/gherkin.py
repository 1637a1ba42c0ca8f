"""As much of Gherkin as the CloudEvents conformance features need: scenarios, outlines, doc strings, tables."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import dedent


@dataclass
class Step:
    """One step, with what belongs to it."""

    text: str
    document: str = ""
    table: list[list[str]] = field(default_factory=list[list[str]])


@dataclass
class Scenario:
    """A scenario; an outline gives one for each row of its examples."""

    title: str
    steps: list[Step]


def scenarios(feature: str) -> Iterator[Scenario]:
    """Read a feature file; steps of the background come first in every scenario."""
    background: list[Step] = []
    for block in _blocks(feature.splitlines()):
        if block.keyword == "Background":
            background = block.steps
        elif not block.examples:
            yield Scenario(block.title, [*background, *block.steps])
        else:
            heading, *rows = block.examples
            for row in rows:
                values = dict(zip(heading, row, strict=True))
                steps = [_filled(step, values) for step in (*background, *block.steps)]
                yield Scenario(_fill(block.title, values), steps)


@dataclass
class _Block:
    keyword: str
    title: str
    steps: list[Step] = field(default_factory=list[Step])
    examples: list[list[str]] = field(default_factory=list[list[str]])


def _blocks(lines: list[str]) -> list[_Block]:
    blocks: list[_Block] = []
    in_examples = False
    waiting = iter(lines)
    for line in waiting:
        text = line.strip()
        keyword, _, title = text.partition(":")
        if keyword in ("Background", "Scenario", "Scenario Outline"):
            blocks.append(_Block(keyword, title.strip()))
            in_examples = False
        elif not blocks:
            continue
        elif text == "Examples:":
            in_examples = True
        elif text.startswith("|"):
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            (blocks[-1].examples if in_examples else blocks[-1].steps[-1].table).append(cells)
        elif text == '"""':
            document = "\n".join(iter(lambda: next(waiting), line))
            blocks[-1].steps[-1].document = dedent(document)
        elif text.split(" ")[0] in ("Given", "When", "Then", "And"):
            blocks[-1].steps.append(Step(text.partition(" ")[2]))
    return blocks


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def _filled(step: Step, values: dict[str, str]) -> Step:
    table = [[_fill(cell, values) for cell in row] for row in step.table]
    return Step(_fill(step.text, values), _fill(step.document, values), table)
