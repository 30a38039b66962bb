"""Write the pages of `docs/` that are computed: settings from `Config`, commands from click, citations.

A test compares them with what is committed, so they cannot fall behind.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import specs

from doorward.administration.openapi import document
from doorward.cli.main import cli
from doorward.config.schema import reference_table
from doorward.config.settings import door_settings, file_keys
from doorward.doctor.engine.rules import Rule, profiles, rules
from doorward.doctor.engine.run import STAGES
from doorward.door import inbound
from doorward.paths import API

sys.path.append(str(Path(__file__).resolve().parents[1]))
from testbed.broken import BROKEN

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- Written by scripts/generate_docs.py (make docs). Edit the source, not this page. -->\n"

CONFIGURATION = """# Settings

Every setting is a key in a file and an environment variable; the most used ones are options of `doorward serve` too.
What is written nearest wins:

1. an option of the command line, such as `--port 9000`
2. an environment variable, such as `DOORWARD_PORT=9000` (`PORT` and `WEB_CONCURRENCY` count here, below Doorward's own)
3. the file: the one named by `--config` or `DOORWARD_CONFIG`, else `doorward.toml`, else the table `[tool.doorward]` of
   `pyproject.toml`, in the working directory
4. the default

```toml
# doorward.toml
target = "server.py"
public_url = "https://mcp.example.com"
workers = 2
```

A key or variable that does not exist is a fault, and all faults are reported at once. Lists are separated by commas in
a variable. An empty variable counts as not set. Relative paths count from the file they are written in, or from the
working directory; the data directory is beside the file unless set. `doorward config check` says whether the settings
are good, `doorward config show` where each comes from, and `doorward config schema` prints a JSON Schema for editors.

## Many doors

One installation can have many doors: many MCP servers, each at a path of its own, under one public URL and with one
sign-in. Write a table for each door:

```toml
public_url = "https://mcp.example.com"
default_door = "time"

[doors.time]
target = ["python", "-m", "mcp_server_time"]

[doors.notes]
target = "http://127.0.0.1:9000/mcp"
path = "/notes"
auth = "token"
```

The name of a door has lower-case letters, digits and `-`, with a letter first, at most 40 characters. `target` is a
list (a command) or a string as on the command line. `path` is `/NAME/mcp` unless set: the first door above is at
`https://mcp.example.com/time/mcp`. Two doors cannot have the same path.

A table can hold these settings: {door_keys}. The same keys above the first table, as an option or as a variable, are
the default of every door, except `target` and `path`: with tables, each of them stands in a table. All other settings
hold for the whole installation and stand above the first table.

To change the doors of a running server, edit the file and send SIGHUP to the process that you started. Calls at a
door that stays as it is go on. If a door changes or goes away, its streams end, and its calls may take
`drain_seconds` more. A file with a fault changes nothing, and the log says `reload_refused` with the fault. Other
settings need a restart, and the log names those that have changed (`needs_a_restart`). On a terminal SIGHUP means, as
always, that the terminal was closed: the server ends.

The variable `DOORWARD_DOORS_NAME_KEY` sets one setting of one door that is in the file: `DOORWARD_DOORS_NOTES_AUTH`. A
`-` in the name is `_` there.

A file with `target` and without tables has one door.

"""

REQUEST_HEADERS = """# Request headers

A header that a client sends reaches the upstream, except those below. `forward_headers` lets a name pass all the same;
any client can send it with any value, so the upstream must not believe it. `upstream_headers` adds headers of your own,
such as an API key for the upstream. The target must be a URL then: with a server in the same process, or a command, the
door does not start. With `log_level = "debug"` the log names each dropped header once.

Dropped, because they belong to one hop, hold what clients sign in with, or claim who or where the caller is:

- What the door reads itself: `authorization`, `dpop`, `host`, `origin`, `expect`, and the header in `token_header`.
- By name: {exact}.
- By their beginning: {prefixes}.
- Every name with `_`, because many servers read it as `-`.
- Every name that `Connection` lists.

A name that ends in {facts} passes although it begins so: `X-User-Timezone` claims nothing.

The upstream gets these from Doorward: `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Request-Id`, and
`X-Doorward-Identity` where `upstream_identity` is set.

## Answers that are compressed

The door asks the upstream for answers as they are: it sends `Accept-Encoding: identity`, and an app in the same process
sees no `Accept-Encoding`. It reads answers to hide session ids and to find the end of a stream, and it does not unpack
them. A proxy in front of the door may compress for the client.

Some servers and proxies compress every answer all the same. The door then answers 502 with this message:

```text
The MCP server behind /mcp: The MCP server compresses answers although it was asked not to. Switch compression off for
the path of its MCP endpoint, in it or in a proxy in front of it.
```

The log has `upstream_failed` with the same words. A compressed 4xx of a server with a URL keeps its status and loses
its body. To fix it, turn compression off for the path of the MCP endpoint, or make the server honour `Accept-Encoding`:

- nginx: `gzip off;` in the `location` of the endpoint.
- Caddy: a matcher that leaves the path out, `@rest not path /mcp*` and `encode @rest gzip`.
- Apache: `SetEnv no-gzip 1` in the `<Location>` of the endpoint.
- Express: `compression({{ filter: (req, res) => req.path !== "/mcp" && compression.filter(req, res) }})`.
"""

CLI = """# Command line

Exit codes: 0 good, 1 found problems, 2 wrong usage or configuration, 3 could not run. Results go to standard output,
everything else to standard error. `--json` prints JSON, with instants as seconds since 1970.

"""

RULES = """# What `doorward check` finds

{seen} rules are found from outside; {unseen} cannot be seen from there, and say why. Each has a page, which
`doorward explain RULE-ID` prints too. [How to use the check](../check.md); `--json` prints the shape of
[check.schema.json](../check.schema.json).

Needs: U nothing, R a throw-away registration, L a sign-in, T an access token, M several tries or a pause. Broken
server: the one change that makes the good server of the [test bed](../../testbed) show the rule;
`python -m testbed RULE-ID --port 8080` puts it on a port. Test: it is found there, and no other, by
`pytest {test} -k 'RULE-ID'`.
"""
RULE_TEST = "tests/doctor/engine/test_rules.py"


def pages() -> dict[Path, str]:
    """Return each generated page by path."""
    serve = next(command for words, command in commands(cli, ("doorward",)) if words == ("doorward", "serve"))
    flags = [option for parameter in serve.params for option in parameter.opts if option.startswith("--")]
    sections = "\n".join(section(*each) for each in commands(cli, ("doorward",)))
    return {
        DOCS / "configuration.md": NOTE + configuration(flags),
        DOCS / "request-headers.md": NOTE + request_headers(),
        DOCS / "cli.md": NOTE + CLI + sections.rstrip() + "\n",
        DOCS / "openapi.json": json.dumps(document(API), indent=1, ensure_ascii=False) + "\n",
        DOCS / "specs.md": NOTE + specs.page(),
        DOCS / "rules" / "index.md": NOTE + rule_index(),
        **{DOCS / "rules" / f"{rule.id}.md": NOTE + rule.page().rstrip() + "\n" for rule in rules().values()},
    }


def configuration(flags: list[str]) -> str:
    """Return the page of the settings; `flags` are the options that `doorward serve` has."""
    keys = ", ".join(f"`{key}`" for key in file_keys(door_settings()))
    return CONFIGURATION.replace("{door_keys}", keys) + reference_table(flags).rstrip() + "\n"


def request_headers() -> str:
    """Say which headers of a request stay at the door."""
    exact, prefixes, facts = (", ".join(f"`{name.decode()}`" for name in names) for names in inbound.DROPPED_NAMES)
    return REQUEST_HEADERS.format(exact=exact, prefixes=prefixes, facts=facts)


def rule_index() -> str:
    """Return the table of the rules, in the order of the chain."""
    known = rules().values()
    order = [stage.name for stage in STAGES]
    unseen = sum(bool(rule.unseen) for rule in known)
    lines = [
        RULES.format(seen=len(known) - unseen, unseen=unseen, test=RULE_TEST),
        "| Rule | What | Severity | Needs | Stops | Broken server | Test |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = sorted(known, key=lambda rule: order.index(rule.stage) if rule.stage in order else len(order))
    return "\n".join([*lines, *map(rule_row, rows), ""])


def rule_row(rule: Rule) -> str:
    """Return the line of one rule: a server that breaks it and the test, or why there is none."""
    stopped = "all" if len(rule.clients) == len(profiles()) else ", ".join(rule.clients)
    cells = [f"[{rule.id}]({rule.id}.md)", rule.title, rule.severity, rule.mode, stopped]
    if rule.unseen:
        cells += [f"not seen from outside: {rule.unseen}", "-"]
    elif rule.id in BROKEN:
        cells += [" ".join(BROKEN[rule.id].change.split()), f"`-k '{rule.id}'`"]
    else:
        cells += ["-", "-"]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that does something, with the words that call it."""
    context = click.Context(group, info_name=" ".join(words))
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def section(words: tuple[str, ...], command: click.Command) -> str:
    """Return the section of one command."""
    context = click.Context(command, info_name=" ".join(words))
    usage = " ".join([*words, *command.collect_usage_pieces(context)])
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    lines = [f"## {' '.join(words)}", "", f"`{usage}`", "", text, ""]
    records = [each.get_help_record(context) for each in command.params if isinstance(each, click.Option)]
    lines += [f"- `{record[0]}`: {' '.join(record[1].split())}" for record in records if record]
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
