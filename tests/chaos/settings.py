"""The shop of this suite: tests.settings with what the environment says about Alipay."""

from __future__ import annotations

import json
import os

from tests.settings import *  # noqa: F403

DEBUG = False
# A site keeps its connection; where there are few, it would not get another one.
DATABASES["default"]["CONN_MAX_AGE"] = None  # noqa: F405
ALIPAY_CANCEL = json.loads(os.environ["CHAOS_ALIPAY_CANCEL"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"timed": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "timed"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
