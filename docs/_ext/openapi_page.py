"""The REST reference, from openapi.yaml, which a test compares with the code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Routes(SphinxDirective):
    """Every route of the document: what it does, its parameters, each answer with an example."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "openapi.yaml"
        self.env.note_dependency(str(path))
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        parts = [
            part
            for address, operations in document["paths"].items()
            for method, operation in operations.items()
            for part in _operation(f"{method.upper()} {address.lstrip('/')}", operation)
        ]
        return self.parse_text_to_nodes("\n\n".join(parts), allow_section_headings=True)


def _operation(title: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"## {operation['summary']}"
    yield f"`{title}`"
    if "description" in operation:
        yield operation["description"]
    parameters = [
        f"| `{each['name']}` | {each['in']} | {_one_line(each.get('description', ''))} |"
        for each in operation.get("parameters", [])
    ]
    if parameters:
        yield "\n".join(["| Parameter | In | |", "|---|---|---|", *parameters])
    answers = operation["responses"].items()
    rows = [f"| {code} | {_one_line(answer['description'])} |" for code, answer in answers]
    yield "\n".join(["| Answer | |", "|---|---|", *rows])
    example = _first_example(operation["responses"])
    if example is not None:
        text = json.dumps(example, indent=2, ensure_ascii=False, default=str)
        yield f"```json\n{text}\n```"


def _first_example(responses: dict[str, Any]) -> Any:
    for answer in responses.values():
        for content in answer.get("content", {}).values():
            for example in content.get("examples", {}).values():
                return example["value"]
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("openapi-routes", Routes)
    return {"parallel_read_safe": True}
