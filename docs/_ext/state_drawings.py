"""Draws the state diagrams, written in Mermaid for GitHub's sake, with graphviz at build time.

Mermaid itself needs a browser or a script from somebody else's server. Of its language only the
lines that draw_states.py writes are understood; any other is a warning, and so an error.
"""

import re

from sphinx.application import Sphinx
from sphinx.ext.graphviz import graphviz
from sphinx.util.docutils import SphinxDirective

_ARROW = re.compile(r"\s*(\S+) --> (\S+?)(?:: (\w+))?\s*$")
_STYLE = """
    graph [fontname="sans-serif", bgcolor="transparent"];
    node [shape=box, style="rounded,filled", fillcolor="#f2f5f9", color="#5a6b80",
          fontname="sans-serif", fontsize=11];
    edge [color="#5a6b80", fontname="sans-serif", fontsize=10];
    start [label="", shape=circle, width=0.15, style=filled, fillcolor="#5a6b80"];
"""


class StateDiagram(SphinxDirective):
    """A `mermaid` fence that holds a stateDiagram-v2."""

    has_content = True

    def run(self) -> list[graphviz]:
        kind, *lines = [line for line in self.content if line.strip()]
        arrows = [_ARROW.match(line) for line in lines]
        if kind != "stateDiagram-v2" or not all(arrows):
            raise self.error("Only `A --> B: name` of a stateDiagram-v2 can be drawn.")
        edges = [
            f'    {"start" if start == "[*]" else start} -> {end} [label="{name or ""}"];'
            for start, end, name in (arrow.groups() for arrow in arrows if arrow)
        ]
        drawing = graphviz()
        drawing["code"] = "digraph {" + _STYLE + "\n".join(edges) + "\n}"
        drawing["options"] = {}
        drawing["alt"] = "; ".join(line.strip() for line in lines)
        return [drawing]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("mermaid", StateDiagram)
    return {"parallel_read_safe": True}
