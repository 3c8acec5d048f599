"""Fixtures live in tests/fixtures/, one file a subject."""

pytest_plugins = [
    "tests.fixtures.database",
    "tests.fixtures.stand_ins",
    "tests.fixtures.endpoints",
    "tests.fixtures.pipeline",
    "tests.fixtures.bytes_server",
    "tests.fixtures.media_files",
    "tests.fixtures.task_tokens",
]
