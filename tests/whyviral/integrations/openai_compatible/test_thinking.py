import pytest

from whyviral.integrations.openai_compatible.thinking import ThinkingFilter


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("", ""),
        ("Because.", "Because."),
        ("<think>Hmm.</think>\n\nBecause.", "Because."),
        ("\n <think>Hmm.</think>Because.", "Because."),
        ("<thin ice", "<thin ice"),
        ("<", "<"),
        ("Because <think>no</think>.", "Because <think>no</think>."),
        ("<think>It never ends", ""),
        ("<think></think>", ""),
    ],
)
def test_thinking_in_front_of_an_answer_is_not_shown(written: str, shown: str, size: int) -> None:
    thinking = ThinkingFilter()

    pieces = [thinking.feed(written[start : start + size]) for start in range(0, len(written), size)]

    assert "".join(pieces) + thinking.finish() == shown
