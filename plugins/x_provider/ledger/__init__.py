"""The ledger: what was planned, sent, confirmed and measured, in a database of its own.

Every move of a part is a compare-and-set; every attempt is a row written before its request leaves.
"""

from __future__ import annotations

from sqlalchemy import URL

from x_provider.ledger.accounts import Accounts, StoredLogin
from x_provider.ledger.charges import OVER_BUDGET, Charges, Month, month_of
from x_provider.ledger.controls import BREAKER, EVERY_ACCOUNT, Blackout, Controls, Halt
from x_provider.ledger.database import Database, LedgerError
from x_provider.ledger.deciding import (
    AttemptRecord,
    Deciding,
    Decision,
    OvertakenError,
    Standing,
    standing_of,
)
from x_provider.ledger.deletions import Deletions
from x_provider.ledger.events import Events
from x_provider.ledger.follow_ups import FollowUpRecord, FollowUps
from x_provider.ledger.limits import Limits, Window
from x_provider.ledger.logins import Logins, PendingLogin
from x_provider.ledger.logouts import Logouts
from x_provider.ledger.media import MediaLibrary
from x_provider.ledger.notices import Notices
from x_provider.ledger.overview import ACCOUNT_STOPPED, Overview, Standstill
from x_provider.ledger.posts import Posts
from x_provider.ledger.receipts import Receipts
from x_provider.ledger.records import (
    LONGEST_NAME,
    AccountOnX,
    Attempt,
    Cost,
    DuePost,
    FollowUp,
    FollowUpDraft,
    Held,
    Origin,
    Part,
    Post,
    PostDraft,
    PostOutline,
    Receipt,
    Snapshot,
    Uploaded,
)
from x_provider.ledger.refusals import Refusal, Refusals
from x_provider.ledger.sealing import Sealer
from x_provider.ledger.sending import CREATE_FAMILY, NotRecordedHereError, ReceiptTakenError, Sending
from x_provider.ledger.snapshots import Snapshots
from x_provider.ledger.states import MOVES, UNDER_WAY, UNSENT, PartState, may_move
from x_provider.ledger.sweeping import Sweeping
from x_provider.ledger.taking_down import TakingDown
from x_provider.ledger.tokens import StoredTokens, TokenShelf, TokenState, UserOnX
from x_provider.ledger.told import (
    Engagement,
    EngagementCounts,
    EngagementKind,
    EventOutcome,
    ReceivedEvent,
    StoredEvent,
)
from x_provider.ledger.user_keys import StoredKeys, UserKeyShelf
from x_provider.prices import dollars

__all__ = [
    "ACCOUNT_STOPPED",
    "BREAKER",
    "CREATE_FAMILY",
    "EVERY_ACCOUNT",
    "LONGEST_NAME",
    "MOVES",
    "OVER_BUDGET",
    "UNDER_WAY",
    "UNSENT",
    "AccountOnX",
    "Attempt",
    "AttemptRecord",
    "Blackout",
    "Cost",
    "Decision",
    "DuePost",
    "Engagement",
    "EngagementCounts",
    "EngagementKind",
    "EventOutcome",
    "FollowUp",
    "FollowUpDraft",
    "FollowUpRecord",
    "Halt",
    "Held",
    "Ledger",
    "LedgerError",
    "Month",
    "NotRecordedHereError",
    "Origin",
    "OvertakenError",
    "Part",
    "PartState",
    "PendingLogin",
    "Post",
    "PostDraft",
    "PostOutline",
    "Receipt",
    "ReceiptTakenError",
    "ReceivedEvent",
    "Refusal",
    "Sealer",
    "Snapshot",
    "Standing",
    "Standstill",
    "StoredEvent",
    "StoredKeys",
    "StoredLogin",
    "StoredTokens",
    "TokenShelf",
    "TokenState",
    "Uploaded",
    "UserOnX",
    "Window",
    "dollars",
    "may_move",
    "month_of",
    "standing_of",
]


class Ledger:
    """The ledger in one database, its parts by noun.

    :param url: an SQLAlchemy URL: ``sqlite:////absolute/file.db`` or ``postgresql+psycopg://…``.
    """

    def __init__(self, url: str | URL) -> None:
        self.database = Database(url)
        self.accounts = Accounts(self.database)
        self.posts = Posts(self.database)
        self.sending = Sending(self.database)
        self.receipts = Receipts(self.database)
        self.controls = Controls(self.database)
        self.deciding = Deciding(self.database)
        self.overview = Overview(self.database)
        self.tokens = TokenShelf(self.database)
        self.user_keys = UserKeyShelf(self.database)
        self.logouts = Logouts(self.database)
        self.refusals = Refusals(self.database)
        self.notices = Notices(self.database)
        self.logins = Logins(self.database)
        self.sweeping = Sweeping(self.database)
        self.events = Events(self.database)
        self.deletions = Deletions(self.database)
        self.follow_ups = FollowUps(self.database)
        self.taking_down = TakingDown(self.database)
        self.limits = Limits(self.database)
        self.charges = Charges(self.database)
        self.media = MediaLibrary(self.database)
        self.snapshots = Snapshots(self.database)

    def __repr__(self) -> str:
        return f"Ledger({self.database!r})"
