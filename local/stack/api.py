"""`python -m local.stack.api --port N`: the API under uvicorn, with the settings and vendor addresses of the stack."""

from local.processes.lifetime import end_with_parent

end_with_parent()  # before the imports below: they take longest, and the parent may end meanwhile

from argparse import ArgumentParser  # noqa: E402

import uvicorn  # noqa: E402

from functions.api.app import create_app  # noqa: E402
from functions.api.settings import ApiSettings  # noqa: E402
from local.aws.gateway import WebhookGateway, lambda_invoker  # noqa: E402
from local.aws.webhook_queue import FUNCTION  # noqa: E402
from local.bootstrap import install_endpoints  # noqa: E402


def main() -> None:
    """Serve on loopback until the stack says otherwise."""
    parser = ArgumentParser(prog="python -m local.stack.api")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    install_endpoints()
    app = WebhookGateway(create_app(ApiSettings.load()), invoke=lambda_invoker(FUNCTION))
    # Without proxy_headers=False a header could say where a call on loopback comes from.
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning", proxy_headers=False)


main()
