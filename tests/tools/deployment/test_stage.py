"""The stages of samconfig.toml and their parameters."""

from pathlib import Path

import pytest

from tools.deployment.stage import UnknownStage, missing_parameters, read_stage, read_template, unknown_parameters


def test_the_stages_of_the_project_have_stacks_of_their_own_and_only_known_parameters() -> None:
    stages = [read_stage(name) for name in ("dev", "staging", "prod")]

    assert [stage.stack_name for stage in stages] == ["whyviral-dev", "whyviral-staging", "whyviral-prod"]
    assert [stage.confirms for stage in stages] == [False, False, True]
    for stage in stages:
        assert unknown_parameters(read_template(), stage.parameters) == []


def test_a_stage_keeps_commas_and_equals_signs_in_its_values(samconfig: Path) -> None:
    stage = read_stage("dev", samconfig)

    assert stage.parameters["SubnetIds"] == "subnet-1,subnet-2"
    assert stage.parameters["ClerkPublishableKey"] == "pk_test_Y2xlcms="


@pytest.mark.parametrize("name", ["", "default", "production"])
def test_an_unknown_stage_is_refused_with_the_known_ones(samconfig: Path, name: str) -> None:
    with pytest.raises(UnknownStage, match=rf'no stage "{name}" in samconfig.toml; give STAGE=dev'):
        read_stage(name, samconfig)


def test_a_parameter_without_a_value_is_refused(samconfig: Path) -> None:
    samconfig.write_text(samconfig.read_text().replace("SecretName=whyviral-dev", "SecretName"))

    with pytest.raises(UnknownStage, match='"SecretName" is not written as Name=Value'):
        read_stage("dev", samconfig)


def test_the_network_comes_from_the_bootstrap_stack_unless_the_stage_names_one(samconfig: Path) -> None:
    outputs = {"VpcId": "vpc-9", "SubnetIds": "subnet-9", "RepositoryName": "whyviral-bootstrap-transcribe"}
    named = read_stage("dev", samconfig)
    samconfig.write_text(samconfig.read_text().replace(',\n  "VpcId=vpc-1", "SubnetIds=subnet-1,subnet-2"', ""))
    unnamed = read_stage("dev", samconfig)

    assert named.parameters_with(outputs)["VpcId"] == "vpc-1"
    assert unnamed.parameters_with(outputs) == dict(unnamed.parameters) | {"VpcId": "vpc-9", "SubnetIds": "subnet-9"}
    assert missing_parameters(read_template(), unnamed.parameters) == ["SubnetIds", "VpcId"]
    assert missing_parameters(read_template(), unnamed.parameters_with(outputs)) == []
