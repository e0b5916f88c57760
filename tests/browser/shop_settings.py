"""The example shop with a strict policy; serve.py takes these settings by SHOP_SETTINGS."""

from shop.settings import *  # noqa: F403
from shop.settings import MIDDLEWARE

MIDDLEWARE = ["tests.browser.policy.ContentSecurityPolicy", *MIDDLEWARE]
