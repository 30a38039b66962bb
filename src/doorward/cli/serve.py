"""`doorward serve`: settings from the command line, then the server in `run_server.py`."""

from __future__ import annotations

from typing import Any

import click

from doorward.cli.groups import HELP_OPTIONS

FLAGS = (
    ("host", "ADDRESS", "Address to listen on.  [default: 127.0.0.1]"),
    ("port", "PORT", "Port to listen on; 0: any free one.  [default: 8000]"),
    ("path", "PATH", "Path of the door.  [default: /mcp]"),
    ("public_url", "URL", "URL where clients reach the doors: https://mcp.example.com, or a path below it"),
    ("auth", "MODE", "oauth, token (header tokens only) or none.  [default: oauth]"),
    ("login", "LOGIN", "How people sign in.  [default: local]"),
    ("database", "URL", "sqlite:///PATH, postgresql://... or memory://.  [default: a file in the data directory]"),
    ("data_dir", "DIR", "The directory of database and keys.  [default: .doorward]"),
    ("workers", "N", "Processes, 1 to 64.  [default: 1]"),
    ("log_format", "FORMAT", "text or json.  [default: text on a terminal]"),
    ("log_level", "LEVEL", "debug, info, warning or error.  [default: info]"),
    ("config", "FILE", "File of settings.  [default: doorward.toml]"),
)


class ServeCommand(click.Command):
    """Treats everything after two dashes as the command to start, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split the command off, then parse the rest."""
        if "--" in args:
            at = args.index("--")
            ctx.meta["doorward.command"] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return both forms."""
        del ctx
        return ["[OPTIONS]", "TARGET | -- COMMAND ARGS..."]


def _options(callback: Any) -> Any:
    for name, metavar, text in reversed(FLAGS):
        callback = click.option("--" + name.replace("_", "-"), name, metavar=metavar, help=text)(callback)
    return callback


@click.command(cls=ServeCommand, context_settings=HELP_OPTIONS)
@click.argument("target", nargs=-1)
@_options
@click.option("--allow-public-without-auth", is_flag=True, help="Permit --auth none where others can reach it.")
@click.pass_context
def command(ctx: click.Context, /, target: tuple[str, ...], **values: Any) -> None:
    """Put a server behind a door and serve it.

    TARGET is a Python file (server.py or server.py:name), a module (package.module:name), the URL of a running server
    (http://127.0.0.1:9000/mcp), or, after two dashes, a command that speaks MCP on its standard input and output (--
    npx -y some-server).

    Every option can also be set in doorward.toml or as DOORWARD_*; an option takes precedence.
    """
    from doorward.config.load import load_here

    started: tuple[str, ...] | None = ctx.meta.get("doorward.command")
    if len(target) > 1 or (target and started is not None):
        together = " ".join([*target, *(started or ())])
        raise click.UsageError(f"There is more than one target. To serve a command: doorward serve -- {together}", ctx)
    values["target"] = started if started is not None else next(iter(target), None)
    values["allow_public_without_auth"] = values["allow_public_without_auth"] or None
    loaded = load_here(values, needs_target=True)
    # Import slow modules only now, so that a mistake in the settings is reported at once.
    from doorward.cli.process import configure_logs
    from doorward.cli.reloading import may_reload
    from doorward.cli.run_server import run

    configure_logs(loaded.config)
    can_reload = loaded.file is not None and may_reload()
    run(loaded.config, loaded.origins, (lambda: load_here(values, needs_target=True).config) if can_reload else None)
