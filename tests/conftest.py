"""Fixtures live in tests/fixtures/, one file a subject."""

from hypothesis import HealthCheck, settings

# How fast examples are made says more about the other work on the machine than about the test.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

pytest_plugins = [
    "tests.fixtures.distribution",
    "tests.fixtures.proof_scale",
    "tests.fixtures.database",
    "tests.fixtures.pgbouncer",
    "tests.fixtures.stand_ins",
    "tests.fixtures.endpoints",
    "tests.fixtures.pipeline",
    "tests.fixtures.bytes_server",
    "tests.fixtures.media_files",
    "tests.fixtures.task_tokens",
]
