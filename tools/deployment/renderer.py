"""Renders a template for given parameters: evaluates conditions, mappings and Fn::If."""

from collections.abc import Mapping
from typing import Any

type Properties = dict[str, Any]

NO_VALUE: Properties = {"Ref": "AWS::NoValue"}


def render(document: Properties, **parameters: str | int) -> Properties:
    """Return the resources that the stack would have. Intrinsic functions other than those above stay as they are."""
    defaults = {name: each["Default"] for name, each in document["Parameters"].items() if "Default" in each}
    chooser = _Chooser(document, defaults | parameters)
    return {
        name: chooser.chosen(resource)
        for name, resource in document["Resources"].items()
        if "Condition" not in resource or chooser.holds({"Condition": resource["Condition"]})
    }


class _Chooser:
    def __init__(self, document: Properties, parameters: Mapping[str, Any]) -> None:
        self._conditions: Properties = document["Conditions"]
        self._mappings: Properties = document.get("Mappings", {})
        self._parameters = parameters

    def holds(self, condition: Properties) -> bool:
        match condition:
            case {"Condition": str(name)}:
                return self.holds(self._conditions[name])
            case {"Fn::Equals": [left, right]}:
                return str(self._value(left)) == str(self._value(right))
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::And": list(several)}:
                return all(self.holds(each) for each in several)
            case {"Fn::Or": list(several)}:
                return any(self.holds(each) for each in several)
        raise AssertionError(condition)

    def chosen(self, value: Any) -> Any:
        match value:
            case {"Fn::If": [str(name), yes, no]}:
                return self.chosen(yes if self.holds({"Condition": name}) else no)
            case {"Fn::FindInMap": [str(mapping), key, name]}:
                return self._mappings[mapping][str(self._value(key))][self._value(name)]
            case dict():
                inner = {key: self.chosen(each) for key, each in value.items()}
                return {key: each for key, each in inner.items() if each != NO_VALUE}
            case list():
                return [each for each in map(self.chosen, value) if each != NO_VALUE]
        return value

    def _value(self, value: Any) -> Any:
        return self._parameters[value["Ref"]] if isinstance(value, dict) else value
