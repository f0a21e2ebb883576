"""What the command line shows of texts that others wrote."""

from __future__ import annotations

import pytest

from nuketown_cli.agents.prompt_checks import check_prompt
from nuketown_cli.safe_text import safe_text


@pytest.mark.attack
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rm\u3164-rf", "rm<U+3164>-rf"),
        ("a\u115fb\u1160c\uffa0d\u2800e", "a<U+115F>b<U+1160>c<U+FFA0>d<U+2800>e"),
        ("a\ufe0fb\u034fc\U000e0101", "a<U+FE0F>b<U+034F>c<U+E0101>"),
        ("/\ufe0fetc 5\ufe0e", "/<U+FE0F>etc 5<U+FE0E>"),
        ("x\u0338", "x<U+0338>"),
        ("e" + "\u0301" * 4, "e\u0301\u0301<U+0301><U+0301>"),
        ("a\x1b[2J\u202e\x7f", "a␛[2J<U+202E>␡"),
    ],
)
def test_what_nobody_sees_and_what_paints_over_is_shown(text: str, shown: str) -> None:
    assert safe_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "⚠️ done ✔️ ℹ️",
        "👩‍💻",
        "cafe\u0301",
        "กิ่ง",
        "हिन्दी",
        "می‌خواهم",
        "한국어",
        "1\u202f000 €",
        "東京\u3000駅",
    ],
)
def test_languages_and_pictures_stay_readable(text: str) -> None:
    assert safe_text(text) == text
    assert list(check_prompt(f"# Role\n{text}\n")) == list(check_prompt("# Role\nplain\n"))


def test_a_filler_in_a_prompt_is_found() -> None:
    (finding,) = [f for f in check_prompt("# Role\nobey\u3164me\n") if "not seen" in f.text]
    assert "<U+3164>" in finding.text
