"""The deployed state machine with shorter waits, so that tests of failures need not sit them out."""

import dataclasses

from local.aws.template import Template, read_template
from local.stack.system import ROOT

_WAIT = "{% $states.input.wait_s %}"


def hurried_template(*, pace: int = 10) -> Template:
    """Return what template.yaml says, with every wait a `pace`-th of what a stage asks for, one second at least.

    What is counted in real time (deadlines, heartbeats, leases, the providers' own timeouts) stays as it is.
    """
    template = read_template(ROOT / "template.yaml")
    machine = template.state_machine
    assert machine.source.count(_WAIT) == 2
    source = machine.source.replace(_WAIT, f"{{% $max([1, $round($states.input.wait_s / {pace})]) %}}")
    return dataclasses.replace(template, state_machine=dataclasses.replace(machine, source=source))
