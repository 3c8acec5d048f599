"""The deployed state machine with shorter waits, which makes tests of failures faster."""

import dataclasses

from local.aws.template import Template, read_template
from local.stack.system import ROOT

_WAIT = "{% $states.input.wait_s %}"


def fast_template(*, pace: int = 10) -> Template:
    """Return the template with every wait divided by `pace`, but at least one second.

    Deadlines, heartbeats, leases and the providers' own timeouts do not change.
    """
    template = read_template(ROOT / "template.yaml")
    machine = template.state_machine
    assert machine.source.count(_WAIT) == 3
    source = machine.source.replace(_WAIT, f"{{% $max([1, $round($states.input.wait_s / {pace})]) %}}")
    return dataclasses.replace(template, state_machine=dataclasses.replace(machine, source=source))
