import pytest

from tests.fixtures.task_tokens import WaitingTasks
from whyviral.integrations.aws.task_tokens import StepFunctionsTask, TaskGone
from whyviral.integrations.aws.work_queue import SqsWorkQueue
from whyviral.integrations.errors import ProviderError


def test_a_task_succeeds_with_the_output_of_its_worker(waiting_tasks: WaitingTasks) -> None:
    execution = waiting_tasks.start()
    task = StepFunctionsTask(waiting_tasks.take_token())

    task.beat()
    task.succeed({"outcome": "processed"})

    assert waiting_tasks.end_of(execution) == ("SUCCEEDED", {"outcome": "processed"})


def test_a_task_fails_with_the_name_of_an_error(waiting_tasks: WaitingTasks) -> None:
    execution = waiting_tasks.start()

    StepFunctionsTask(waiting_tasks.take_token()).fail("StorageUnavailable")

    assert waiting_tasks.end_of(execution) == ("FAILED", "StorageUnavailable")


def test_reports_about_a_finished_task_raise_task_gone(waiting_tasks: WaitingTasks) -> None:
    execution = waiting_tasks.start()
    task = StepFunctionsTask(waiting_tasks.take_token())
    task.succeed({})
    waiting_tasks.end_of(execution)

    with pytest.raises(TaskGone):
        task.beat()
    with pytest.raises(TaskGone):
        task.succeed({})


def test_a_report_that_cannot_be_sent_raises_a_transient_error(
    waiting_tasks: WaitingTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(ProviderError, match="the task's state cannot be reported") as caught:
        StepFunctionsTask("token").beat()

    assert caught.value.is_transient


def test_a_message_is_delivered_again_until_it_is_deleted(waiting_tasks: WaitingTasks) -> None:
    waiting_tasks.start({"attempt": 1})
    queue = SqsWorkQueue(waiting_tasks.queue_url)

    first = queue.receive(hidden_s=60)
    assert first is not None
    assert '"attempt":1' in first.body.replace(" ", "")
    queue.hide(first, hidden_s=0)
    again = queue.receive(hidden_s=60)

    assert again is not None
    assert again.body == first.body
    queue.delete(again)
    assert waiting_tasks.messages() == 0


def test_a_missing_queue_is_reported_as_a_queue_that_cannot_be_reached(waiting_tasks: WaitingTasks) -> None:
    queue = SqsWorkQueue(waiting_tasks.queue_url + "-missing")

    with pytest.raises(ProviderError, match="the job queue cannot be reached"):
        queue.receive(hidden_s=60)
