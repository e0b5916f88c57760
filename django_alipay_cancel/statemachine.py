"""A django-fsm model whose rows move by compare-and-swap, and whose signals come after the commit.

django-fsm sends its signals inside a transition: a receiver that raises would undo the storing of
what Alipay has said, and even a database error that it catches would abort the transaction on
PostgreSQL. For these models they are sent when the transition is committed, and cannot veto it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from django.db import models, router, transaction
from django_fsm import (
    ConcurrentTransition,
    ConcurrentTransitionMixin,
    FSMField,
    TransitionNotAllowed,
)
from django_fsm.signals import post_transition, pre_transition

from django_alipay_cancel.isolation import as_committed, if_still

Result = TypeVar("Result")

_SIGNALS = (pre_transition, post_transition)
# How often a row may move between reading and writing it.
_TRIES = 5


class StateField(FSMField):
    """An FSMField whose transitions tell nobody before they are stored."""

    def change_state(self, instance: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
        """Carry out a transition in memory; the row tells of it when it is stored."""
        meta, source = method._django_fsm, self.get_state(instance)
        if not meta.has_transition(source):
            raise TransitionNotAllowed(
                f"Can't switch from state '{source}' using method '{method.__name__}'",
                object=instance,
                method=method,
            )
        target = meta.next_state(source)
        result = method(instance, *args, **kwargs)
        if hasattr(target, "get_state"):  # GET_STATE: the state follows from the row
            target = target.get_state(instance, None, result, args=args, kwargs=kwargs)
        self.set_state(instance, target)
        instance.remember_transition(
            name=method.__name__,
            field=meta.field,
            source=source,
            target=target,
            method_args=args,
            method_kwargs=kwargs,
        )
        return result


class StateMachineModel(ConcurrentTransitionMixin, models.Model):
    """One protected state field, named by `state_field`; a stale copy never overwrites a newer one.

    A transition changes memory only. `store()` writes it, if the row is still what was read;
    `save()` raises `django_fsm.ConcurrentTransition` instead.
    """

    state_field: str
    _stored_state: str

    class Meta:
        abstract = True

    @property
    def state_fields(self) -> Iterable[Any]:
        """The one state field; django-fsm would look through all fields for each row read."""
        return (self._meta.get_field(self.state_field),)

    @property
    def database(self) -> str:
        """The alias this row is written to; it may have been read from a replica."""
        return router.db_for_write(type(self), instance=self)

    def store(self, *fields: str, **expected: object) -> bool:
        """Write the state and `fields` in one UPDATE, if the row's state is still the one read.

        `expected` are further lookups the row must meet. Returns False, and writes nothing, when
        it does not. Unlike `save()`, a miss leaves the surrounding transaction usable.
        """
        columns = [field for field in self._meta.concrete_fields if field.name in fields]
        values = {field.name: field.pre_save(self, False) for field in columns}
        values[self.state_field] = getattr(self, self.state_field)
        rows = type(self)._base_manager.using(self.database).filter(pk=self.pk)
        unchanged = {self.state_field: self._stored_state, **expected}
        if not if_still(rows, **unchanged).update(**values):
            return False
        self._update_initial_state()
        self._tell_transitions()
        return True

    def until_stored(self, once: Callable[[], Result | None]) -> Result:
        """Return what `once` makes of the row; None: it moved meanwhile, and is read again.

        Raises ConcurrentTransition when that happens five times in a row.
        """
        for _ in range(_TRIES):
            done = once()
            if done is not None:
                return done
            self.refresh_from_db()
        raise ConcurrentTransition(f"{self!r} changes faster than it can be written.")

    @classmethod
    def store_new(cls, rows: list[Any], *, using: str) -> None:
        """Insert rows in as few statements as the database takes, and tell their transitions."""
        cls._base_manager.using(using).bulk_create(rows)
        for row in rows:
            row._update_initial_state()
            row._tell_transitions()

    def remember_transition(self, **told: Any) -> None:
        """Keep what django-fsm's signals say of a transition until the row is stored."""
        self.__dict__.setdefault("_transitions", []).append(told)

    def _tell_transitions(self) -> None:
        for told in self.__dict__.pop("_transitions", ()):
            for signal in _SIGNALS:
                if signal.has_listeners(type(self)):
                    send = partial(signal.send_robust, type(self), instance=self, **told)
                    transaction.on_commit(send, using=self.database, robust=True)

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Any] | None = None,
    ) -> None:
        """Read the row again, the protected state included, and from where it is written.

        django-fsm refuses to set a protected field that has a value, and django-fsm-2 lifts the
        protection for the whole class meanwhile; forgetting the value first needs neither.
        """
        if from_queryset is None:
            # A replica may not know yet what this process wrote.
            from_queryset = as_committed(type(self)._base_manager.using(using or self.database))
        fields = None if fields is None else list(fields)
        kept = self.__dict__.pop(self.state_field, None)
        read = False
        try:
            models.Model.refresh_from_db(
                self, using=using, fields=fields, from_queryset=from_queryset
            )
            read = fields is None or self.state_field in fields
        finally:
            if not read and kept is not None:
                self.__dict__[self.state_field] = kept
        if read:
            self.__dict__.pop("_transitions", None)  # never stored
            self._update_initial_state()

    def get_deferred_fields(self) -> set[str]:
        """The state is never deferred: forgotten by `refresh_from_db`, it is read with the rest."""
        return super().get_deferred_fields() - {self.state_field}

    def _update_initial_state(self) -> None:
        super()._update_initial_state()
        self._stored_state = getattr(self, self.state_field)
