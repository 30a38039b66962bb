"""The group of all commands."""

from doorward.cli.main import COMMANDS


def test_the_group_shows_the_first_line_of_each_command():
    import importlib

    for name, line in COMMANDS.items():
        command = importlib.import_module(f"doorward.cli.{name}").command
        assert command.help.splitlines()[0] == line
