"""`python -m local.stack.api --port N`: the API under uvicorn, with the settings and vendor addresses of the stack."""

from local.processes.lifetime import end_with_parent

end_with_parent()  # before the slow imports below, during which the parent may end

from argparse import ArgumentParser  # noqa: E402

import uvicorn  # noqa: E402

from functions.api.app import create_app  # noqa: E402
from functions.api.settings import ApiSettings  # noqa: E402
from local.aws.gateway import FunctionGateway, lambda_invoker  # noqa: E402
from local.bootstrap import install_endpoints  # noqa: E402

_KEEP_ALIVE_S = 60
"""Longer than clients keep an idle connection (httpx: 5 s, uvicorn's own default), or the server could close one that a
client is about to use."""


def main() -> None:
    """Serve on loopback until the stack stops this process."""
    parser = ArgumentParser(prog="python -m local.stack.api")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    install_endpoints()
    app = FunctionGateway(create_app(ApiSettings.load()), invoke=lambda_invoker())
    # With proxy headers enabled, a caller on loopback could forge its client address.
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )


main()
