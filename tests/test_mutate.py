"""What tests/mutate.py makes of a module, of mutmut's names and of the explanations."""

from __future__ import annotations

import ast

import pytest

from tests.mutate import AREAS, ROOT, place, unnoticed, with_plain_properties

pytestmark = pytest.mark.once


def functions_of(area):
    """Yield the functions of an area as survivors.md names them."""
    for path in (ROOT / "django_alipay_cancel" / area).glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                yield f"{path.stem}.{node.name}"
            for each in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(each, ast.FunctionDef):
                    yield f"{path.stem}.{node.name}.{each.name}"


@pytest.mark.parametrize("area", AREAS)
def test_only_mutants_of_functions_that_there_are_are_explained(area):
    explained = AREAS[area].explained
    assert explained and explained.keys() <= set(functions_of(area))


@pytest.mark.parametrize("area", AREAS)
def test_the_files_and_tests_of_an_area_are_there(area):
    for pattern in (*AREAS[area].sources, *AREAS[area].tests):
        assert list(ROOT.glob(pattern)), pattern


@pytest.mark.parametrize(
    ("mutant", "named"),
    [
        ("django_alipay_cancel.services.case.xǁCaseǁshown__mutmut_7", "case.Case.shown"),
        ("django_alipay_cancel.services.case.xǁCaseǁuses_plain__mutmut_12", "case.Case.uses"),
        ("django_alipay_cancel.services.verdict.x__review__mutmut_1", "verdict._review"),
        ("django_alipay_cancel.services.case.xǁCaseǁ__init____mutmut_1", "case.Case.__init__"),
    ],
)
def test_a_mutant_is_named_after_its_function(mutant, named):
    assert place(mutant, "services") == named


def test_what_survived_and_what_no_test_runs_is_unnoticed():
    told = "    a__mutmut_1: survived\n    b__mutmut_2: no tests\n    c__mutmut_3: killed\n"
    assert unnoticed(told) == ["a__mutmut_1", "b__mutmut_2"]


def test_properties_stay_what_they_are_when_they_are_made_of_plain_functions():
    source = '''
from functools import cached_property
class Sum:
    calls = 0
    @property
    def one(self):
        return 1
    @cached_property
    def two(self):
        """Two."""
        self.calls += 1
        return 2 * self.one
    @staticmethod
    def three():
        return 3
'''
    names = {}
    exec(with_plain_properties(source), names)
    made = names["Sum"]()
    assert (made.one, made.two, made.two, made.three(), made.calls) == (1, 2, 2, 3, 1)
    assert made.two_plain() == 2
