"""The promises of the tree: small rooms, names without a prefix in place of a package, and plain prose."""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAX_MODULES = 16
MAX_SHARED_PREFIX = 3
MAX_VAGUE_WORDS_PER_1000 = 0.5
VAGUE = re.compile(r"\b(?:whoever|whatever|somebody|nobody|everybody|anew)\b", re.IGNORECASE)
WORD = re.compile(r"[A-Za-z']+")


@cache
def tracked_files() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for line in listed.splitlines() if (path := ROOT / line).is_file()]


def modules_by_folder() -> dict[Path, list[str]]:
    folders: dict[Path, list[str]] = {}
    for path in tracked_files():
        if path.suffix == ".py" and path.name not in ("__init__.py", "conftest.py"):
            folders.setdefault(path.parent, []).append(path.stem.removeprefix("test_"))
    return folders


def prose_of(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield source
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def test_no_folder_holds_more_modules_than_one_subject_needs() -> None:
    counts = {str(folder.relative_to(ROOT)): len(modules) for folder, modules in modules_by_folder().items()}

    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}


def test_no_folder_names_a_package_by_the_prefix_of_its_files() -> None:
    crowded: dict[str, int] = {}
    for folder, modules in modules_by_folder().items():
        prefixes = Counter(module.partition("_")[0] for module in modules if "_" in module)
        crowded |= {f"{folder.relative_to(ROOT)}/{word}_*": n for word, n in prefixes.items() if n > MAX_SHARED_PREFIX}

    assert crowded == {}


def test_prose_names_its_actors() -> None:
    words, vague = 0, Counter[str]()
    for path in tracked_files():
        if path.suffix in (".py", ".md"):
            for text in prose_of(path):
                words += len(WORD.findall(text))
                vague[str(path.relative_to(ROOT))] += len(VAGUE.findall(text))

    assert 1000 * vague.total() / words <= MAX_VAGUE_WORDS_PER_1000, vague.most_common(10)
