"""Patches for moto's interpreter of the Amazon States Language, active while the local stack runs.

moto is pinned exactly, because the patched names are not part of its public interface. Each patch states its reason.
tests/local/aws/test_interpreter.py fails as soon as moto no longer needs one of them.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import jsonata
from moto.awslambda.exceptions import LambdaClientError, UnknownFunctionException
from moto.awslambda.models import LambdaBackend
from moto.core.config import default_user_config
from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_lambda
from moto.stepfunctions.parser.asl.eval import variable_store
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.parser.utils import TMP_THREADS

from local.aws.lambda_service import FunctionNotFound
from local.aws.sandbox import Invocation
from local.aws.sandbox_pool import LambdaServiceClosed

type Invoke = Callable[[str, bytes], Invocation]
"""Invokes a function by name with a JSON payload; raises FunctionNotFound."""

_evaluate_body = StringJSONata._eval_body  # noqa: SLF001 - the method that a patch wraps
_start_execution: Callable[[ExecutionWorker], None] = ExecutionWorker.start
_list_executions = StepFunctionsParserBackend._get_executions  # noqa: SLF001 - likewise


type OnFailure = Callable[[str, bytes, Invocation], None]
"""Called with the name, payload and error of an asynchronous invocation that failed."""


@contextmanager
def repaired(invoke: Invoke, on_failure: OnFailure) -> Iterator[None]:
    """Patch moto so that it runs JSONata state machines and sends Lambda tasks to `invoke`, until the block ends.

    Args:
        invoke: runs a function.
        on_failure: the destination of failed asynchronous invocations, which are not retried.
    """
    with ExitStack() as repairs:
        # Step Functions passes this parameter on, and moto drops it.
        parameters = state_task_service_lambda._SUPPORTED_API_PARAM_BINDINGS  # noqa: SLF001 - the list to complete
        repairs.callback(parameters.update, parameters.copy())
        parameters["invoke"] = parameters["invoke"] | {"InvocationType"}
        for owner, name, value in (
            (moto_jsonata, "_eval_jsonata", _evaluate),
            (variable_store, "encode_jsonata_variable_declarations", _declare),
            (StringJSONata, "_eval_body", _evaluate_in_state),
            (StepFunctionsParserBackend, "_get_executions", _started_executions),
            (ExecutionWorker, "start", _start),
            (LambdaBackend, "invoke", _lambda_backend(invoke, on_failure)),
        ):
            repairs.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        settings = default_user_config["stepfunctions"]
        repairs.callback(settings.update, settings.copy())
        settings["execute_state_machine"] = True
        yield


def _evaluate(expression: str) -> Any:
    """Evaluate JSONata; moto has a hook for an evaluator but ships none (getmoto/moto#10105)."""
    try:
        return jsonata.Jsonata(expression).evaluate(None)
    except Exception as exc:  # an expression can cause any exception, such as ZeroDivisionError
        raise moto_jsonata.JSONataException("States.QueryEvaluationError", str(exc)) from exc


def _declare(bindings: Mapping[str, Any]) -> str:
    """Write variables as JSONata with escaped strings; moto does not escape quotes, so one quote breaks them all."""
    return "".join(f"{name}:={json.dumps(value, ensure_ascii=False)};" for name, value in bindings.items())


def _evaluate_in_state(expression: StringJSONata, env: Any) -> None:
    """Fail the state with States.QueryEvaluationError if its expression fails, as on AWS; moto uses States.Runtime."""
    try:
        _evaluate_body(expression, env)
    except moto_jsonata.JSONataException as exc:
        error = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
        cause = f"The JSONata expression '{expression.expression}' failed: {exc.details}"
        details = EventDetails(  # type: ignore[typeddict-item]  # an event has one of the details, moto's type requires all
            evaluationFailedEventDetails=EvaluationFailedEventDetails(error=error.error_name, cause=cause)
        )
        event = FailureEvent(env, error, HistoryEventType.EvaluationFailed, details)
        raise FailureEventException(event) from exc


def _started_executions(backend: StepFunctionsParserBackend, *status: Any) -> list[Any]:
    """List executions except those without a first state, at which moto's search for a task token would fail."""
    return [
        execution
        for execution in _list_executions(backend, *status)
        if execution.exec_worker is not None and execution.exec_worker.env is not None
    ]


def _start(worker: ExecutionWorker) -> None:
    """Start an execution without moto's references to earlier threads: 60 per request, until no thread can start."""
    TMP_THREADS.clear()
    _start_execution(worker)


def _lambda_backend(invoke: Invoke, on_failure: OnFailure) -> Callable[..., bytes]:
    """Return a replacement for LambdaBackend.invoke, which would need Docker."""

    def invoke_later(name: str, payload: bytes) -> None:
        with suppress(LambdaServiceClosed):  # the next start of the system recovers orphaned requests
            invocation = invoke(name, payload)
            if invocation.function_error:
                on_failure(name, payload, invocation)

    def invoke_function(
        _backend: LambdaBackend, function_name: str, _qualifier: str | None, body: Any, headers: Any, answer: Any
    ) -> bytes:
        name = function_name.rpartition(":function:")[2]
        payload = body.encode() if isinstance(body, str) else body or b"{}"
        if headers.get("X-Amz-Invocation-Type") == "Event":
            threading.Thread(target=invoke_later, args=(name, payload), name=f"event of {name}", daemon=True).start()
            return b""
        try:
            invocation = invoke(name, payload)
        except FunctionNotFound as exc:
            raise UnknownFunctionException(function_name) from exc
        except LambdaServiceClosed as exc:
            raise LambdaClientError("ServiceException", "The service is shutting down") from exc
        if invocation.function_error:
            answer["x-amz-function-error"] = invocation.function_error
        return invocation.payload

    return invoke_function
