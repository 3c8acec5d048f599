"""Print what CloudFormation gets from the SAM transform of a template; run with the Python of `.tools/sam`.

usage: sam_transform.py TEMPLATE RELEASE

RELEASE is the parameter of that name, without which SAM refuses the template.

Prints JSON with `template` and `identifiers`: for each resource type, the properties that identify a resource. They
come from AWS's published schemas, which cfn-lint contains.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]
from samtranslator.translator.transform import transform  # type: ignore[import-not-found]  # in .tools/sam only
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]  # likewise

REGION = "us-east-1"
UPLOADED = "s3://bucket/key"


class NoManagedPolicies:
    """A lookup of managed policies without entries, because the template names policies by ARN."""

    def load(self) -> dict[str, str]:
        """Return an empty lookup."""
        return {}


def uploaded(document: dict[str, Any]) -> dict[str, Any]:
    """Return the template as `sam package` leaves it: paths of this machine replaced by addresses of uploads."""
    document["Globals"]["Function"]["CodeUri"] = UPLOADED
    for resource in document["Resources"].values():
        for path in {"ContentUri", "DefinitionUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][path] = UPLOADED
    return document


def identifiers(resource_type: str) -> list[str]:
    """Return the identifying properties of a resource type, and its names that cannot be changed later."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema
    groups = [schema.get("primaryIdentifier", []), *schema.get("additionalIdentifiers", [])]
    fixed_names = [path for path in schema.get("createOnlyProperties", []) if path.endswith("Name")]
    paths = {path for group in (*groups, fixed_names) for path in group}
    return sorted(path.removeprefix("/properties/") for path in paths)


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    source = Path(sys.argv[1]).read_text(encoding="utf-8")
    transformed = transform(uploaded(yaml_parse(source)), {"Release": sys.argv[2]}, NoManagedPolicies())
    types = {resource["Type"] for resource in transformed["Resources"].values()}
    known = {each: identifiers(each) for each in sorted(types)}
    sys.stdout.write(json.dumps({"template": transformed, "identifiers": known}))
