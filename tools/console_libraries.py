"""`python -m tools.console_libraries FOLDER` copies libraries from node_modules into web/console/vendor."""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "web" / "console" / "vendor"
_FILES = {
    "preact": {"dist/preact.mjs": "preact.mjs", "hooks/dist/hooks.mjs": "hooks.mjs"},
    "htm": {"dist/htm.mjs": "htm.mjs"},
    "eventsource-parser": {"dist/parse.js": "parse.mjs", "dist/errors.js": "errors.mjs"},
    "uplot": {"dist/uPlot.iife.min.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"},
    "@fontsource-variable/geist": {"files/geist-latin-wght-normal.woff2": "geist-latin.woff2"},
}
"""For each package its files, and their names here."""
_RENAMED = {'"preact"': '"./preact.mjs"', "'./errors.js'": "'./errors.mjs'"}
"""Module names that browsers cannot resolve without an import map, which our CSP would have to allow by its hash."""


def main() -> None:
    """Copy the files and write the list of versions and licences."""
    packages = Path(sys.argv[1])
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    entries = [_copy(packages / name, files) for name, files in _FILES.items()]
    heading = (
        "# Libraries of the console\n\n"
        "`make vendor` copies these files from npm, as locked in requirements/console. It changes only the names in\n"
        "`import` statements and drops the references to source maps.\n"
    )
    (VENDOR / "LIBRARIES.md").write_text("\n".join([heading, *entries]))


def _copy(package: Path, files: dict[str, str]) -> str:
    """Copy one package's files and return its section of the list."""
    manifest = json.loads((package / "package.json").read_text())
    lines = [f"## {manifest['name']} {manifest['version']}", "", f"Licence: {manifest['license']}", ""]
    for source, name in files.items():
        content = (package / source).read_bytes()
        if not name.endswith(".woff2"):
            content = _adapted(content.decode()).encode()
        (VENDOR / name).write_bytes(content)
        lines.append(f"- `{name}` is `{source}`, SHA-256 `{hashlib.sha256(content).hexdigest()}`")
    licence = (package / "LICENSE").read_text().strip()
    return "\n".join([*lines, "", "```", licence, "```", ""])


def _adapted(text: str) -> str:
    for old, new in _RENAMED.items():
        text = text.replace(old, new)
    return re.sub(r"\n?//# sourceMappingURL=\S+\s*$", "\n", text)


if __name__ == "__main__":
    main()
