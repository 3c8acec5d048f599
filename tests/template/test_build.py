"""The built packages: each function contains its own code and dependencies, and the layer contains the rest."""

import json
import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest
from sqlalchemy import select

from functions.api.console.assets import CONSOLE_FOLDER
from local.aws.lambda_service import LambdaService
from local.aws.template import FunctionSpec, read_template
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from tests.factories import create_post, create_request, create_user
from tests.fixtures.database import Database
from tests.template.conftest import OTHER_ARCHITECTURE, OWN_ARCHITECTURE, ROOT
from whyviral.analysis.models import AnalysisRequestPost, PostAnalysis, PostState
from whyviral.core.database import session_scope
from whyviral.core.endpoints import Endpoints

SPECS = {name: spec for name, spec in read_template(ROOT / "template.yaml").functions.items() if not spec.is_image}
"""The functions that run from a package; the worker's runs from an image."""
LAYER = Path("CommonLayer", "python")
# Well-formed but fake. No test here reaches a service that would check one.
SETTINGS = {
    "ADMIN_COOKIE_SECRET": "an invented secret of enough characters",
    "ACCESS_LOG_DAYS": "90",
    "ALLOWED_HOSTS": "api.example.com",
    "BRIGHTDATA_API_KEY": "example",
    "CALL_LOG_DAYS": "400",
    "CLUSTER_ARN": "arn:aws:ecs:us-east-1:000000000000:cluster/whyviral",
    "CLERK_AUTHORIZED_PARTIES": "https://app.example.com",
    "CLERK_PUBLISHABLE_KEY": "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k",
    "CLERK_SECRET_KEY": "sk_test_example",
    "CLERK_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ==",
    "DODO_API_KEY": "example",
    "DODO_MODE": "test",
    "DODO_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ==",
    "FRONTEND_URL": "https://app.example.com",
    "CORS_ALLOWED_ORIGINS": "https://app.example.com",
    "DEBUG": "false",
    "EVENT_LOG_DAYS": "365",
    "GEMINI_API_KEY": "example",
    "GEMINI_FALLBACK_MODEL": "example-lite",
    "GEMINI_MODEL": "example",
    "POST_REUSE_HOURS": "24",
    "PUBLIC_BASE_URL": "https://api.example.com",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:whyviral-analysis",
    "DELIVERY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/deliveries",
    "SUPABASE_DB_URL": "postgresql://nobody:nothing@127.0.0.1:9/none",
    "SUPABASE_SECRET_KEY": "sb_secret_example",
    "SUPABASE_URL": "https://example.supabase.co",
    "TWITTERAPI_KEY": "example",
    "TWITTERAPI_REQUESTS_PER_SECOND": "3",
    "WEBHOOK_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/webhooks",
}
_MAX_LAYER_BYTES = 40_000_000
_MAX_BYTES = 80_000_000
"""A function with its layer, without bytecode."""
_MAX_BYTES_WITH_BYTECODE = 110_000_000
"""Lambda accepts 250 MB; a cold start loads less of a smaller package."""
_ELF_MACHINES = {"x86_64": 62, "arm64": 183}


def _files(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def _top_level(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != "__pycache__"}


def _code(folder: Path) -> dict[Path, int]:
    """Return the machine type of each compiled module, by path."""
    return {
        path.relative_to(folder): struct.unpack_from("<H", path.read_bytes(), 18)[0]  # e_machine of the ELF header
        for path in folder.rglob("*.so")
    }


@contextmanager
def _lambda_service(
    spec: FunctionSpec, packages: Path, python: Path, log_folder: Path, **settings: str
) -> Iterator[LambdaService]:
    """Run one built function with its layer under Lambda's own runtime client."""
    own = {"PYTHONPATH": str(packages / LAYER), "PYTHONDONTWRITEBYTECODE": "1", **settings}
    with LambdaService(
        {spec.name: spec},
        environment=lambda _: {name: SETTINGS[name] for name in spec.variables & SETTINGS.keys()} | own,
        log_folder=log_folder,
        python=python,
        task_root=packages / spec.name,
    ) as service:
        yield service


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_built_function_finds_its_handler_and_imports(
    spec: FunctionSpec, packages: Path, runtime_python: Path, tmp_path: Path
) -> None:
    with _lambda_service(spec, packages, runtime_python, tmp_path) as service:
        result = service.invoke(spec.name, b"{}")

    # The handler itself refuses an empty event; the runtime would report a missing module as `Runtime.…`.
    assert result.function_error == "Unhandled"
    assert not json.loads(result.payload)["errorType"].startswith("Runtime."), result.payload


def test_the_built_analyse_function_explains_a_post(
    packages: Path,
    runtime_python: Path,
    tmp_path: Path,
    fresh_database: Callable[[], Database],
    local_endpoints: Endpoints,
) -> None:
    database = fresh_database()
    with session_scope(database.engine) as session:
        request = create_request(session, create_user(session), [create_post(session)], state=PostState.COLLECTED)
        post = session.scalars(select(AnalysisRequestPost.id)).one()
    event = {
        "request_id": str(request.id),
        "attempt": 1,
        "request_post_id": str(post),
        "started_at": datetime.now(UTC).isoformat(),
    }
    settings = {"SUPABASE_DB_URL": database.url, ENDPOINTS_VARIABLE: dump_endpoints(local_endpoints)}
    settings["GEMINI_MODEL"] = "gemini-3.8-flash"

    with _lambda_service(SPECS["AnalyzeFunction"], packages, runtime_python, tmp_path, **settings) as service:
        result = service.invoke("AnalyzeFunction", json.dumps(event).encode())

    assert (result.function_error, json.loads(result.payload)) == (
        None,
        {"request_post_id": str(post), "outcome": "analysed"},
    )
    with session_scope(database.engine) as session:
        analysis = session.scalars(select(PostAnalysis)).one()
    assert len(analysis.suggestions_for_future_posts) == 4
    assert analysis.metadata_used["model"] == "gemini-3.8-flash (stand-in)"


def test_the_built_analyse_function_has_the_sdk_of_the_model(packages: Path, runtime_python: Path) -> None:
    path = os.pathsep.join(str(folder) for folder in (packages / "AnalyzeFunction", packages / LAYER))

    done = subprocess.run(
        [runtime_python, "-B", "-c", "import google.genai; print(google.genai.__file__)"],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith(str(packages / "AnalyzeFunction")), done.stderr


def test_a_package_contains_the_code_of_one_function(packages: Path) -> None:
    for spec in SPECS.values():
        folder = spec.handler.split(".")[1]

        assert _top_level(packages / spec.name / "functions") == {"__init__.py", folder}, spec.name


def test_the_packages_of_the_api_contain_the_console_where_it_looks_for_it(packages: Path) -> None:
    console = CONSOLE_FOLDER.relative_to(ROOT)

    for name in ("ApiFunction", "StreamFunction"):
        assert _files(packages / name / console) == _files(CONSOLE_FOLDER), name


def test_no_package_repeats_the_contents_of_the_layer(packages: Path) -> None:
    layer = _top_level(packages / LAYER)

    for name in SPECS:
        assert _top_level(packages / name) & layer == set(), name


def test_packages_contain_no_tests_and_no_packages_of_the_runtime(packages: Path) -> None:
    unwanted = {"bin", "boto3", "botocore", "pytest", "tests"}

    for path in packages.rglob("*"):
        assert path.name not in unwanted, path


def test_every_module_comes_with_bytecode_that_python_does_not_check(packages: Path) -> None:
    root = {"CommonLayer": "/opt"}
    for name in (*SPECS, "CommonLayer"):
        for module in (packages / name).rglob("*.py"):
            bytecode = Path(cache_from_source(str(module))).read_bytes()
            # PEP 552: bit 0 means a hash of the source instead of its time, bit 1 that it is compared at import.
            assert (bytecode[:4], struct.unpack_from("<I", bytecode, 4)) == (MAGIC_NUMBER, (1,)), module
            recorded = f"{root.get(name, '/var/task')}/{module.relative_to(packages / name)}"
            assert recorded.encode() in bytecode, module


def test_every_function_fits_with_its_layer(packages: Path) -> None:
    def size(folder: Path, *, with_bytecode: bool = False) -> int:
        files = (folder / path for path in _files(folder) if with_bytecode or path.suffix != ".pyc")
        return sum(path.stat().st_size for path in files)

    layer = packages / "CommonLayer"
    alone = {name: size(packages / name) + size(layer) for name in SPECS}
    compiled = {name: size(packages / name, with_bytecode=True) + size(layer, with_bytecode=True) for name in SPECS}

    assert size(layer) < _MAX_LAYER_BYTES
    assert max(alone.values()) < _MAX_BYTES, alone
    assert max(compiled.values()) < _MAX_BYTES_WITH_BYTECODE, compiled


def test_both_architectures_get_the_same_files_compiled_for_each(
    packages: Path, packages_of_other_architecture: Path
) -> None:
    def neutral(folder: Path) -> list[str]:
        return [str(path).replace("aarch64", "x86_64") for path in _files(folder)]

    built = {OWN_ARCHITECTURE: packages, OTHER_ARCHITECTURE: packages_of_other_architecture}

    for name in (*SPECS, "CommonLayer"):
        assert neutral(packages / name) == neutral(packages_of_other_architecture / name), name
    for architecture, folder in built.items():
        assert set(_code(folder).values()) == {_ELF_MACHINES[architecture]}
