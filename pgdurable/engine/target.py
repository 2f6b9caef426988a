"""A handler that can be called, as its deployment announced it, and what submits an invocation of it.

For every process that admits invocations: workers, ingresses, and clients with a connection of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from pgdurable.engine.headers import to_detail
from pgdurable.store.rows import SubmissionRow
from pgdurable_sdk import ids
from pgdurable_sdk.handler import HandlerType, ServiceType
from pgdurable_sdk.manifest import HandlerManifest
from pgdurable_sdk.scopes import scoped_key

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

    from pgdurable.config import Settings
    from pgdurable.store.rows import HandlerRow


class MakeId(Protocol):
    """What makes the id of an invocation: that of the SDK, or one that makes the driver's UUIDs."""

    def __call__(
        self, service: str, handler: str, key: str | None, idempotency_key: str | None, /, *, workflow: bool
    ) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A handler that can be called. Retentions are in whole seconds, as SQL takes them."""

    service: str
    service_type: ServiceType
    public: bool
    manifest: HandlerManifest
    journal_retention: int
    idempotency_retention: int
    workflow_retention: int

    @property
    def handler(self) -> str:
        """The handler's name."""
        return self.manifest.name

    @property
    def handler_type(self) -> HandlerType:
        """How its invocations are admitted."""
        return self.manifest.handler_type

    @property
    def runs_workflow(self) -> bool:
        """Whether it runs once for each key, which is then what names its invocation."""
        return self.handler_type is HandlerType.WORKFLOW

    def retentions(self, idempotent: bool) -> tuple[int, int]:
        """Seconds to keep the result and the journal (as Restate stamps them at admission)."""
        if self.runs_workflow:
            kept = self.workflow_retention
        elif idempotent:
            kept = self.idempotency_retention
        else:
            return self.journal_retention, self.journal_retention
        return kept, min(kept, self.journal_retention)

    def submission(
        self,
        key: str | None,
        input: bytes,
        *,
        headers: dict[str, str],
        idempotency_key: str | None = None,
        delay: timedelta | None = None,
        origin: UUID | None = None,
        trace_parent: str | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
        make_id: MakeId = ids.invocation_id,
    ) -> SubmissionRow:
        """A new invocation from outside. ``origin`` is the process that is to hear of its end."""
        if scope is not None:
            key = scoped_key(scope, key)
        retention, journal_retention = self.retentions(idempotency_key is not None)
        runs_workflow, manifest = self.runs_workflow, self.manifest
        # By position: by name these 15 take 2.5 us, and so 1.
        return SubmissionRow(
            make_id(self.service, manifest.name, key, idempotency_key, workflow=runs_workflow),
            self.service,
            manifest.name,
            key,
            manifest.handler_type,
            input,
            to_detail(headers, encoded=manifest.encoded and bool(input), limit_key=limit_key),
            idempotency_key,
            delay,
            None,
            None,
            origin,
            retention,
            journal_retention,
            trace_parent,
        )


def read_target(row: HandlerRow, settings: Settings) -> Target:
    """What was registered, with the retentions of ``settings`` where it says nothing."""
    manifest = msgspec.json.decode(row.definition, type=HandlerManifest)
    options = manifest.options
    return Target(
        service=row.service,
        service_type=ServiceType(row.service_type),
        public=row.public,
        manifest=manifest,
        journal_retention=_seconds(options.journal_retention, settings.journal_retention),
        idempotency_retention=_seconds(options.idempotency_retention, settings.idempotency_retention),
        workflow_retention=_seconds(options.workflow_retention, settings.workflow_retention),
    )


def _seconds(own: float | None, default: timedelta) -> int:
    return int(default.total_seconds() if own is None else own)
