"""`python -m local.stand_ins --port N --youtube-proxy-port M`: serves the stand-ins on loopback.

It runs until its parent ends or it is interrupted.
"""

from local.processes.lifetime import end_with_parent

end_with_parent()  # before the imports below: they take longest, and the parent may end meanwhile

from argparse import ArgumentParser  # noqa: E402
from contextlib import suppress  # noqa: E402
from pathlib import Path  # noqa: E402

from local.stand_ins.server.stand_in_server import StandInServer  # noqa: E402


def main() -> None:
    """Read the arguments and serve."""
    parser = ArgumentParser(prog="python -m local.stand_ins", description="Plays the vendors on this machine.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--youtube-proxy-port", type=int, default=0, help="where yt-dlp finds YouTube")
    parser.add_argument("--storage", type=Path, help="a folder for the stored media; without one they are forgotten")
    arguments = parser.parse_args()
    server = StandInServer(arguments.port, arguments.youtube_proxy_port, storage_folder=arguments.storage)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again once everything is closed
        server.run()


main()
