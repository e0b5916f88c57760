"""The app's registration with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AlipayCancelConfig(AppConfig):
    name = "django_alipay_cancel"
    verbose_name = _("Alipay payments")
    # Said here, so that a shop's own DEFAULT_AUTO_FIELD never asks for a migration of ours.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_alipay_cancel import checks  # noqa: F401 (registers the system checks)
