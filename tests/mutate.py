"""Change the code in thousands of small ways, and fail when no test notices one: make nightly.

Two areas, `alipay` and `services`, each with the tests that are quick enough to be run for every
change. What may survive stands in `tests/AREA/survivors.md`: so many changes of a function, with
the reason. Arguments are an area and patterns for `mutmut run`, such as "*case*", to try a part.
Needs the extra `mutation`.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
MUTMUT = [sys.executable, "-m", "mutmut"]
# What mutmut calls a mutant that no test has noticed.
UNNOTICED = ("survived", "no tests", "suspicious")
_NAME = re.compile(r"(?:x_|xǁ(?P<cls>\w+)ǁ)(?P<name>\w+?)(?:_plain)?__mutmut_\d+")
_ROW = re.compile(r"^\| `(?P<place>[\w.]+)` \| (?P<number>\d+) \| .+ \|$", re.MULTILINE)


@dataclass(frozen=True)
class Area:
    """Files of one folder of the package, by pattern, and the tests that are about them.

    `plain`: properties are made plain functions first, since mutmut changes nothing decorated.
    """

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]
    plain: bool = False

    @property
    def folder(self) -> Path:
        """Where its mutants are made and remembered between runs."""
        return ROOT / "build" / "mutation" / self.name

    @property
    def sources(self) -> list[str]:
        return [f"django_alipay_cancel/{self.name}/{file}" for file in self.files]

    @property
    def explained(self) -> Counter[str]:
        """How many mutants of which function may live."""
        text = (TESTS / self.name / "survivors.md").read_text(encoding="utf-8")
        found: Counter[str] = Counter()
        for row in _ROW.finditer(text):
            found[row["place"]] += int(row["number"])
        return found


SERVICES = (
    "attempts.py",
    "case.py",
    "evidence.py",
    "finish.py",
    "hearing.py",
    "history.py",
    "judging.py",
    "passes.py",
    "queue.py",
    "refund_case.py",
    "refund_rules.py",
    "refund_words.py",
    "requesting.py",
    "schedule.py",
    "turning.py",
    "verdict.py",
    "waking.py",
    "words.py",
)
SERVICES_TESTS = (
    "test_attempts.py",
    "test_case.py",
    "test_databases_apart.py",
    "test_evidence.py",
    "test_finish.py",
    "test_hearing.py",
    "test_judging.py",
    "test_passes.py",
    "test_queue.py",
    "test_refund_verdict.py",
    "test_refund_words.py",
    "test_requesting.py",
    "test_schedule.py",
    "test_shares.py",
    "test_verdict.py",
    "test_words.py",
)
AREAS = {
    area.name: area
    for area in (
        Area("alipay", files=("*",), tests=("tests/alipay",)),
        Area(
            "services",
            files=SERVICES,
            tests=tuple(f"tests/services/{file}" for file in SERVICES_TESTS),
            plain=True,
        ),
    )
}


def main(arguments: list[str]) -> int:
    """Run all mutants that are not yet decided; return the exit status for the shell."""
    named, patterns = arguments[:1], arguments[1:]
    areas = [AREAS[name] for name in named] or list(AREAS.values())
    return max(int(_survivors(area, patterns) > 0) for area in areas)


def _survivors(area: Area, patterns: list[str]) -> int:
    """Run one area; print what lives without an explanation and return how many do."""
    _lay_out(area)
    subprocess.run([*MUTMUT, "run", *patterns], cwd=area.folder, check=True)
    living: dict[str, list[str]] = {}
    for mutant in unnoticed(_output(area, "results")):
        living.setdefault(place(mutant, area.name), []).append(mutant)
    left = {where: some for where, some in living.items() if len(some) > area.explained[where]}
    for where, some in left.items():
        print(f"{where}: {len(some)} live, {area.explained[where]} are explained")
        for mutant in some:
            print(f"{mutant}\n{_output(area, 'show', mutant)}")
    number = sum(map(len, left.values()))
    print(f"{area.name}: {number} mutants in {len(left)} functions live without an explanation.")
    return number


def _lay_out(area: Area) -> None:
    """Copy what is needed; mutmut keeps what it knows of code that has not changed."""
    for name in ("django_alipay_cancel", "tests", "docs", "example_project"):
        shutil.rmtree(area.folder / name, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / name, area.folder / name, ignore=ignored)
    for name in ("setup.cfg", "README.md"):
        shutil.copy(ROOT / name, area.folder / name)
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    added = {"only_mutate": area.sources, "pytest_add_cli_args_test_selection": list(area.tests)}
    lines = [f"{name} = {values!r}".replace("'", '"') for name, values in added.items()]
    (area.folder / "pyproject.toml").write_text("\n".join([settings.rstrip(), *lines, ""]))
    for source in area.sources if area.plain else ():
        file = area.folder / source
        file.write_text(with_plain_properties(file.read_text(encoding="utf-8")), encoding="utf-8")


def with_plain_properties(source: str) -> str:
    """Return `source` with each property, cached or not, made from a function of its own."""
    lines = source.splitlines()
    bodies = (node.body for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))
    found = [each for body in bodies for each in body if isinstance(each, ast.FunctionDef)]
    for each in sorted(found, key=lambda function: function.lineno, reverse=True):
        kinds = [kind.id for kind in each.decorator_list if isinstance(kind, ast.Name)]
        if kinds not in (["property"], ["cached_property"]):
            continue
        made = f"{each.name} = {kinds[0]}({each.name}_plain)"
        lines.insert(each.end_lineno or 0, " " * each.col_offset + made)
        first = each.lineno - 1
        lines[first] = lines[first].replace(f"def {each.name}(", f"def {each.name}_plain(", 1)
        del lines[each.decorator_list[0].lineno - 1]
    return "\n".join([*lines, ""])


def unnoticed(results: str) -> list[str]:
    """Return the names of the mutants that live, of what mutmut prints."""
    names = (line.partition(": ") for line in results.splitlines())
    return [name.strip() for name, _, status in names if status in UNNOTICED]


def place(mutant: str, area: str) -> str:
    """Return which function a mutant changes, as survivors.md names it: case.Case.shown."""
    module, _, changed = mutant.removeprefix(f"django_alipay_cancel.{area}.").rpartition(".")
    found = _NAME.fullmatch(changed)
    if found is None:
        raise ValueError(f"{mutant} is no name of a mutant.")
    return ".".join(filter(None, (module, found["cls"], found["name"])))


def _output(area: Area, *command: str) -> str:
    done = subprocess.run(
        [*MUTMUT, *command], cwd=area.folder, capture_output=True, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
