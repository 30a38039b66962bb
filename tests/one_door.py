"""The settings of an installation with one door, from the names that a flat file has."""

from typing import Any

from doorward.config.model import Config, DoorSettings, door_name
from doorward.config.settings import door_settings


def one_door(**settings: Any) -> Config:
    """Return the settings; those of a door go to the door."""
    own = {name: settings.pop(name) for name in door_settings() if name in settings}
    return Config(doors=(DoorSettings(name=door_name(own.get("path", "/mcp")), **own),), **settings)
