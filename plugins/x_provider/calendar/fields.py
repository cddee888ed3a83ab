"""Reading the fields of one mapping: each wrong one becomes a finding, none an exception."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from x_provider.calendar.findings import EntryReport, nearest, quoted
from x_provider.calendar.times import TimeError, duration_seconds
from x_provider.calendar.yaml_tree import Mapping, Node, Scalar, Sequence
from x_provider.text import invalid_characters, post_id_of

_YES = frozenset({"true", "yes", "on"})
_NO = frozenset({"false", "no", "off"})
_X_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_RENAMED = {"long_posts": "premium"}
_OF_THE_CALENDAR = frozenset({"plan", "premium", "long_posts"})

Value = TypeVar("Value")


class Fields:
    """The fields of one mapping.

    :param prefix: path of the mapping inside its entry, such as ``thread[1].``.
    :param known: the names it may have; any other is an error that proposes the nearest.
    """

    def __init__(
        self, mapping: Mapping, report: EntryReport, *, known: tuple[str, ...], prefix: str = ""
    ) -> None:
        self._mapping = mapping
        self._report = report
        self._prefix = prefix
        self._check_names(known)

    @property
    def line(self) -> int | None:
        """Where the mapping begins; None when it comes from no file."""
        return self._mapping.line

    def path(self, name: str) -> str:
        """The field's path inside its entry."""
        return f"{self._prefix}{name}"

    def line_of(self, name: str) -> int | None:
        """Where the field stands, or its mapping begins when it has no such field."""
        return self._mapping.key_lines.get(name, self._mapping.line)

    def error(self, name: str, message: str, hint: str | None = None, *, may_pass: bool = False) -> None:
        self._report.error(self.line_of(name), self.path(name), message, hint, may_pass=may_pass)

    def warning(self, name: str, message: str, hint: str | None = None) -> None:
        self._report.warning(self.line_of(name), self.path(name), message, hint)

    def has(self, name: str) -> bool:
        """Whether the field is there with something behind it: blank text and an empty list are nothing."""
        node = self.node(name)
        if isinstance(node, Scalar):
            return bool(node.value.strip())
        return bool(node.items) if isinstance(node, Sequence) else node is not None

    def is_blank(self, name: str) -> bool:
        """Whether the field is there with nothing written behind it."""
        return name in self._mapping.fields and self.node(name) is None

    def node(self, name: str) -> Node | None:
        found = self._mapping.fields.get(name)
        return None if isinstance(found, Scalar) and found.is_null else found

    def text(self, name: str) -> str | None:
        """The value as written; None when it is missing or no single value."""
        node = self.node(name)
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self.error(name, f"must be a single value, not {_kind(node)}")
            return None
        return node.value

    def required(self, name: str, example: str) -> str | None:
        """As ``text``, but its absence is an error."""
        if not self.has(name):
            self.error(name, "is missing", f"Add for example {name}: {example}")
            return None
        return self.text(name)

    def words(self, name: str) -> str | None:
        """The value without the space around it; None also when nothing is left of it."""
        value = (self.text(name) or "").strip()
        self.check_characters(name, value)
        return value or None

    def check_characters(self, name: str, text: str) -> None:
        """Say whether a text holds a character that X refuses."""
        if refused := invalid_characters(text):
            self.error(name, f"holds the character {refused[0]}, which X refuses", "Type that place anew")

    def flag(self, name: str) -> bool | None:
        value = self.text(name)
        if value is None or value.lower() in _YES | _NO:
            return None if value is None else value.lower() in _YES
        self.error(name, f"must be true or false, not {quoted(value)}")
        return None

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """One of the choices, however it is capitalised."""
        value = self.text(name)
        if value is None:
            return None
        meant = next((choice for choice in choices if choice.lower() == value.strip().lower()), None)
        if meant is not None:
            return meant
        guess = nearest(value, choices)
        hint = f"Did you mean {guess}?" if guess else None
        self.error(name, f"must be one of {', '.join(choices)}, not {quoted(value)}", hint)
        return None

    def number(self, name: str, least: int, most: int) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        digits = value.strip()
        if digits.isascii() and digits.isdigit() and len(digits) < 19 and least <= int(digits) <= most:
            return int(digits)
        self.error(name, f"must be a whole number from {least:,} to {most:,}, not {quoted(value)}")
        return None

    def url(self, name: str) -> str | None:
        """An address of a page, with https:// or http://."""
        value = (self.text(name) or "").strip()
        if value and not _URL.fullmatch(value):
            self.error(name, f"must be an address, not {quoted(value)}", "Begin it with https://")
            return None
        return value or None

    def post_id(self, name: str) -> str | None:
        """The id of a post on X, written as itself or as the post's address."""
        value = self.text(name)
        found = None if value is None else post_id_of(value)
        if value is not None and found is None:
            self.error(
                name,
                f"must be a post's address or its id on X, 1 to 19 digits, not {quoted(value)}",
                "Copy the address, such as https://x.com/name/status/1460323737035677698; what is not on X yet has"
                " none, but can be answered by thread or first_comment",
            )
        return found

    def x_id(self, name: str) -> str | None:
        value = self.text(name)
        return None if value is None else self._checked_id(name, value)

    def x_ids(self, name: str) -> list[str]:
        values = self.sequence(name) or []
        checked = [
            self._checked_id(f"{name}[{index}]", node.value if isinstance(node, Scalar) else _kind(node))
            for index, node in enumerate(values)
        ]
        return [value for value in checked if value is not None]

    def duration(self, name: str) -> int | None:
        """A duration in seconds; a bare number is minutes."""
        value = self.text(name)
        return None if value is None else self.attempt(name, lambda: duration_seconds(value))

    def attempt(self, name: str, read: Callable[[], Value]) -> Value | None:
        """What ``read`` gives; its TimeError becomes an error of the field."""
        try:
            return read()
        except TimeError as error:
            self.error(name, error.message, error.hint)
            return None

    def sequence(self, name: str) -> list[Node] | None:
        """The items of a list; None when the field is missing or no list."""
        node = self.node(name)
        if node is None:
            return None
        if not isinstance(node, Sequence):
            self.error(
                name, f"must be a list, not {_kind(node)}", "Begin each item with a dash, or write [a, b]"
            )
            return None
        return node.items

    def mapping(self, name: str, *, known: tuple[str, ...]) -> Fields | None:
        """The field's own fields; None when it is missing or has none."""
        node = self.node(name)
        if node is None:
            return None
        if not isinstance(node, Mapping):
            message = f"must have the fields {', '.join(known)}, not be {_kind(node)}"
            self.error(name, message, f"Write for example {name}: {{{known[0]}: …}}")
            return None
        return Fields(node, self._report, known=known, prefix=f"{self.path(name)}.")

    def item(self, name: str, index: int, node: Node, *, known: tuple[str, ...]) -> Fields | None:
        """The fields of one item of a list."""
        path = f"{self.path(name)}[{index}]"
        if not isinstance(node, Mapping):
            message = f"must have the fields {', '.join(known)}, not be {_kind(node)}"
            self._report.error(node.line, path, message, f"Write {known[0]}: before it")
            return None
        return Fields(node, self._report, known=known, prefix=f"{path}.")

    def _checked_id(self, name: str, value: str) -> str | None:
        if _X_ID.fullmatch(value):
            return value
        hint = "A community's is the number at the end of its address; an account's is no @name, but a number"
        self.error(name, f"must be an id on X, 1 to 19 digits, not {quoted(value)}", hint)
        return None

    def _check_names(self, known: tuple[str, ...]) -> None:
        for name, line in self._mapping.repeated:
            self._report.error(
                line, self.path(name), "is there twice in the same entry", "Remove one of them"
            )
        for line in self._mapping.odd_keys:
            self._report.error(
                line, None, "a field's name must be a word", "Put a value that begins with [ or { in quotes"
            )
        for name in self._mapping.fields:
            if name in known:
                continue
            self._report.error(
                self.line_of(name),
                self.path(quoted(name)),
                "is no field that is known here",
                _meant(name, known),
            )


def _meant(name: str, known: tuple[str, ...]) -> str:
    if _RENAMED.get(name) in known:
        return f"Write {_RENAMED[name]}: that is what it is called now"
    if name in _OF_THE_CALENDAR:
        written = _RENAMED.get(name, name)
        return f"Write {written}: at the top of the calendar, or under accounts: there for one account"
    guess = nearest(name, known)
    return f"Did you mean {guess}?" if guess else f"Known here: {', '.join(known)}"


def _kind(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a group of fields"
    return "empty" if node.is_null else quoted(node.value)
