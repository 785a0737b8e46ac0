"""The variables of the environment that a process reads."""

from importlib.metadata import entry_points

from huitou_chassis.settings import PREFIX, Settings


def variables() -> dict[str, object]:
    """Of every service: name and default; None for what is empty or made when it is asked for."""
    found = {}
    for plugin in entry_points(group="huitou.services"):
        settings: type[Settings] = plugin.load().settings
        for name, field in settings.model_fields.items():
            found[PREFIX + name.upper()] = None if field.default_factory else field.default
    return found
