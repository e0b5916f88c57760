"""The Chinese catalogues say all that the sources say, in the words of the glossary."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeGuard

import django
import pytest
import rest_framework
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.utils.translation import override

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from tests.glossary import FORBIDDEN, FORBIDDEN_ALONE

ROOT = Path(__file__).parent.parent
TOOLS = ("xgettext", "msguniq", "msgmerge", "msgattrib")  # makemessages calls them
CATALOGUE = "locale/zh_Hans/LC_MESSAGES/django"

_PLACEHOLDER = re.compile(r"%\(\w+\)[-#0 +]*\d*(?:\.\d+)?[a-z]|%%|</?\w+>")
_HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,;:?!()]|[,;:?!()][\u4e00-\u9fff]|[\u4e00-\u9fff]\.")
_JOINED = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]")
_GETTEXT = {"_", "gettext", "ngettext", "gettext_lazy", "ngettext_lazy", "pgettext", "npgettext"}
_GETTEXT |= {"pgettext_lazy", "npgettext_lazy", "gettext_noop"}

Key = tuple[str | None, str]


@pytest.fixture(params=["django_alipay_cancel", "example_project/shop"])
def package(request: pytest.FixtureRequest) -> Path:
    return ROOT / str(request.param)


@pytest.fixture
def catalogue(package: Path) -> Catalog:
    return written(package / f"{CATALOGUE}.po")


def written(path: Path, *, is_new: bool = False) -> Catalog:
    with path.open("rb") as file:
        # A new one has empty lines for two forms of the plural, whatever its header says.
        return read_po(file, abort_invalid=not is_new)


def messages(catalogue: Catalog) -> list[Message]:
    """All but the header."""
    return [message for message in catalogue if message.id]


def texts(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def key(message: Message) -> Key:
    context = message.context
    # read_mo leaves it in bytes.
    return (context.decode() if isinstance(context, bytes) else context, texts(message.id)[0])


def keys(catalogue: Catalog) -> set[Key]:
    return {key(message) for message in messages(catalogue)}


def translations(catalogue: Catalog) -> Iterator[tuple[str, str]]:
    """Each translation, beside all the English that it stands for."""
    for message in messages(catalogue):
        for chinese in texts(message.string):
            yield " ".join(texts(message.id)), chinese


def without_placeholders(text: str) -> str:
    return _PLACEHOLDER.sub("", text)


def require_gettext() -> None:
    for tool in TOOLS:
        if shutil.which(tool) is not None:
            continue
        if os.environ.get("CI_REQUIRE_ALL") == "1":
            pytest.fail(f"CI_REQUIRE_ALL=1, but no program {tool} (apt-get install gettext).")
        pytest.skip(f"left out: no program {tool} (apt-get install gettext)")


def test_the_catalogue_has_every_message_of_the_sources_and_no_other(
    package: Path, catalogue: Catalog, tmp_path: Path
) -> None:
    require_gettext()
    copy = tmp_path / "copy"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copy / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale=zh_Hans"]
    environment = {
        name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
    }
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    extracted = keys(written(copy / f"{CATALOGUE}.po", is_new=True))
    assert len(extracted) > 30
    assert extracted - keys(catalogue) == set(), "not in the catalogue; see CONTRIBUTING"
    assert keys(catalogue) - extracted == set(), "in the catalogue, but no longer in the sources"


def test_every_message_is_translated_and_none_is_fuzzy_or_obsolete(catalogue: Catalog) -> None:
    assert [message.id for message in messages(catalogue) if message.fuzzy] == []
    assert [english for english, chinese in translations(catalogue) if not chinese.strip()] == []
    assert list(catalogue.obsolete) == []


def test_a_translation_keeps_the_placeholders(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        expected = sorted(_PLACEHOLDER.findall(texts(message.id)[-1]))
        for chinese in texts(message.string):
            assert sorted(_PLACEHOLDER.findall(chinese)) == expected, message.id


def test_what_is_compiled_is_what_is_written(package: Path, catalogue: Catalog) -> None:
    with (package / f"{CATALOGUE}.mo").open("rb") as file:
        compiled = read_mo(file)

    def content(one: Catalog) -> dict[Key, tuple[str, ...]]:
        return {key(message): texts(message.string) for message in messages(one)}

    assert content(compiled) == content(catalogue), "run compilemessages"


@pytest.mark.parametrize("word", FORBIDDEN["zh-hans"])
def test_no_translation_uses_a_word_the_glossary_forbids(catalogue: Catalog, word: str) -> None:
    assert [chinese for _, chinese in translations(catalogue) if word in chinese] == []


@pytest.mark.parametrize("word", FORBIDDEN_ALONE)
def test_no_translation_is_a_word_that_means_abort_on_a_button(
    catalogue: Catalog, word: str
) -> None:
    assert [english for english, chinese in translations(catalogue) if chinese == word] == []


def test_only_a_refund_is_called_a_refund(package: Path, catalogue: Catalog) -> None:
    called = [pair for pair in translations(catalogue) if "退款" in pair[1]]
    assert called or package.name == "shop"  # which leaves that to the app's sentences for buyers
    assert [pair for pair in called if "refund" not in pair[0].lower()] == []


def test_what_is_unknown_is_not_called_a_failure(catalogue: Catalog) -> None:
    unknown = [pair for pair in translations(catalogue) if re.search("unknown|not known", pair[0])]
    assert unknown
    assert [pair for pair in unknown if "失败" in pair[1]] == []


def test_chinese_has_its_own_punctuation_and_a_blank_before_latin_words(
    catalogue: Catalog,
) -> None:
    bare = [without_placeholders(chinese) for _, chinese in translations(catalogue)]
    assert [text for text in bare if _HALF_WIDTH.search(text)] == []
    assert [text for text in bare if _JOINED.search(text)] == []


def test_no_blank_follows_chinese_punctuation(catalogue: Catalog) -> None:
    assert [text for _, text in translations(catalogue) if re.search("[。，：；、？] ", text)] == []


@pytest.mark.parametrize(
    ("choices", "labels"),
    [
        (Payment.Status, "支付处理中 已授权 支付成功 支付失败 取消中 已取消 退款中 已退款"),
        (Cancellation.Status, "已受理，等待结果 取消成功 取消失败 已改为退款 待人工处理"),
        (CancellationAttempt.Outcome, "请求中 成功 失败 结果未知 未发出"),
        (CancellationAttempt.Kind, "取消支付 查询支付结果 退款 查询退款"),
    ],
)
def test_the_labels_are_those_of_the_glossary(choices: type[Payment.Status], labels: str) -> None:
    with override("zh-hans"):
        assert " ".join(map(str, choices.labels)) == labels


def test_a_message_is_never_formatted_or_marked_where_it_cannot_be_extracted() -> None:
    marked = 0
    for path in [*ROOT.glob("django_alipay_cancel/**/*.py"), *ROOT.glob("example_project/**/*.py")]:
        tree = ast.parse(path.read_text())
        for call in filter(is_gettext, ast.walk(tree)):
            marked += 1
            formatted = [part for part in call.args if isinstance(part, (ast.JoinedStr, ast.BinOp))]
            assert not formatted, f"{path}:{call.lineno}: format the translation, not the message"
        for text in ast.walk(tree):
            if isinstance(text, ast.JoinedStr):
                assert not any(map(is_gettext, ast.walk(text))), (
                    f"{path}:{text.lineno}: xgettext does not look into f-strings"
                )
    assert marked > 100


def is_gettext(node: ast.AST) -> TypeGuard[ast.Call]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return node.func.id in _GETTEXT


def test_no_word_of_django_is_said_otherwise_because_of_ours(catalogue: Catalog) -> None:
    """An app's catalogue goes before Django's, on every page of the host: ours carry a context."""
    theirs: dict[Key, set[tuple[str, ...]]] = {}
    for place in (Path(django.__file__).parent, Path(rest_framework.__file__).parent):
        for path in place.rglob("zh_Hans/LC_MESSAGES/django.mo"):
            with path.open("rb") as file:
                for message in messages(read_mo(file)):
                    theirs.setdefault(key(message), set()).add(texts(message.string))
    assert theirs
    for message in messages(catalogue):
        said = theirs.get(key(message))
        assert said is None or texts(message.string) in said, key(message)
