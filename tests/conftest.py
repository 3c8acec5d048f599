"""The registration of the fixtures, which are in tests/fixtures/, one file for each subject."""

from hypothesis import HealthCheck, settings

# No deadline for examples, because their speed depends on the other work of the machine.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

pytest_plugins = [
    "tests.fixtures.distribution",
    "tests.fixtures.proof_scale",
    "tests.fixtures.database",
    "tests.fixtures.postgres.pgbouncer",
    "tests.fixtures.stand_ins",
    "tests.fixtures.endpoints",
    "tests.fixtures.pipeline",
    "tests.fixtures.bytes_server",
    "tests.fixtures.webhooks.receiver",
    "tests.fixtures.webhooks.outgoing",
    "tests.fixtures.media_files",
    "tests.fixtures.task_tokens",
]
