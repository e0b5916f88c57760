"""Fill a new database of the example shop: python -m tests.shop_seed NUMBER.

Creates the logins, a session of each and NUMBER payments of the buyer, and prints as JSON
`sessions` (key by login name) and `payments` (ids).
"""

from __future__ import annotations

import json
import sys

import django

# What FakeAlipay and the shop both call payment number n.
REQUEST_ID = "load-{:06}"


def main(number: int) -> dict[str, object]:
    """Return what was made."""
    django.setup()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction
    from django.utils import timezone
    from logins import create_logins

    from django_alipay_cancel import services

    sessions = {}
    users = create_logins()
    for name, user in users.items():
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        sessions[name] = session.session_key
    with transaction.atomic():
        payments = [
            services.record_payment(
                payment_request_id=REQUEST_ID.format(n),
                amount_value=1000 + n,
                amount_currency="USD",
                reference=f"L-{n}",
                customer=users["buyer"],
                paid_at=timezone.now(),
            )
            for n in range(number)
        ]
    return {"sessions": sessions, "payments": [str(payment.pk) for payment in payments]}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
