"""The test project as the browser meets it: a strict policy, and the admin theme asked for.

BROWSER_TEST_HOST is "plain" or "unfold", BROWSER_TEST_ALIPAY the setting ALIPAY_CANCEL as JSON.
"""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE

ALIPAY_CANCEL = json.loads(os.environ["BROWSER_TEST_ALIPAY"])
ALLOWED_HOSTS = ["127.0.0.1"]
MIDDLEWARE = ["tests.browser.policy.ContentSecurityPolicy", *MIDDLEWARE]
if os.environ["BROWSER_TEST_HOST"] == "unfold":
    INSTALLED_APPS = ["unfold", *INSTALLED_APPS]
    # Its pages carry scripts and styles of their own, and evaluate text; none comes from elsewhere.
    BROWSER_TEST_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval'"
