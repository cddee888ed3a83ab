"""From the calendar's words to the ledger's rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pendulum import DateTime

from x_provider.calendar import (
    BlackoutSpec,
    Calendar,
    FollowUpSpec,
    KnownPost,
    MediaSpec,
    PartSpec,
    Plan,
    PostSpec,
    SubtitlesSpec,
)
from x_provider.ledger import Blackout, FollowUpDraft, Ledger, PartState, PostDraft

LEAD_SECONDS = {"text": 600, "image": 600, "video": 2700}
"""How long before its due time the work on a post begins, by the slowest thing in it.

Text needs no upload, but a task: on two cores Airflow runs some five a second, so a thousand posts of one
instant take minutes to arm. Arming early costs nothing, since a change of the entry disarms it.
"""


def draft(spec: PostSpec, *, calendar: str) -> PostDraft:
    """The ledger's row for one entry of a calendar."""
    return PostDraft(
        calendar=calendar,
        key=spec.id,
        account=spec.account,
        revision=spec.revision,
        at=spec.at,
        timezone=spec.timezone,
        due_at=spec.due_at,
        late_grace_seconds=spec.late.grace_seconds,
        late_then=spec.late.then,
        lead_seconds=LEAD_SECONDS[_slowest(spec)],
        contents=[_content(part) for part in spec.parts],
        on_absent=spec.on_absent,
        follow_ups=[_follow_up(each) for each in spec.follow_ups],
    )


def known_posts(ledger: Ledger, calendar: str) -> Mapping[str, KnownPost]:
    """What the ledger holds of a calendar, as the plan's other side.

    A withdrawn post counts as unknown, so that bringing it back plans it again.
    """
    return {
        post.key: KnownPost(
            revision=post.revision,
            state=str(_standing(post.states)),
            due_at=post.due_at,
            has_begun=PartState.POSTED in post.states,
        )
        for post in ledger.posts.outline(calendar)
        if any(state is not PartState.WITHDRAWN for state in post.states)
    }


def planned_files(ledger: Ledger, calendar: str, key: str) -> dict[str, MediaSpec | SubtitlesSpec]:
    """The files of a post by their source, as they were when it was planned; not those of its follow-ups."""
    post = ledger.posts.find(calendar, key)
    parts = [PartSpec.model_validate(part.content) for part in post.parts] if post is not None else []
    media = [each for part in parts for each in part.media]
    media += [
        part.video.preview for part in parts if part.video is not None and part.video.preview is not None
    ]
    files: list[MediaSpec | SubtitlesSpec] = [
        *media,
        *(each for medium in media for each in medium.subtitles),
    ]
    return {file.source: file for file in files}


def known_blackouts(ledger: Ledger, calendar: str, *, now: DateTime) -> list[BlackoutSpec]:
    """The calendar's blackouts that the ledger holds and that are not over."""
    accounts: dict[tuple[DateTime, DateTime, str], list[str]] = defaultdict(list)
    for halt in ledger.controls.halts(now):
        if halt.source == calendar and halt.ends_at is not None:
            accounts[halt.starts_at, halt.ends_at, halt.why].append(halt.account)
    return [
        BlackoutSpec(starts_at=starts_at, ends_at=ends_at, why=why, accounts=tuple(sorted(of_it)))
        for (starts_at, ends_at, why), of_it in accounts.items()
    ]


def _standing(states: Sequence[PartState]) -> PartState:
    """Where the post stands for a plan: ``planned`` while a change of its entry still changes something."""
    live = [state for state in states if state is not PartState.WITHDRAWN]
    for final in (PartState.SENDING, PartState.UNCERTAIN, PartState.REFUSED, PartState.MISSED):
        if final in live:
            return final
    return PartState.POSTED if all(state is PartState.POSTED for state in live) else PartState.PLANNED


@dataclass
class Applied:
    """What applying a plan did, by post id.

    :param relocated: unchanged but for where their files lie.
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)
    relocated: list[str] = field(default_factory=list)
    blackouts_changed: bool = False

    def __str__(self) -> str:
        done = f"{len(self.created)} planned, {len(self.updated)} changed, {len(self.withdrawn)} withdrawn"
        if self.relocated:
            done += f"; files found elsewhere: {', '.join(self.relocated)}"
        if self.blackouts_changed:
            done += "; blackouts changed"
        if self.overtaken:
            done += f"; on their way before the change arrived: {', '.join(self.overtaken)}"
        return done


def apply(ledger: Ledger, calendar: Calendar, plan: Plan, *, now: DateTime) -> Applied:
    """Bring the ledger to what the plan says, one transaction a post: repeating it changes nothing.

    Blackouts come first, so that no post slips out before the one it falls into is known.
    """
    specs = {spec.id: spec for spec in calendar.posts}
    applied = Applied(blackouts_changed=_apply_blackouts(ledger, calendar, now=now))
    for key in plan.create:
        done = ledger.posts.put(draft(specs[key], calendar=calendar.name), now=now)
        (applied.created if done else applied.overtaken).append(key)
    for key in plan.update:
        done = ledger.posts.put(draft(specs[key], calendar=calendar.name), now=now)
        (applied.updated if done else applied.overtaken).append(key)
    for key in plan.withdraw:
        done = ledger.posts.withdraw(calendar.name, key)
        (applied.withdrawn if done else applied.overtaken).append(key)
    with_files = [specs[key] for key in plan.unchanged if key in specs and _has_files(specs[key])]
    drafts = [draft(spec, calendar=calendar.name) for spec in with_files]
    applied.relocated = ledger.posts.relocate(calendar.name, drafts)
    return applied


def _apply_blackouts(ledger: Ledger, calendar: Calendar, *, now: DateTime) -> bool:
    blackouts = [
        Blackout(account=account, starts_at=each.starts_at, ends_at=each.ends_at, why=each.why)
        for each in calendar.blackouts
        for account in each.accounts
    ]
    return ledger.controls.set_blackouts(calendar.name, blackouts, now=now)


def _content(part: PartSpec) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_defaults=True)


def _follow_up(spec: FollowUpSpec) -> FollowUpDraft:
    content = None if spec.part is None else _content(spec.part)
    return FollowUpDraft(
        likes=spec.likes,
        within_seconds=spec.within_seconds,
        repost=spec.repost,
        content=content,
        after_seconds=spec.after_seconds,
        undo_repost=spec.undo_repost,
        delete=spec.delete,
    )


def _has_files(spec: PostSpec) -> bool:
    follow_ups = [each.part for each in spec.follow_ups if each.part is not None]
    return any(part.media for part in (*spec.parts, *follow_ups))


def _slowest(spec: PostSpec) -> str:
    categories = {media.category for part in spec.parts for media in part.media}
    if categories & {"tweet_video", "tweet_gif"}:
        return "video"
    return "image" if categories else "text"
