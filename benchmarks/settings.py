"""The tests' project with the benchmark's database and gateway, as the environment names them."""

import json
import os

from tests.settings import *  # noqa: F403

ALIPAY_CANCEL = json.loads(os.environ.get("BENCH_ALIPAY_CANCEL", "{}"))
