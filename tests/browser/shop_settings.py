"""The example shop with a strict policy; serve.py takes these settings by SHOP_SETTINGS."""

from shop.settings import *
from shop.settings import MIDDLEWARE

MIDDLEWARE = ["tests.browser.policy.ContentSecurityPolicy", *MIDDLEWARE]
