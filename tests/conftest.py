"""Fixtures live in tests/fixtures/, one file a subject."""

from importlib.util import find_spec

_FIXTURES = ["tests.fixtures.database", "tests.fixtures.stand_ins", "tests.fixtures.endpoints"]
pytest_plugins = [name for name in _FIXTURES if find_spec(name)]
