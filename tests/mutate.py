"""Change alipay/ in a thousand small ways, and fail when no test notices one: make nightly.

What may survive stands in survivors.md, with the reason. Arguments go to `mutmut run`: a pattern
such as "django_alipay_cancel.alipay.signing*" tries a part. Needs the extra `mutation`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MUTMUT = [sys.executable, "-m", "mutmut"]
EXPLAINED = Path(__file__).with_name("alipay") / "survivors.md"
# What mutmut calls a mutant that no test has noticed.
UNNOTICED = ("survived", "no tests", "suspicious")


def main(arguments: list[str]) -> int:
    """Run all mutants that are not yet decided; return the exit status for the shell."""
    subprocess.run([*MUTMUT, "run", *arguments], check=True)
    explained = EXPLAINED.read_text(encoding="utf-8")
    left = [mutant for mutant in unnoticed() if change(mutant) not in explained]
    for mutant in left:
        print(f"{mutant}\n{change(mutant)}\n")
    print(f"{len(left)} mutants survived without an explanation in {EXPLAINED.name}.")
    return bool(left)


def unnoticed() -> list[str]:
    """Return the names of the mutants that live."""
    names = (line.partition(": ") for line in _output("results").splitlines())
    return [name.strip() for name, _, status in names if status in UNNOTICED]


def change(mutant: str) -> str:
    """Return the lines that the mutant takes away and puts in, as survivors.md shows them."""
    lines = _output("show", mutant).splitlines()
    changed = [line for line in lines if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in changed)


def _output(*command: str) -> str:
    return subprocess.run([*MUTMUT, *command], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
