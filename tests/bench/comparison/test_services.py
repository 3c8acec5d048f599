"""Our API and the Django peer answer the same JSON, so that their speeds can be compared."""

import json

import pytest

from bench.comparison.services import PEER_PYTHON, in_process, prepared


@pytest.mark.skipif(not PEER_PYTHON.exists(), reason="needs ./bootstrap peer-django")
def test_both_services_answer_every_compared_route_with_the_same_json() -> None:
    with prepared(users=2, requests=21) as data, in_process(data, data.database_url) as (ours, peer):
        answers = {
            name: [json.loads(side.call(path, data.token, number=1).body) for side in (ours, peer)]
            for name, path in data.paths.items()
        }

    assert {name: ours == peers for name, (ours, peers) in answers.items()} == dict.fromkeys(data.paths, True)
    assert answers["requests/"][0]["count"] == 21
    suggestions = answers["requests/<id>/"][0]["post_analyses"][0]["suggestions"]
    assert [suggestion["follow_up"] is not None for suggestion in suggestions] == [True, False, False, False]
    assert suggestions[0]["follow_up"]["result"] is not None
