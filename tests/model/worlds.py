"""The worlds that are searched: the small ones in each run of the suite, the large ones nightly."""

from __future__ import annotations

from dataclasses import replace

from tests.model.world import ABSENT, HELD, UNPAID, World

_SWEEP = World("sweep", start=UNPAID, no_result=True, pays=True, notifies=True, effects_later=True)

SMALL = {
    world.name: world
    for world in (
        World("answers", effects_later=True, unbound=True, calls=8, delays=2),
        World("three delays", effects_later=True, calls=10, delays=3),
        World("a process dies", effects_later=True, dies=1, calls=6, delays=2),
        World("troubles", troubles=True, not_sent=True, effects_later=True, calls=7),
        World("nothing is sent", not_sent=True, calls=8),
        World("late pay", start=ABSENT, pays=True, notifies=True, effects_later=True, calls=9),
        World("late pay, persons", start=ABSENT, pays=True, notifies=True, persons=1, calls=5),
        World("unpaid", start=UNPAID, pays=True, fails=True, notifies=True, effects_later=True),
        replace(_SWEEP, name="sweep", calls=8, delays=2),
        replace(_SWEEP, name="sweep dies", dies=1, calls=7),
        replace(_SWEEP, name="sweep replayed", replays=2, calls=8),
        World("persons", effects_later=True, persons=1, calls=7),
        World("two wishes", effects_later=True, wishes=2, calls=8),
        World("replays", replays=1, effects_later=True, calls=8, delays=2),
        World("late news", start=UNPAID, pays=True, fails=True, notifies=True, shop=1, calls=6),
        World("held", start=HELD, pays=True, fails=True, notifies=True, effects_later=True),
        replace(_SWEEP, name="sweep, the shop tells", shop=1, calls=6),
        World("slow check", effects_later=True, slow=1, calls=3, delays=2),
        replace(_SWEEP, name="sweep, slow check", slow=1, calls=3),
        World("orphaned", orphaned=True, effects_later=True, slow=2, calls=3),
        World("the shop says paid", start=ABSENT, shop_says_paid=True, pays=True, calls=8),
    )
}
# Their calls have no limit of the search's own: that they end shows L2.
ENDLESS = {
    world.name: replace(world, calls=99)
    for world in (
        World("answers", effects_later=True, unbound=True, delays=2),
        World("troubles", effects_later=True, troubles=True),
        World("nothing is sent", not_sent=True),
        World("late pay", start=ABSENT, pays=True, notifies=True, effects_later=True),
        replace(_SWEEP, name="sweep", shop=1),
        World("sweep, nothing is sent", start=UNPAID, no_result=True, pays=True, not_sent=True),
    )
}
# Who has broken TLS lets cancels through or holds them back, and plays another payment's refusals.
BROKEN_TLS = {
    world.name: world
    for world in (
        World("F", holds=True, calls=4),
        World("ORDER_NOT_EXIST", hides=True, replays=2, shop_says_paid=True, early=4, calls=4),
    )
}
LARGE = {
    world.name: world
    for world in (
        World("five delays", effects_later=True, unbound=True, calls=14, delays=5),
        World("a process dies", effects_later=True, dies=1, calls=9, delays=2),
        World("troubles, twice", troubles=True, not_sent=True, effects_later=True, calls=9),
        World(
            "late pay, persons", start=ABSENT, pays=True, notifies=True, effects_later=True,
            persons=2, calls=8, delays=2,
        ),
        replace(_SWEEP, name="sweep, persons", dies=1, persons=1, calls=8, delays=2),
        World("persons", effects_later=True, persons=2, calls=8),
        World("slow check", effects_later=True, slow=1, calls=4, delays=2),
        World("slow check, dies", effects_later=True, slow=1, dies=1, calls=3),
        World("slow check, late pay", start=ABSENT, pays=True, slow=1, effects_later=True, calls=4),
        World("slow check, two wishes", effects_later=True, slow=1, wishes=2, calls=4),
        replace(_SWEEP, name="sweep, slow check", slow=1, calls=4),
        World("two wishes", effects_later=True, wishes=2, dies=1, persons=1, calls=8),
    )
}  # fmt: skip
