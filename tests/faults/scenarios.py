"""What the crashes happen to: the kinds of posts there are, and the ways in which X fails besides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from x_provider.calendar import PartSpec, PollSpec

from drafting import described  # isort: skip
from world import Scenario  # isort: skip

_MEDIA = Path(__file__).parents[2] / "include" / "calendar" / "media"

ACTED = "answer arrived, not read: POST /2/tweets"
NOT_ASKED = "before the head leaves: POST /2/tweets"
LAST_MOMENT = "before the body leaves: POST /2/tweets"


COMET = described(_MEDIA / "comet.jpg", alt="A comet over hills")
MOON = described(_MEDIA / "full-moon.webp", alt="The full moon")
METEORS = described(_MEDIA / "meteors.gif", alt="Falling stars")
TEXT = [PartSpec(text="The dome is open tonight: example.com/tonight")]
THREAD = [PartSpec(text=f"Night {number} of 3: what to look for & where") for number in (1, 2, 3)]

MAIN = {
    scenario.name: scenario
    for scenario in (
        Scenario("a text", [TEXT]),
        Scenario("a picture", [[PartSpec(text="Seen last night", media=[COMET])]]),
        Scenario("a thread of 3", [THREAD]),
        Scenario(
            "a thread with a picture in part 2",
            [[THREAD[0], PartSpec(text="This is how it looked", media=[MOON])]],
        ),
        Scenario(
            "a poll",
            [
                [
                    PartSpec(
                        text="Which one?",
                        poll=PollSpec(options=["The comet", "The moon"], duration_minutes=60),
                    )
                ]
            ],
        ),
    )
}

THREAD_OF_3 = MAIN["a thread of 3"]
SOON = {
    name: replace(MAIN[name], name=f"{name}, due soon", due_in=2.5) for name in ("a text", "a thread of 3")
}
"""For lives in Airflow, whose clock does not jump."""
MANY = Scenario(
    "many posts",
    [[PartSpec(text=f"Post {number} of many")] for number in range(60)] + [THREAD, THREAD[::-1]],
)


def _create(kind: str, **members: Any) -> dict[str, Any]:
    return {"kind": kind, "method": "POST", "path": "/2/tweets", "times": 1, **members}


# In X's words: the file was uploaded, and X knows nothing of it any more.
_FORGOTTEN = {
    "errors": [{"message": "Your media IDs are invalid."}],
    "title": "Invalid Request",
    "detail": "One or more parameters to your request was invalid.",
    "type": "https://api.x.com/2/problems/invalid-request",
}

# An answer later than the client waits: short waits, and time that stands still until X has done what it will do.
_SLOW = {"read_timeout": 0.2, "patience": 0.5}

FAULTY = {
    scenario.name: scenario
    for scenario in (
        Scenario("connection lost after X acted", [TEXT], [_create("drop_after_commit")]),
        Scenario("connection reset after X acted", [TEXT], [_create("drop_after_commit", reset=True)]),
        Scenario("connection lost before X acted", [TEXT], [_create("drop_before_commit")]),
        Scenario("503 after X acted", [TEXT], [_create("status_after_commit", status=503)]),
        Scenario("503, X did nothing", [TEXT], [_create("status", status=503)]),
        Scenario("half an answer", [TEXT], [_create("truncate")]),
        Scenario("an answer that is no JSON", [TEXT], [_create("garbage")]),
        Scenario("X answers too late", [TEXT], [_create("delay_after", seconds=0.4)], **_SLOW),
        Scenario("X acts too late", [TEXT], [_create("delay_before", seconds=0.4)], **_SLOW),
        Scenario("429 once", [TEXT], [_create("status", problem="rate-limited")]),
        Scenario("401 for a while", [TEXT], [{"kind": "outage_401", "times": 3}]),
        Scenario(
            "called a duplicate after X acted", [TEXT], [_create("status_after_commit", problem="duplicate")]
        ),
        Scenario(
            "another's duplicate",
            [TEXT],
            [_create("status", problem="duplicate", times=-1)],
            ends="refused",
        ),
        Scenario(
            "reads lag 2 minutes",
            [TEXT],
            [_create("drop_after_commit")],
            {"read_lag_seconds": 120.0},
        ),
        Scenario(
            "the timeline fails twice",
            [TEXT],
            [
                _create("drop_after_commit"),
                {
                    "kind": "status",
                    "status": 503,
                    "method": "GET",
                    "path": "^/2/users/[0-9]+/tweets$",
                    "times": 6,
                },
            ],
        ),
        Scenario("X loses the answer to part 2", [THREAD], [_create("drop_after_commit", skip=1)]),
        Scenario("X loses part 2", [THREAD], [_create("drop_before_commit", skip=1)]),
        Scenario("parents are visible late", [THREAD], (), {"reply_lag_seconds": 3.0}),
        Scenario(
            "the upload's answer is lost",
            MAIN["a picture"].posts,
            [{"kind": "drop_after_commit", "method": "POST", "path": "/2/media/upload", "times": 1}],
        ),
        Scenario(
            "X forgot the picture",
            MAIN["a picture"].posts,
            [_create("status", status=400, body=_FORGOTTEN)],
        ),
        Scenario(
            "X forgot the picture of part 2",
            MAIN["a thread with a picture in part 2"].posts,
            [_create("status", status=400, body=_FORGOTTEN, skip=1)],
        ),
        Scenario("two posts of one text", [TEXT, TEXT], [_create("drop_after_commit")]),
        Scenario("a GIF", [[PartSpec(text="They fell like rain", media=[METEORS])]]),
    )
}

SKEWED = {
    scenario.name: scenario
    for scenario in (
        Scenario("X's clock 10 min ahead", [TEXT], [_create("drop_after_commit")], x_skew=600.0),
        Scenario("X's clock 10 min behind", [TEXT], [_create("drop_after_commit")], x_skew=-600.0),
    )
}
