from bench.quality.corpus_check import judge_corpus, rates_by_class


def test_planted_faults_are_caught_and_true_statements_pass() -> None:
    rates = {each.kind: each for each in rates_by_class(judge_corpus())}

    whole = rates.pop("all")
    assert whole.faults >= 500
    assert whole.true >= 500
    assert whole.caught / whole.faults >= 0.99
    assert whole.refused / whole.true < 0.01
    for each in rates.values():
        assert each.faults >= 100
        assert each.true >= 50
        assert each.caught / each.faults >= 0.98
        assert each.refused / each.true <= 0.02
