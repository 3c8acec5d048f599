"""The Lambda handler of ApiFunction: the application under Mangum. A sandbox serves one request at a time.

With SnapStart, sandboxes start from a snapshot that Lambda takes after it has imported this module. By then nothing has
opened a connection, created a client of AWS or fetched keys: the first request of each sandbox does. Only the state of
`random` would be the same in all of them. Source: AWS Lambda, "Handling uniqueness with Lambda SnapStart" (2026-11-28).
"""

import random

from mangum import Mangum
from snapshot_restore_py import register_after_restore

from whyviral.core.runner import run_inline

from .app import create_app
from .settings import ApiSettings

# Retries take their jitter from it. UUIDs and TLS use the randomness of the operating system.
register_after_restore(random.seed)

handler = Mangum(create_app(ApiSettings.load(), run=run_inline), lifespan="off")
