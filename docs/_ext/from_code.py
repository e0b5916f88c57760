"""Lists and tables read from the code, so that a page cannot say what the code no longer does.

`described KIND` takes a list of `name: what it means` and adds what the code knows of each name. A
name that the code has and the page has not, or the other way round, is an error of the build.
"""

import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from django.core.management import load_command_class
from django.db.models import CharField
from django.utils.translation import override
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from django_alipay_cancel import checks, database_checks, diagnosis, models, wording
from django_alipay_cancel.alipay import results
from django_alipay_cancel.alipay.causes import CAUSES

Rows = Iterable[tuple[str, ...]]


def _checks() -> Mapping[str, str]:
    sources = [
        Path(module.__file__ or "").read_text() for module in (checks, database_checks, diagnosis)
    ]
    ids = re.findall(r"[\".]([EW]\d{3})\"", "".join(sources))
    return {name: "error" if name.startswith("E") else "warning" for name in sorted(set(ids))}


def _fields(model: type[Any]) -> Callable[[], Mapping[str, str]]:
    def fields() -> Mapping[str, str]:
        return {field.name: _kind(field) for field in model._meta.concrete_fields}

    return fields


def _kind(field: Any) -> str:
    kind = re.sub(r"Field$", "", type(field).__name__)
    if field.remote_field:
        kind = f"{type(field).__name__} to {field.remote_field.model.__name__}"
    elif field.choices and len(field.choices) < 10:
        kind = ", ".join(f"`{value}`" for value, _ in field.choices)
    elif isinstance(field, CharField):
        kind = f"text, at most {field.max_length} characters"
    return kind + (", NULL" if field.null else "")


DESCRIBED: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "checks": _checks,
    "payment": _fields(models.Payment),
    "cancellation": _fields(models.Cancellation),
    "attempt": _fields(models.CancellationAttempt),
    "event": _fields(models.PaymentEvent),
    "batch": _fields(models.Batch),
    "gateway": _fields(models.Gateway),
    "worker": _fields(models.Worker),
}


def _result_codes() -> Rows:
    yield "`result_code`", "Status", "`next_step`", "Sentence"
    for code in results.RESULT_CODES.values():
        sentence = wording.result_sentence(code.name)
        yield f"`{code.name}`", code.result_status, f"`{code.next_step}`", sentence


def _errors() -> Rows:
    yield "`error`", "`next_step` in review", "Sentence"
    for error in results.ERRORS:
        step = results.next_step(result_code="", error=error)
        yield f"`{error}`", f"`{step}`", wording.error_sentence(error)


def _causes() -> Rows:
    yield "`cause`", "Sentence"
    for cause in CAUSES:
        yield f"`{cause}`", wording.cause_sentence(cause, "`detail`")


def _next_steps() -> Rows:
    yield "`next_step`", "In lists", "Sentence"
    for step in results.NextStep:
        yield f"`{step}`", str(wording.next_step_label(step)), wording.next_step_sentence(step)


TABLES: Mapping[str, Callable[[], Rows]] = {
    "result-codes": _result_codes,
    "errors": _errors,
    "causes": _causes,
    "next-steps": _next_steps,
}


def _table(rows: Rows) -> str:
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


class Described(SphinxDirective):
    """The names of one kind, what the code knows of them, and what the page says."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        known = DESCRIBED[self.arguments[0]]()
        said = dict(self._entries())
        wrong = known.keys() ^ said.keys()
        if wrong:
            raise self.error(f"Described, or in the code, but not both: {sorted(wrong)}.")
        entries = [f"`{name}`, {known[name]}\n: {meaning}" for name, meaning in said.items()]
        return self.parse_text_to_nodes("\n\n".join(entries))

    def _entries(self) -> Iterable[tuple[str, str]]:
        text = re.sub(r"\n\s+", " ", "\n".join(self.content))
        for line in text.splitlines():
            name, _, meaning = line.partition(": ")
            yield name, meaning


class FromCode(SphinxDirective):
    """One of TABLES, all of it from the code."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        with override("en"):
            return self.parse_text_to_nodes(_table(TABLES[self.arguments[0]]()))


class CommandHelp(SphinxDirective):
    """What `manage.py NAME --help` prints, the options of every command left out."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        command = load_command_class("django_alipay_cancel", name)
        parser = ArgumentParser(prog=f"manage.py {name}", description=command.help)
        command.add_arguments(parser)
        text = parser.format_help()
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("described", Described)
    app.add_directive("from-code", FromCode)
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
