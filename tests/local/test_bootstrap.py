import json
from pathlib import Path

import pytest

from local import bootstrap
from local.aws.lambda_service import LambdaService
from local.aws.template import FunctionSpec
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints

STAND_IN = Endpoints(gemini_url="http://127.0.0.1:1/gemini", clerk_frontend_url=None, stand_ins=frozenset({"gemini"}))


def test_endpoints_are_passed_unchanged_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "_current", Endpoints())
    monkeypatch.setenv("WHYVIRAL_ENDPOINTS", bootstrap.dump_endpoints(STAND_IN))

    bootstrap.install_endpoints()

    assert endpoints.current() == STAND_IN


def test_endpoints_that_are_not_given_are_the_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "_current", STAND_IN)
    monkeypatch.setenv("WHYVIRAL_ENDPOINTS", '{"twitterapi_url": "http://127.0.0.1:1"}')

    bootstrap.install_endpoints()

    assert endpoints.current() == Endpoints(twitterapi_url="http://127.0.0.1:1")


def test_without_the_variable_the_endpoints_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "_current", STAND_IN)
    monkeypatch.delenv("WHYVIRAL_ENDPOINTS", raising=False)

    bootstrap.install_endpoints()

    assert endpoints.current() is STAND_IN


def test_a_built_function_runs_from_its_build_with_its_layer(tmp_path: Path) -> None:
    build, layer = tmp_path / "build", tmp_path / "layer" / "python"
    core = layer / "whyviral" / "core"
    core.mkdir(parents=True)
    (layer / "whyviral" / "__init__.py").touch()
    (core / "__init__.py").touch()
    (core / "endpoints.py").write_text(Path(endpoints.__file__).read_text())
    build.mkdir()
    (build / "built.py").write_text(
        "import sys\n"
        "from whyviral.core import endpoints\n"
        "def handler(event, context):\n"
        "    return [sys.path[0], endpoints.__file__, endpoints.current().gemini_url, 'local' in sys.modules]\n"
    )

    with LambdaService(
        {"Built": FunctionSpec("Built", "built.handler")},
        environment=lambda _: {
            "PYTHONPATH": f"{build}:{layer}",
            "WHYVIRAL_ENDPOINTS": bootstrap.dump_endpoints(STAND_IN),
        },
        log_folder=tmp_path,
        task_root=build,
    ) as lambdas:
        answer = json.loads(lambdas.invoke("Built", b"{}").payload)

    assert answer == [str(build), str(core / "endpoints.py"), STAND_IN.gemini_url, False]
