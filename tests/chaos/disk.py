"""A small file system of a test's own, which can be filled to the last byte."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

_BLOCK = b"\0" * 65536


class SmallDisk:
    """Mounted in `folder`; raises OSError where this user may not mount."""

    def __init__(self, megabytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="alipay-chaos-disk-"))
        self._ballast = self.folder / "ballast"
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs"]
        try:
            done = subprocess.run(["mount", *options, self.folder], capture_output=True, text=True)
            if done.returncode:
                raise OSError(done.stderr)
        except OSError:
            self.folder.rmdir()
            raise

    def fill(self) -> None:
        """Leave no room for anybody."""
        with self._ballast.open("ab", buffering=0) as ballast, suppress(OSError):
            while ballast.write(_BLOCK):
                pass

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def remove(self) -> None:
        subprocess.run(["umount", self.folder], check=True)
        self.folder.rmdir()
