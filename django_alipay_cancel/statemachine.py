"""A django-fsm model whose rows move by compare-and-swap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models, router
from django_fsm import ConcurrentTransitionMixin


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
        unchanged = {"pk": self.pk, self.state_field: self._stored_state, **expected}
        if not type(self)._base_manager.using(self.database).filter(**unchanged).update(**values):
            return False
        self._update_initial_state()
        return True

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
            using = using or self.database  # a replica may not know yet what this process wrote
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
            self._update_initial_state()

    def get_deferred_fields(self) -> set[str]:
        """The state is never deferred: forgotten by `refresh_from_db`, it is read with the rest."""
        return super().get_deferred_fields() - {self.state_field}

    def _update_initial_state(self) -> None:
        super()._update_initial_state()
        self._stored_state = getattr(self, self.state_field)
