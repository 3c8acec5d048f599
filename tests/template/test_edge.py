"""The edge of the API: its domain, its firewall and the form of what they answer."""

import re
from typing import Any

import pytest

from tests.template.conftest import Properties, of_type
from tools.deployment.renderer import render

DOMAIN: dict[str, Any] = {"DomainName": "api.example.com", "CertificateArn": "arn:aws:acm:eu-central-1:1:certificate/1"}


@pytest.fixture
def rules(document: Properties) -> dict[str, Properties]:
    acl = render(document)["FirewallAcl"]["Properties"]
    return {rule["Name"]: rule for rule in acl["Rules"]}


def test_without_a_domain_the_api_has_its_execute_api_address_only(document: Properties) -> None:
    resources = render(document)

    assert not [name for name in resources if name.startswith("Domain")]
    assert resources["Api"]["Properties"]["DisableExecuteApiEndpoint"] is False


def test_with_a_domain_no_caller_can_avoid_it(document: Properties) -> None:
    resources = render(document, **DOMAIN)

    assert resources["Api"]["Properties"]["DisableExecuteApiEndpoint"] is True
    assert resources["Domain"]["Properties"]["SecurityPolicy"] == "TLS_1_2"
    assert resources["DomainMapping"]["Properties"]["RestApiId"] == {"Ref": "Api"}
    assert "BasePath" not in resources["DomainMapping"]["Properties"]
    assert "DomainRecord" not in resources
    assert "DomainRecord" in render(document, **DOMAIN, HostedZoneId="Z1")


def test_one_address_cannot_use_up_the_throttle_of_all(document: Properties, rules: dict[str, Properties]) -> None:
    rate = rules["requests-per-address"]["Statement"]["RateBasedStatement"]
    limit = document["Parameters"]["RequestsPerAddress"]["Default"] / rate["EvaluationWindowSec"]

    assert rate["AggregateKeyType"] == "IP"
    (everyone, *_) = render(document)["Api"]["Properties"]["MethodSettings"]
    assert limit <= everyone["ThrottlingRateLimit"] / 10


@pytest.mark.parametrize(
    ("path", "is_exempt"),
    [
        ("/api/billing/webhook/dodo/", True),
        ("/live/api/accounts/webhook/clerk/", True),
        ("/api/analysis/analyze/", False),
        ("/x/api/billing/webhook/dodo/", False),
        ("/api/billing/webhooks", False),
    ],
)
def test_only_requests_of_webhooks_pass_the_firewall_unseen(
    rules: dict[str, Properties], path: str, is_exempt: bool
) -> None:
    for statement in (
        rules["requests-per-address"]["Statement"]["RateBasedStatement"],
        rules["common"]["Statement"]["ManagedRuleGroupStatement"],
    ):
        match = statement["ScopeDownStatement"]["NotStatement"]["Statement"]["RegexMatchStatement"]
        assert match["FieldToMatch"] == {"UriPath": {}}
        assert bool(re.search(match["RegexString"], path)) == is_exempt


def test_texts_of_users_and_scripts_without_a_user_agent_are_only_counted(rules: dict[str, Properties]) -> None:
    overrides = rules["common"]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    counted = {each["Name"] for each in overrides if each["ActionToUse"] == {"Count": {}}}

    assert {"SizeRestrictions_BODY", "NoUserAgent_HEADER", "CrossSiteScripting_BODY"} <= counted
    assert len(counted) == len(overrides)


def test_the_firewall_is_optional_and_guards_the_stage(document: Properties) -> None:
    assert of_type(render(document, Firewall="false"), "AWS::WAFv2::WebACL") == {}
    assert "stages/${Api.Stage}" in render(document)["FirewallOfApi"]["Properties"]["ResourceArn"]["Fn::Sub"]
