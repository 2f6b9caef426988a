"""The services that perform programs, with the public API alone.

Whatever a handler comes to know it reports, in order: outside at once, and in its result, or with its
failure. What is begun gets names by counting, and the model counts the same way.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

import pgdurable
from pgdurable import (
    Cancelled,
    InvocationRetryPolicy,
    ObjectContext,
    ObjectSharedContext,
    RunOptions,
    Service,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from tests.fuzz.language import (
    Append,
    Await,
    Awakeable,
    Body,
    Call,
    Cancel,
    Chance,
    Clear,
    ClearAll,
    Combine,
    Command,
    Errand,
    Fail,
    Future,
    Get,
    Linger,
    Look,
    Map,
    Must,
    Names,
    Nap,
    Now,
    OrTimeout,
    Pledge,
    Promised,
    Ref,
    Send,
    Sent,
    Set,
    Signal,
    Start,
    Step,
    Stumble,
    Task,
    Try,
    Twice,
)
from tests.fuzz.outside import WORLD, Report

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pgdurable import CallFuture, Context, DurableFuture, SendHandle
    from pgdurable.loader import Definition

MILLISECOND = timedelta(milliseconds=1)
EAGER = InvocationRetryPolicy(
    initial_interval=MILLISECOND, exponentiation_factor=1.0, max_interval=MILLISECOND, max_attempts=10_000
)
RETRIED: RunOptions[Any] = RunOptions(type_hint=str)
EXHAUSTED: RunOptions[Any] = RunOptions(
    type_hint=str, max_attempts=2, initial_retry_interval=MILLISECOND, max_retry_interval=MILLISECOND
)
PLANNED = "this was planned"

plain = Service("Plain", invocation_retry_policy=EAGER)
flow = Workflow("Flow", invocation_retry_policy=EAGER)
layers = [VirtualObject(f"Layer{n}", invocation_retry_policy=EAGER) for n in (1, 2, 3)]
helper = Service("Helper", invocation_retry_policy=EAGER)


@plain.handler(name="run")
async def run_plain(ctx: pgdurable.Context, task: Task) -> list[Report]:
    """Perform a program."""
    return await Interpreter(ctx, task).run()


@flow.main(name="run")
async def run_flow(ctx: WorkflowContext, task: Task) -> list[Report]:
    """Perform a program."""
    return await Interpreter(ctx, task).run()


@flow.handler()
async def complete(ctx: WorkflowSharedContext, errand: Errand) -> None:
    """Complete a promise."""
    promise = ctx.promise(errand.name, type_hint=str)
    if errand.rejected:
        await promise.reject(f"rejected {errand.name}", 418)
    else:
        await promise.resolve(f"resolved {errand.name}")


async def run_layer(ctx: ObjectContext, task: Task) -> list[Report]:
    """Perform a program."""
    return await Interpreter(ctx, task).run()


async def look(ctx: ObjectSharedContext, _task: Task) -> list[str]:
    """The log of this key."""
    return await ctx.get("log", type_hint=list[str]) or []


for layer in layers:
    layer.handler(name="run")(run_layer)
    layer.handler(name="look", kind="shared")(look)


@helper.handler()
async def help(ctx: pgdurable.Context, errand: Errand) -> None:
    """Run an errand."""
    finish(ctx, errand)


def finish(ctx: Context, errand: Errand) -> None:
    """Complete what the errand is for."""
    match errand.of, errand.rejected:
        case "awakeable", False:
            ctx.resolve_awakeable(errand.id, f"resolved {errand.name}")
        case "awakeable", True:
            ctx.reject_awakeable(errand.id, f"rejected {errand.name}", 418)
        case _, False:
            ctx.resolve_signal(errand.id, errand.name, f"resolved {errand.name}")
        case _, True:
            ctx.reject_signal(errand.id, errand.name, f"rejected {errand.name}", 418)


async def step(path: str, name: str, what: Step) -> str:
    """What a `Step` executes: its value tells the executions apart."""
    count = WORLD.outside.executes(path, name)
    value = f"{name}#{uuid4().hex[:8]}"
    WORLD.outside.result(name, value)
    for _ in range(what.turns):
        await WORLD.outside.passes()
    if count <= what.failures or what.end == "exhausted":
        raise RuntimeError(PLANNED)
    if what.end == "terminal":
        raise TerminalError(f"terminal {name}", 418)
    return value


class Interpreter:
    """Performs one program, in one attempt."""

    def __init__(self, ctx: Any, task: Task) -> None:
        self.ctx = ctx
        self.task = task
        self.trace: list[Report] = []
        self.begun: dict[int, DurableFuture[Any]] = {}
        self.names = 0
        self.cancelled = False
        self.attempt = WORLD.outside.begins(task.path)

    async def run(self) -> list[Report]:
        if self.task.announce is not None:
            self.ctx.resolve_awakeable(self.task.announce, "begun")
        try:
            await self.perform(self.task.body)
        except TerminalError as error:
            metadata = {"trace": msgspec.json.encode(self.trace).decode()}
            raise TerminalError(error.message, error.status_code, metadata) from None
        return self.trace

    def name(self) -> str:
        """Of what is begun next."""
        self.names += 1
        return f"{self.task.path}.{self.names}"

    def report(self, *report: Any) -> None:
        self.trace.append(list(report))
        WORLD.outside.sees(self.task.path, self.attempt, list(report))

    async def must(self, awaitable: Awaitable[Any]) -> Any:
        """Wait, and report what came of it. Raises TerminalError if it failed."""
        try:
            value = await awaitable
        except Cancelled:
            self.cancelled = True
            self.report("cancelled")
            raise
        except TerminalError as error:
            self.report("failed", error.status_code, error.message)
            raise
        self.report("ok", value)
        return value

    # Commands.

    async def perform(self, body: Body) -> None:
        for command in body:
            await self.do(command)

    async def do(self, command: Command) -> None:
        ctx = self.ctx
        match command:
            case Await(future):
                with suppress(TerminalError):
                    await self.must(await self.awaited(future))
            case Must(future):
                await self.must(await self.awaited(future))
            case Start(number, future):
                self.begun[number] = await self.begin(future)
            case Set(name):
                ctx.set(f"{name}@{self.task.path}", f"set {self.name()}")
            case Get(name):
                self.report("ok", await ctx.get(f"{name}@{self.task.path}", type_hint=str))
            case Clear(name):
                ctx.clear(f"{name}@{self.task.path}")
            case ClearAll():
                ctx.clear_all()
            case Names():
                own = [name for name in await ctx.state_keys() if name.endswith(f"@{self.task.path}")]
                self.report("ok", own)
            case Append():
                await self.append()
            case Send(place, body, ms, twice):
                task = Task(self.name(), place, body)
                once = task.path if twice and place != "Flow" else None
                for _ in range(2 if twice else 1):
                    self.send(task, ms, once)
            case Twice(place, body):
                await self.twice(Task(self.name(), place, body))
            case Cancel():
                await self.cancel(command)
            case Linger(place, body):
                if not self.cancelled:
                    forever = self.call(Task(self.name(), place, body))[1] if place else ctx.awakeable()[1]
                    await self.must(forever)
            case Pledge(rejected):
                await self.pledge(self.name(), rejected)
            case Try(body, undo):
                try:
                    await self.perform(body)
                except TerminalError:
                    await self.perform(undo)
            case Fail(code):
                raise TerminalError(f"failed {self.task.path}", code)
            case Stumble(times):
                if WORLD.outside.executes(self.task.path, f"stumble {self.name()}") <= times:
                    raise RuntimeError(PLANNED)
            case Chance():
                self.report("ok", [ctx.random().random(), str(ctx.uuid())])
            case Now():
                with suppress(TerminalError):
                    await self.must(ctx.time())

    async def append(self) -> None:
        """What was there before is reported by its length and a checksum: logs are long."""
        log: list[str] = await self.ctx.get("log", type_hint=list[str]) or []
        self.report("ok", [len(log), checksum(log)])
        self.ctx.set("log", [*log, self.name()])

    async def twice(self, task: Task) -> None:
        once = None if task.place == "Flow" else task.path
        for _, future in [self.call(task, once), self.call(task, once)]:
            with suppress(TerminalError):
                await self.must(future)

    async def cancel(self, command: Cancel) -> None:
        """The other one is cancelled even if this one is, meanwhile: it must not linger for ever."""
        ctx = self.ctx
        started: CallFuture[Any] | SendHandle
        awakeable, begun = ctx.awakeable(type_hint=str)
        task = Task(self.name(), command.place, command.body, awakeable)
        if command.by == "call":
            started, future = self.call(task)
        else:
            handle = started = self.send(task, 0)
            future = ctx.attach_invocation(await handle.invocation_id()).map(checksum)
        try:
            if command.begun:
                await self.must(begun)
        finally:
            await started.cancel_invocation()
        with suppress(TerminalError):
            await self.must(future)

    async def pledge(self, name: str, rejected: bool) -> None:
        promise = self.ctx.promise(name, type_hint=str)
        value = promise.value()
        finish = (lambda: promise.reject("rejected", 418)) if rejected else (lambda: promise.resolve("kept"))
        for awaited in (promise.peek, finish, finish, lambda: value, promise.peek):
            with suppress(TerminalError):
                await self.must(awaited())

    # Futures.

    async def awaited(self, future: Future) -> Any:
        if isinstance(future, Combine) and future.kind == "each":
            return self.each([await self.begin(part) for part in future.of])
        return await self.begin(future)

    async def each(self, futures: list[DurableFuture[Any]]) -> list[Any]:
        places = Places(futures)
        return [[places.take(future), outcome(future)] async for future in pgdurable.as_completed(*futures)]

    async def begin(self, future: Future) -> Any:
        """Begin it. Nothing here waits for anything but commits."""
        ctx = self.ctx
        match future:
            case Step():
                name = self.name()
                options = EXHAUSTED if future.end == "exhausted" else RETRIED
                return ctx.run_typed(name, step, options, self.task.path, name, future)
            case Nap(ms):
                return ctx.sleep(ms * MILLISECOND)
            case Call(place, body, idempotent):
                task = Task(self.name(), place, body)
                return self.call(task, task.path if idempotent and place != "Flow" else None)[1]
            case Sent(place, body, ms, peek):
                id = await self.send(Task(self.name(), place, body), ms).invocation_id()
                attached = ctx.invocation_output(id) if peek else ctx.attach_invocation(id)
                return attached.map(checksum)
            case Look(place):
                service, key = place.split("/")
                argument = msgspec.json.encode(Task(self.name(), place))
                return ctx.generic_call(service, "look", argument, key).map(msgspec.json.decode)
            case Awakeable(by, rejected):
                return self.awakeable(by, rejected)
            case Signal():
                return self.signal(future)
            case Promised(rejected):
                name = self.name()
                errand = Errand(f"{name}!", "promise", "", name, rejected)
                ctx.workflow_send(complete, ctx.key(), errand)
                return ctx.promise(name, type_hint=str).value()
            case Ref(number):
                return self.begun[number]
            case Map(inner):
                return (await self.begin(inner)).map(mapped)
            case OrTimeout(inner, ms):
                return (await self.begin(inner)).or_timeout(ms * MILLISECOND)
            case Combine(kind, of):
                return combined(kind, [await self.begin(part) for part in of])

    def call(self, task: Task, once: str | None = None) -> tuple[CallFuture[Any], DurableFuture[int | None]]:
        """The call, and its trace as a checksum, or traces would hold all those below."""
        match task.place.split("/"):
            case ["Plain"]:
                called: CallFuture[Any] = self.ctx.service_call(run_plain, task, idempotency_key=once)
                return called, called.map(checksum)
            case ["Flow"]:
                called = self.ctx.workflow_call(run_flow, task.path, task)
                return called, called.map(checksum)
            case [service, key]:
                called = self.ctx.generic_call(service, "run", msgspec.json.encode(task), key, once)
                return called, called.map(lambda trace: checksum(msgspec.json.decode(trace)))
            case _:
                raise AssertionError(f"no such place: {task.place}")

    def send(self, task: Task, ms: int, once: str | None = None) -> SendHandle:
        delay = ms * MILLISECOND if ms else None
        service, _, key = task.place.partition("/")
        if service == "Flow":
            key = task.path
        handle: SendHandle = self.ctx.generic_send(
            service, "run", msgspec.json.encode(task), key or None, delay, once
        )
        return handle

    def awakeable(self, by: str, rejected: bool) -> DurableFuture[str]:
        id, future = self.ctx.awakeable(type_hint=str)
        name = self.name()
        errand = Errand(f"{name}!", "awakeable", id, name, rejected)
        match by:
            case "self":
                finish(self.ctx, errand)
                finish(self.ctx, Errand(errand.path, "awakeable", id, "once more"))
            case "send":
                self.ctx.service_send(help, errand)
            case "outside":
                WORLD.outside.asks(id, name, rejected)
            case _:
                pass
        awaited: DurableFuture[str] = future
        return awaited

    def signal(self, signal: Signal) -> DurableFuture[str]:
        path = self.name()
        name = "shared" if signal.shared else path
        errand = Errand(f"{path}!", "signal", self.ctx.request().id, name, signal.rejected)
        future = None if signal.early else self.ctx.signal(name, type_hint=str)
        if signal.by == "self":
            finish(self.ctx, errand)
        else:
            self.ctx.service_send(help, errand)
        awaited: DurableFuture[str] = future or self.ctx.signal(name, type_hint=str)
        return awaited


def mapped(value: Any) -> list[Any]:
    return ["mapped", value]


def combined(kind: str, futures: list[DurableFuture[Any]]) -> DurableFuture[Any]:
    """The combination, of whose result JSON can be made."""
    match kind:
        case "gather":
            return pgdurable.gather(*futures).map(lambda done: [outcome(future) for future in done])
        case "all":
            return pgdurable.all_succeeded(*futures)
        case "any":
            return pgdurable.any_succeeded(*futures)
        case "race":
            return pgdurable.race(*futures)
        case "select":
            return pgdurable.select(**{f"f{number}": future for number, future in enumerate(futures)})
        case "first":
            return pgdurable.wait_completed(*futures).map(lambda both: sorted_out(futures, *both))
        case _:
            raise AssertionError(f"{kind} cannot be nested")


def sorted_out(
    futures: list[DurableFuture[Any]], done: list[DurableFuture[Any]], pending: list[DurableFuture[Any]]
) -> list[Any]:
    places = Places(futures)
    return [
        [[places.take(future), outcome(future)] for future in done],
        [places.take(future) for future in pending],
    ]


class Places:
    """Which argument of a combinator a future was. The same may be several."""

    def __init__(self, futures: list[DurableFuture[Any]]) -> None:
        self._left = list(enumerate(futures))

    def take(self, future: DurableFuture[Any]) -> int:
        found = next(number for number, other in self._left if other is future)
        self._left = [(number, other) for number, other in self._left if number != found]
        return found


def outcome(future: DurableFuture[Any]) -> Report:
    """Of a completed future."""
    try:
        return ["ok", future.result()]
    except TerminalError as error:
        return ["failed", error.status_code, error.message]


def checksum(value: Any) -> int | None:
    """None of None: there was nothing to take it of."""
    return None if value is None else zlib.crc32(msgspec.json.encode(value))


services: list[Definition] = [plain, flow, *layers, helper]
app = pgdurable.app(services)
