"""Groups whose commands have short names besides the long one: `services list` is also `svc ls`."""

from __future__ import annotations

import click

__all__ = ["AliasedGroup"]


class AliasedGroup(click.Group):
    """A group that finds a command under its aliases, and lists them beside its name."""

    def __init__(self, *args: object, **attributes: object) -> None:
        super().__init__(*args, **attributes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        self._aliases: dict[str, str] = {}

    def add(self, command: click.Command, *aliases: str) -> None:
        """Add a command under its own name and under these."""
        name = command.name
        assert name is not None, "a command made by a decorator has a name"
        self.add_command(command, name)
        self._aliases.update(dict.fromkeys(aliases, name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self._aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Usage lines and errors speak of the long name. Who names a command of a group alone, as `kill` of
        `invocations kill`, is told where it is.
        """
        meant = [] if self.get_command(ctx, args[0]) else self._groups_with(ctx, args[0])
        if meant:
            places = " or ".join(f"'{group} {args[0]}'" for group in meant)
            raise click.UsageError(f"No such command '{args[0]}'. Did you mean {places}?", ctx)
        _, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else None), command, rest

    def _groups_with(self, ctx: click.Context, name: str) -> list[str]:
        return [
            group
            for group, command in self.commands.items()
            if isinstance(command, click.Group) and command.get_command(ctx, name)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: list[tuple[str, str]] = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((self._with_aliases(name), command.get_short_help_str(limit=88)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def _with_aliases(self, name: str) -> str:
        aliases = [alias for alias, meant in self._aliases.items() if meant == name]
        return f"{name} ({', '.join(aliases)})" if aliases else name
