"""The hash of everything that a deployment contains, for the parameter `Release`."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path


def compute_release(build: Path, parameters: Mapping[str, str]) -> str:
    """Return the SHA-256 of the built packages and of the parameters, in hexadecimal.

    Bytecode is left out: it follows from the modules, and Python does not write it in the same order each time.

    Args:
        build: the folder that `sam build` wrote, with one folder for each package and the template.
        parameters: the parameters of the stack, without `Release`.
    """
    digest = hashlib.sha256(json.dumps(dict(sorted(parameters.items()))).encode())
    for path in sorted(build.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(build).as_posix()} {content}\n".encode())
    return digest.hexdigest()
