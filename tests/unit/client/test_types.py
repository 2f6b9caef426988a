"""What type checkers say of a client's calls. They check this file; running it adds little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from pgdurable import (
    Client,
    ClientSendHandle,
    Context,
    InvocationHandle,
    ObjectContext,
    Service,
    SyncClient,
    SyncClientSendHandle,
    SyncContext,
    SyncInvocationHandle,
    VirtualObject,
    Workflow,
    WorkflowContext,
    connect,
    connect_sync,
    create_client,
)

if TYPE_CHECKING:
    import psycopg

service = Service("TypedByClients")
thing = VirtualObject("ThingOfClients")
flow = Workflow("FlowOfClients")


@service.handler()
async def greet(ctx: Context, name: str) -> int:
    return len(name)


@thing.handler()
async def reserve(ctx: ObjectContext) -> bool:
    return True


@thing.handler()
def release(ctx: SyncContext, count: int) -> str:
    return "x" * count


@flow.main()
async def run(ctx: WorkflowContext, name: str) -> list[str]:
    return [name]


async def of_an_async_client(client: Client, theirs: psycopg.AsyncConnection) -> None:
    assert_type(await client.service_call(greet, "Ada"), int)
    assert_type(await client.object_call(reserve, "2B", None), bool)
    assert_type(await client.object_call(release, key="2B", arg=3), str)
    assert_type(await client.workflow_call(run, "k", "Ada"), list[str])
    assert_type(await client.generic_call("S", "h", b""), bytes)
    assert_type(await client.service_send(greet, "Ada", connection=theirs), ClientSendHandle[int])
    assert_type(await (await client.object_send(release, "2B", 3)).attach(), str)
    assert_type(await (await client.workflow_send(run, "k", "Ada")).output(), list[str] | None)
    assert_type(client.invocation_of(run, "k"), InvocationHandle[list[str]])
    assert_type(client.invocation("inv_1", type_hint=int), InvocationHandle[int])
    assert_type(client.invocation("inv_1"), InvocationHandle[Any])
    assert_type(await client.promise(flow, "k", "p", type_hint=bool).peek(), bool | None)
    assert_type(await client.state(thing, "2B").get("count", type_hint=int), int | None)
    assert_type(await client.state(thing, "2B").get_all(type_hint=int), dict[str, int])


def of_a_blocking_client(client: SyncClient, theirs: psycopg.Connection) -> None:
    assert_type(client.service_call(greet, "Ada"), int)
    assert_type(client.object_call(reserve, "2B", None), bool)
    assert_type(client.object_call(release, key="2B", arg=3), str)
    assert_type(client.workflow_call(run, "k", "Ada"), list[str])
    assert_type(client.generic_call("S", "h", b""), bytes)
    assert_type(client.service_send(greet, "Ada", connection=theirs), SyncClientSendHandle[int])
    assert_type(client.object_send(release, "2B", 3).attach(), str)
    assert_type(client.invocation_of(run, "k"), SyncInvocationHandle[list[str]])
    assert_type(client.promise(flow, "k", "p", type_hint=bool).peek(), bool | None)
    assert_type(client.state(thing, "2B").get("count", type_hint=int), int | None)


async def what_they_are() -> None:
    async with connect("") as client:
        assert_type(client, Client)
    async with create_client("") as client:
        assert_type(client, Client)
    with connect_sync("") as blocking:
        assert_type(blocking, SyncClient)


async def mistakes(client: Client, theirs: psycopg.Connection) -> None:
    await client.service_call(greet, 3)  # type: ignore[arg-type]  # pyright: ignore
    await client.object_send(release, "2B", "three")  # type: ignore[arg-type]  # pyright: ignore
    await client.service_send(greet, "Ada", connection=theirs)  # type: ignore[call-overload]  # pyright: ignore


def test_clients_are_typed() -> None:
    assert Client.workflow_call is Client.object_call
