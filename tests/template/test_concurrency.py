"""How many connections to the database a stage can open at once, compared with what its pooler accepts."""

import re

import pytest

from tests.template.conftest import Properties, of_type
from tools.deployment.renderer import render
from tools.deployment.stage import read_stage

POOLER_CLIENTS = 200
"""Of the smallest compute. Source: Supabase, "Compute and Disk" (2026-11-28)."""
NEW_ACCOUNT_VCPUS = 6
ALONE = {"RetentionFunction", "BillingFunction", "ReconciliationFunction", "SweeperFunction"}
"""Functions that a schedule starts, each before its next run."""


def reserved(parameters: dict[str, str]) -> dict[str, int]:
    return {name: int(value) for name, value in parameters.items() if name.startswith("Reserve")}


def test_a_new_account_reserves_nothing(document: Properties) -> None:
    resources = render(document)

    assert not [
        name
        for name, function in of_type(resources, "AWS::Serverless::Function").items()
        if "ReservedConcurrentExecutions" in function
    ]


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_what_a_stage_reserves_fits_its_pooler_together_with_its_workers(document: Properties, stage: str) -> None:
    parameters = dict(read_stage(stage).parameters)
    defaults = {name: str(each["Default"]) for name, each in document["Parameters"].items() if "Default" in each}
    vcpus = int((defaults | parameters)["TranscribeVcpus"])
    warm = (int((defaults | parameters)[name]) for name in ("WarmWorkers", "MaxWarmWorkers"))
    workers = max(NEW_ACCOUNT_VCPUS // vcpus, *warm)

    deliveries = document["Resources"]["DeliveriesFunction"]["Properties"]["Events"]["FromQueue"]["Properties"]
    senders = deliveries["ScalingConfig"]["MaximumConcurrency"]

    assert sum(reserved(parameters).values()) + senders + workers + len(ALONE) <= POOLER_CLIENTS


def test_production_limits_every_function_that_users_can_start_many_of(document: Properties) -> None:
    prod = reserved(dict(read_stage("prod").parameters))
    resources = render(document, **prod)
    functions = of_type(resources, "AWS::Serverless::Function")

    limited = {name for name, function in functions.items() if "ReservedConcurrentExecutions" in function}
    # Step Functions starts these once for each request, for a moment.
    short = {"FinishFunction", "FailFunction", "FailureEventsFunction"}
    # The queue limits this one, because users cannot start it directly.
    assert functions.keys() - limited - ALONE == short | {"DeliveriesFunction"}
    assert all(re.sub("Function$", "", name) in {key.removeprefix("Reserve") for key in prod} for name in limited)
