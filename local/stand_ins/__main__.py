"""`python -m local.stand_ins --port N`: serves the stand-ins on loopback until its parent ends or it is interrupted."""

from local.processes import end_with_parent

end_with_parent()  # before the imports below: they take longest, and the parent may end meanwhile

from argparse import ArgumentParser  # noqa: E402
from contextlib import suppress  # noqa: E402

from local.stand_ins.server import StandInServer  # noqa: E402


def main() -> None:
    """Read the port and serve."""
    parser = ArgumentParser(prog="python -m local.stand_ins", description="Plays the vendors on this machine.")
    parser.add_argument("--port", type=int, required=True)
    server = StandInServer(parser.parse_args().port)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again once everything is closed
        server.run()


main()
