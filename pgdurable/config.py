"""Settings of the engine. Each default is documented where it stands; times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

from pgdurable_sdk.limits import LIMITS, MEBIBYTE
from pgdurable_sdk.retry import InvocationRetryPolicy


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process of the engine behaves."""

    lease: float = 10.0
    """A worker not heard of for this long is dead; others take over what it ran."""

    inactivity_timeout: float = 60.0
    """A handler that waits longer is suspended: its memory is freed, and it is replayed when it may go on."""

    abort_timeout: float = 600.0
    """A handler that neither waits nor gets anywhere is aborted so long after that, and retried."""

    blocked_loop: float = 0.25
    """A handler that keeps the event loop from turning for longer is named in the log; 0: nobody looks."""

    resident: int = 4000
    """Attempts in memory at most. When they get scarce, those waiting longest are suspended sooner."""

    concurrency: int = 1000
    """Attempts that run at once and wait for nothing (Restate's concurrent-invocations-limit)."""

    hand_over: int = 128
    """Up to so many active attempts a worker takes what it admits; beyond, whoever has room claims it."""

    threads: int = 64
    """Steps that are plain functions, not coroutines, executing at once."""

    slow_run: float = 0.05
    """A step that takes longer is journaled as begun, so that it can be seen."""

    drain: float = 5.0
    """How long a stopping worker lets attempts finish or suspend before it gives them back."""

    poll: float = 2.0
    """How often an idle process looks for work and timers that no notification announced."""

    poll_deaf: float = 0.2
    """The same while it has no listening connection; where it never has one, all polls are as frequent."""

    missing_poll: float = 5.0
    """How often attempts look for deliveries whose notification was lost."""

    result_poll: float = 1.0
    """How often results that clients wait for are looked up, in case a notification was lost."""

    reap: float = 1.0
    """How often dead workers are looked for."""

    crashes: int = 10
    """An invocation is paused when so many processes in a row died while they ran it; sooner if its retry
    policy has fewer attempts."""

    expire: float = 60.0
    """How often what is kept for less than an hour, or has an idempotency key or a workflow's key, is deleted
    when its retention is over."""

    sweep: float = 3600.0
    """How often results and journals past their retention are deleted (Restate's cleanup-interval)."""

    submit_patience: float = 10.0
    """How long a client's request is retried while PostgreSQL is away, before it is answered with 503."""

    payload_warning: int = LIMITS.warning
    """Bytes of an input, result or value beyond which the log says that it is large."""

    payload_limit: int = LIMITS.refusal
    """Bytes beyond which it is refused: a request with 413, an attempt with an error."""

    headers: int = LIMITS.headers
    """Headers of a request beyond which it is refused with 431, and of a call beyond which its attempt
    fails."""

    header_bytes: int = LIMITS.header_bytes
    """Bytes of these headers, names and values, likewise."""

    requests: int = 10_000
    """Requests that an ingress has open at once, long polls among them; one more is answered with 429 and
    Retry-After (Restate's concurrent-api-requests-limit)."""

    requests_away: int = 1000
    """The same while PostgreSQL is away: one more is answered with 503 and Retry-After."""

    request_bytes: int = 512 * MEBIBYTE
    """Bytes of the bodies of all open requests of an ingress, beyond which it answers with 429."""

    journal_entries: int = 50_000
    """Entries of a journal; an invocation that would write one more is paused."""

    journal_bytes: int = 256 * MEBIBYTE
    """Bytes of the payloads in a journal and of what was delivered; likewise."""

    children: int = 10_000
    """Calls of one invocation without a result; one that would make one more is paused."""

    retry: InvocationRetryPolicy = field(
        default_factory=lambda: InvocationRetryPolicy(
            initial_interval=timedelta(milliseconds=500),
            exponentiation_factor=2.0,
            max_interval=timedelta(minutes=1),
            max_attempts=70,
            on_max_attempts="pause",
        )
    )
    """Restate's default-retry-policy, used where neither handler nor service says otherwise."""

    journal_retention: timedelta = timedelta(days=1)
    idempotency_retention: timedelta = timedelta(days=1)
    workflow_retention: timedelta = timedelta(days=1)


def of_the_deaf(settings: Settings) -> Settings:
    """The settings of a process that no notification ever reaches: it looks into everything as often."""
    often = settings.poll_deaf
    return replace(
        settings,
        poll=min(settings.poll, often),
        missing_poll=min(settings.missing_poll, often),
        result_poll=min(settings.result_poll, often),
    )
