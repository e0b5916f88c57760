"""What the package's docstring tells users."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest

from django_alipay_cancel import testing


@pytest.mark.django_db(transaction=True)
def test_the_example_in_the_docstring_works(settings, transactional_db):
    example = testing.__doc__.partition("::\n")[2].partition("\nIt needs no Django")[0]
    names: dict[str, Any] = {}
    exec(textwrap.dedent(example), names)
    names["test_a_lost_answer_is_asked_for_again"](settings, transactional_db)


def test_it_needs_no_django():
    program = "import sys, django_alipay_cancel.testing; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
