"""`make image`: builds the worker's image, pushes it to the bootstrap stack's repository and prints its digest.

usage: python -m tools.deployment.image [--device cpu|cuda]
"""

import argparse
import re
import shutil
import subprocess
import sys

from botocore.exceptions import BotoCoreError, ClientError

from tools.deployment.account import Account
from tools.deployment.stage import BOOTSTRAP_STACK, ROOT

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CONTENTS = ("functions/transcribe", "functions/__init__.py", "layers/common", "requirements/transcribe.txt")


class ImageNotBuilt(Exception):
    """The image could not be built or pushed; the message says what to do."""


def push_image(account: Account, *, device: str = "cpu") -> str:
    """Return the image of this commit as `repository@sha256:digest`; build and push it if the repository lacks it.

    Raises:
        ImageNotBuilt: the checkout has changes, there is no repository or no docker, or a docker command failed.
    """
    repository = account.stack_outputs(BOOTSTRAP_STACK).get("RepositoryName")
    if repository is None:
        raise ImageNotBuilt(
            f"There is no stack {BOOTSTRAP_STACK} with a repository; `make preflight` says how to create it."
        )
    tag = _tag(device)
    image = account.find_image(repository, imageTag=tag)
    digest = image.digest if image else _build_and_push(account, f"{repository}:{tag}", device)
    return f"{repository}@{digest}"


def _tag(device: str) -> str:
    """Return a tag that names commit and device. Tags are immutable, so the commit must contain all of the image."""
    if _run("git", "status", "--porcelain", "--", *_CONTENTS):
        raise ImageNotBuilt("Commit the changes of the worker first: the tag of its image names a commit.")
    return f"{_run('git', 'rev-parse', '--short=12', 'HEAD').strip()}-{device}"


def _build_and_push(account: Account, name: str, device: str) -> str:
    if shutil.which("docker") is None:
        raise ImageNotBuilt(
            "Building the worker's image needs docker, or a program of that name with the same commands. "
            "Build it elsewhere and give TranscribeImage=<repository>@sha256:<digest> in samconfig.toml."
        )
    login = account.log_in_to_registry()
    address = f"{login.registry}/{name}"
    _run("docker", "login", "--username", login.user, "--password-stdin", login.registry, text=login.password)
    options = ("--platform", "linux/amd64", "--provenance=false", "--build-arg", f"DEVICE={device}")
    print(f"building {address}", file=sys.stderr)
    _run("docker", "build", *options, "--file", "functions/transcribe/Dockerfile", "--tag", address, ".")
    digest = _DIGEST.search(_run("docker", "push", address))
    if digest is None:
        raise ImageNotBuilt("`docker push` printed no digest.")
    return digest[0]


def _run(*command: str, text: str | None = None) -> str:
    """Run a command in the checkout, with its errors shown, and return what it prints."""
    done = subprocess.run(command, cwd=ROOT, input=text, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ImageNotBuilt(f"`{' '.join(command[:2])}` failed with status {done.returncode}.")
    return done.stdout


def main() -> int:
    """Print the image of this commit and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="what Whisper runs on")
    try:
        print(push_image(Account(), device=parser.parse_args().device))
    except (ImageNotBuilt, BotoCoreError, ClientError) as exc:
        print(f"whyviral: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
