"""What an account does with posts that are there: hiding replies, reposting."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from x_provider.client import answers, calls
from x_provider.client.answers import Answer
from x_provider.client.calls import Call
from x_provider.client.errors import XDuplicate


class EngagementMethods:
    """The calls of ``XClient`` about posts that are on X."""

    @abstractmethod
    def send(self, call: Call, *, may_leave: Callable[[], bool] | None = None) -> Answer:
        """What X answers."""

    def hide_reply(self, post_id: str, hidden: bool = True) -> bool:
        """Hide a reply in one of the account's own conversations, or show it again; whether X did.

        With OAuth 2.0 the login needs the scope tweet.moderate.write.
        """
        return answers.read_hidden(self.send(calls.hide_reply(post_id, hidden=hidden))) is hidden

    def repost(self, user_id: str, post_id: str, *, may_leave: Callable[[], bool] | None = None) -> bool:
        """Repost a post; whether the account has reposted it now, be it since before.

        :param user_id: of the account itself.
        :param may_leave: asked at the last moment; False keeps the request from leaving.
        """
        try:
            return answers.read_reposted(self.send(calls.repost(user_id, post_id), may_leave=may_leave))
        except XDuplicate:
            return True

    def undo_repost(self, user_id: str, post_id: str, *, may_leave: Callable[[], bool] | None = None) -> bool:
        """Take a repost back; whether X did, or there was none.

        :param user_id: of the account itself.
        :param may_leave: asked at the last moment; False keeps the request from leaving.
        """
        return not answers.read_reposted(self.send(calls.undo_repost(user_id, post_id), may_leave=may_leave))
