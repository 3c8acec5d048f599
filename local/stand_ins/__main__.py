"""`python -m local.stand_ins --port N --youtube-proxy-port M`: serves the stand-ins on loopback.

The process runs until its parent ends or it is interrupted.
"""

from local.processes.lifetime import end_with_parent

end_with_parent()  # before the slow imports below, during which the parent may end

from argparse import ArgumentParser  # noqa: E402
from contextlib import suppress  # noqa: E402
from pathlib import Path  # noqa: E402

from local.stand_ins.server.stand_in_server import StandInServer  # noqa: E402


def main() -> None:
    """Parse the arguments and serve."""
    parser = ArgumentParser(prog="python -m local.stand_ins", description="Serves the stand-ins of the vendors.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--youtube-proxy-port", type=int, default=0, help="the port of yt-dlp's proxy to YouTube")
    parser.add_argument("--storage", type=Path, help="the folder of stored media; by default deleted at the end")
    parser.add_argument("--dodo", type=Path, help="the file of Dodo's books; by default forgotten at the end")
    arguments = parser.parse_args()
    server = StandInServer(
        arguments.port,
        arguments.youtube_proxy_port,
        storage_folder=arguments.storage,
        dodo_file=arguments.dodo,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after its shutdown
        server.run()


main()
