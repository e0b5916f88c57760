"""The demo's accounts, one for each thing a person may do. The passwords are the names."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User

LOGINS = {
    "operator": "superuser: may do everything",
    "clerk": "support: may cancel payments",
    "viewer": "may look at payments, cancellations and attempts",
    "buyer": "has the orders, and may cancel their payments",
}
_PERMISSIONS = {
    "clerk": ["cancel_payment"],
    "viewer": ["view_payment", "view_cancellation", "view_cancellationattempt"],
}


def create_logins() -> dict[str, User]:
    """Create the accounts and return them by name."""
    users = {}
    for name in LOGINS:
        users[name] = user = User.objects.create_user(
            name,
            password=name,
            email="buyer@shop.example" if name == "buyer" else "",
            is_staff=name != "buyer",
            is_superuser=name == "operator",
        )
        user.user_permissions.set(
            Permission.objects.filter(
                content_type__app_label="django_alipay_cancel",
                codename__in=_PERMISSIONS.get(name, []),
            )
        )
    return users
