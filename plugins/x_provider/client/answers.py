"""Reading X's answers: both vocabularies in, the new one out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pendulum
from pendulum import DateTime
from pydantic import BaseModel, ValidationError

from x_provider.client.calls import Call
from x_provider.client.classify import classify, request_id
from x_provider.client.errors import XUnavailable
from x_provider.client.limits import answer_date, rate_windows
from x_provider.client.models import (
    CreatedPost,
    Media,
    MediaState,
    Post,
    PostsPage,
    Problem,
    UploadedMedia,
    UploadSession,
    User,
)
from x_provider.client.usage import Usage

_NEW_NAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "most_recent_tweet_id": "most_recent_post_id",
    "note_tweet": "note_post",
    "pinned_tweet_id": "pinned_post_id",
    "referenced_tweets": "referenced_posts",
    "retweet_count": "repost_count",
    "tweet_count": "post_count",
    "tweets": "posts",
}

_MEDIA_LIFETIME_SECONDS = 86_400

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Answer:
    """A success of X: its body in the new vocabulary (empty where X sent none), and its headers.

    The ``read_…`` functions turn it into what was asked for.

    :param raw: the body as it came, for the error that names it when it lacks what a success must hold.
    """

    call: Call
    status: int
    headers: Mapping[str, str]
    raw: bytes
    body: Mapping[str, Any]

    @property
    def date(self) -> DateTime:
        """When X answered (UTC); by this machine's clock where X did not say."""
        return answer_date(self.headers) or pendulum.now("UTC")


def in_new_vocabulary(value: Any) -> Any:
    """The same JSON with each of X's older names replaced by today's."""
    if isinstance(value, dict):
        return {_NEW_NAMES.get(name, name): in_new_vocabulary(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [in_new_vocabulary(inner) for inner in value]
    return value


def read_answer(call: Call, status: int, headers: Mapping[str, str], raw: bytes) -> Answer:
    """What X answered to a call.

    :raises XError: for everything but a success that can be read.
    """
    if not 200 <= status < 300:
        raise classify(status, headers, raw, call)
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        if call.json_answer:
            raise classify(status, headers, raw, call)
        body = {}
    return Answer(call, status, headers, raw, in_new_vocabulary(body))


def read_user(answer: Answer) -> User:
    """The account in an answer."""
    return _read(answer, User)


def read_created_post(answer: Answer) -> CreatedPost:
    """The receipt of a created post."""
    data = _data(answer)
    return CreatedPost(
        # The id alone is the receipt: whatever else is odd about the answer must not cost it.
        id=_id(answer, data),
        text=_text(data.get("text")) or "",
        request_id=request_id(answer.headers),
        date=answer.date,
        windows=rate_windows(answer.headers),
    )


def read_deleted(answer: Answer) -> bool:
    """Whether X deleted it."""
    return bool(_data(answer).get("deleted"))


def read_posts(answer: Answer) -> PostsPage:
    """The posts of an answer; none where X found none and said nothing against it."""
    listed = answer.body.get("data") or []
    includes = answer.body.get("includes") or {}
    problems = answer.body.get("errors") or []
    try:
        media = [Media.model_validate(each) for each in includes.get("media") or []]
        return PostsPage(
            posts=[Post.model_validate(each) for each in listed],
            problems=[Problem.model_validate(each) for each in problems],
            media={each.media_key: each for each in media},
        )
    except (ValidationError, AttributeError, TypeError):
        raise _unreadable(answer) from None


def read_next_page(answer: Answer) -> str | None:
    """The token of the page after this one; None on the last."""
    meta = answer.body.get("meta")
    token = meta.get("next_token") if isinstance(meta, dict) else None
    return token if isinstance(token, str) and token else None


def refuse_if_only_problems(answer: Answer) -> Answer:
    """The answer itself, unless it says why it holds nothing.

    :raises XError: that the first of its problems means.
    """
    if answer.body.get("errors") and not answer.body.get("data"):
        raise _unreadable(answer)
    return answer


def read_session(answer: Answer) -> UploadSession:
    """The upload that X has begun."""
    data = _media(answer)
    return UploadSession(_id(answer, data), _text(data.get("media_key")), _expiry(answer, data))


def read_upload(answer: Answer) -> UploadedMedia:
    """The state of an upload. Without ``processing_info`` it is ready."""
    data = _media(answer)
    processing = data.get("processing_info")
    processing = processing if isinstance(processing, dict) else {"state": "succeeded"}
    error = processing.get("error")
    error = error if isinstance(error, dict) else {}
    words = [str(error[member]) for member in ("name", "message") if error.get(member)]
    return UploadedMedia(
        id=_id(answer, data),
        media_key=_text(data.get("media_key")),
        expires_at=_expiry(answer, data),
        size=_whole(data.get("size")),
        # v1.1 has been seen to stay "in_progress" for ever beside its error.
        state="failed" if error else _state(processing.get("state")),
        check_after_secs=_whole(processing.get("check_after_secs")),
        progress_percent=_whole(processing.get("progress_percent")),
        failure=": ".join(words) or None,
        failure_name=_text(error.get("name")),
    )


def read_subtitles_removed(answer: Answer) -> bool:
    """Whether X removed subtitles; v1.1 says so with an empty success."""
    data = answer.body.get("data")
    return bool(data.get("deleted", True)) if isinstance(data, dict) else True


def read_hidden(answer: Answer) -> bool:
    """Whether a reply is hidden now."""
    return bool(_data(answer).get("hidden"))


def read_reposted(answer: Answer) -> bool:
    """Whether the account has a repost now."""
    return bool(_data(answer).get("retweeted"))


def read_usage(answer: Answer) -> Usage:
    """What the project has used."""
    return _read(answer, Usage)


def read_app_token(answer: Answer) -> str:
    """The app's own token.

    :raises XUnavailable: for an answer without one; it quotes nothing, for it may hold half a token.
    """
    token = _text(answer.body.get("access_token"))
    if token is None or answer.body.get("token_type") != "bearer":
        raise XUnavailable(
            family=answer.call.family,
            status=answer.status,
            detail="the answer holds no bearer token",
            request_id=request_id(answer.headers),
            next_step="Check the connection's base URL; then try again.",
        )
    return token


def _media(answer: Answer) -> Mapping[str, Any]:
    if isinstance(answer.body.get("data"), dict):
        return _data(answer)
    # v1.1 puts it at the top, and its id as a text beside the number that JavaScript would round.
    return {**answer.body, "id": answer.body.get("media_id_string", answer.body.get("media_id"))}


def _data(answer: Answer) -> Mapping[str, Any]:
    data = answer.body.get("data")
    if not isinstance(data, dict):
        raise _unreadable(answer)
    return data


def _read(answer: Answer, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(_data(answer))
    except ValidationError:
        raise _unreadable(answer) from None


def _unreadable(answer: Answer) -> Exception:
    return classify(answer.status, answer.headers, answer.raw, answer.call)


def _id(answer: Answer, data: Mapping[str, Any]) -> str:
    # Some answers still show media ids as the numbers that v1.1 had.
    found = data.get("id")
    if isinstance(found, int) or (isinstance(found, str) and found.isdecimal()):
        return str(found)
    raise _unreadable(answer)


def _expiry(answer: Answer, data: Mapping[str, Any]) -> DateTime:
    seconds = _whole(data.get("expires_after_secs"))
    return answer.date.add(seconds=seconds if seconds is not None else _MEDIA_LIFETIME_SECONDS)


def _state(written: Any) -> MediaState:
    if written == "succeeded":
        return "succeeded"
    if written == "failed":
        return "failed"
    return "pending" if written == "pending" else "in_progress"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
