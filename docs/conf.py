"""The documentation: sphinx-build -W -b html docs build/docs.

Needs the extra `docs`, and graphviz for the state diagrams.
"""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402

django.setup()

import django_alipay_cancel  # noqa: E402

project = "django-alipay-cancel"
author = "the django_alipay_cancel maintainers"
copyright = f"2026, {author}"
release = version = django_alipay_cancel.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.graphviz",
    "from_code",
    "openapi_page",
    "state_drawings",
]
exclude_patterns = ["_ext"]
html_theme = "furo"
html_title = f"django-alipay-cancel {release}"
html_static_path: list[str] = []

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
# GitHub draws this fence itself; here state_drawings does, without a script from elsewhere.
myst_fence_as_directive = ["mermaid"]
graphviz_output_format = "svg"

# The docstrings write `name` for code, as this documentation does.
default_role = "code"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
