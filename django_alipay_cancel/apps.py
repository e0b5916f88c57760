"""The app's registration with Django."""

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class AlipayCancelConfig(AppConfig):
    name = "django_alipay_cancel"
    verbose_name = _("Alipay payments")
    # Said here, so that a shop's own DEFAULT_AUTO_FIELD never asks for a migration of ours.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Imported for the system checks that they register.
        from django_alipay_cancel import checks, database_checks  # noqa: F401

        if apps.is_installed("drf_spectacular"):
            # Imported for the descriptions that it registers: the shop's own document stays clean.
            from django_alipay_cancel.api import openapi  # noqa: F401
