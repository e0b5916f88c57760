"""The entry for a WSGI server, by default with the settings for production."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.production")
application = get_wsgi_application()
