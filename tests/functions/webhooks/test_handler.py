"""The entry point of WebhooksFunction as Lambda imports it."""

import os
import subprocess
import sys

ENVIRONMENT = {
    "SUPABASE_DB_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "WEBHOOK_QUEUE_URL": "https://sqs.example/queue",
    "CLERK_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ",
    "DODO_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ",
    "DODO_API_KEY": "example",
    "DODO_MODE": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
SCRIPT = """
import sys
from functions.webhooks.handler import handler
BATCH = "aws_lambda_powertools.utilities.batch"
request = {"httpMethod": "GET", "path": "/nothing", "requestContext": {"requestId": "r"}}
statuses = [int(handler(request, None)["statusCode"])]
loaded = [BATCH in sys.modules]
failed = handler({"Records": [{"messageId": "m", "body": "no JSON", "attributes": {}}]}, None)["batchItemFailures"]
loaded.append(BATCH in sys.modules)
print(statuses, loaded, failed, file=sys.stderr)
"""


def test_a_webhook_request_does_not_import_the_batch_classes() -> None:
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | ENVIRONMENT

    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment)

    assert run.stderr.strip() == "[404] [False, True] [{'itemIdentifier': 'm'}]"
