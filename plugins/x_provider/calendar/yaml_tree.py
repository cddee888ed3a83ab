"""YAML as a tree that remembers its lines: no Python objects are made, and no input can make it run away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 24
MAX_NODES = 200_000

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TAGS = tuple(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "timestamp", "seq", "map")
)

_PLAIN_WORDS = {
    "mapping values are not allowed": 'a ": " where no field can begin; put the whole text in quotes',
    "found character that cannot start any token": "a character that cannot stand here; indent with"
    " spaces, not tabs, and put a text that begins with @, %, ` or * in quotes",
    "found undefined alias": "a *name that no &name was given to; a text that begins with * needs quotes",
    "could not find expected ':'": 'a field without ": "; a text of several lines needs "|-" or quotes',
    "did not find expected key": "an unfinished entry, or lines that are not indented alike",
    "expected <block end>": "an unfinished entry, or lines that are not indented alike",
    "did not find expected '-' indicator": "entries of one list that are not indented alike",
    "did not find expected ',' or ']'": "a [ without its ]",
    "did not find expected ',' or '}'": "a { without its }",
    "did not find expected node content": "a [ or { without its end, or a field without a value",
    "unexpected end of stream": "a quote that is never closed",
    "special characters are not allowed": "a control character; remove it",
    "control characters are not allowed": "a control character; remove it",
}


class YamlError(Exception):
    """The text is no YAML that a calendar can be read from; line and column count from 1."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@dataclass
class Scalar:
    """A value exactly as written: ``Yes`` is the text Yes, ``007`` is 007.

    :param line: where it stands, from 1; None, here and below, when it comes from no file.
    """

    value: str
    line: int | None
    is_null: bool = False


@dataclass
class Sequence:
    items: list[Node]
    line: int | None


@dataclass
class Mapping:
    """Fields by name.

    :param repeated: later fields of an equal name, and their lines.
    :param odd_keys: lines of names that are no text.
    """

    fields: dict[str, Node]
    line: int | None
    key_lines: dict[str, int] = field(default_factory=dict)
    repeated: list[tuple[str, int]] = field(default_factory=list)
    odd_keys: list[int] = field(default_factory=list)


Node = Scalar | Sequence | Mapping


def parse(text: str) -> Node | None:
    """Read one YAML document; anchors, aliases and merge keys (``<<``) work.

    :returns: its tree, or None when it is empty.
    :raises YamlError: when it is no YAML, holds a second document, or is deeper or larger than any calendar.
    """
    loader = None
    try:
        loader = _Loader(text)
        return _Composer(_events(loader)).document()
    except yaml.MarkedYAMLError as error:
        raise _in_plain_words(error) from error
    except yaml.reader.ReaderError as error:
        raise _unreadable_character(text, error) from error
    except yaml.YAMLError as error:
        raise YamlError(str(error)) from error
    except UnicodeError as error:
        raise YamlError("a character that is no valid Unicode; remove it") from error
    finally:
        if loader is not None:
            loader.dispose()


def _events(loader: Any) -> Iterator[Any]:
    while loader.check_event():
        yield loader.get_event()


class _Composer:
    """Builds the tree from the parser's events. Aliases share nodes, so that nothing is ever expanded."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _at(event, "a second document begins here (---); a file holds one calendar")
            elif isinstance(event, (yaml.NodeEvent, yaml.CollectionEndEvent)):
                root = self._node(event, depth=0)
        return None if isinstance(root, Scalar) and root.is_null else root

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._count(event)
        if depth > MAX_DEPTH:
            raise _at(event, f"nested more than {MAX_DEPTH} levels deep")
        if event.tag is not None and event.tag not in (*_TAGS, "!"):
            raise _at(event, f"the tag {event.tag} is not supported; remove it")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._content(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            is_plain = event.style is None or event.style == ""
            return Scalar(event.value, line, is_null=is_plain and not event.tag and event.value in _NULLS)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(event, depth + 1))
            return Sequence(items, line)
        return self._mapping(line, depth)

    def _mapping(self, line: int, depth: int) -> Mapping:
        mapping = Mapping({}, line)
        merged: list[tuple[Any, Node]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value_event = next(self._events)
            value = self._node(value_event, depth + 1)
            key_line = event.start_mark.line + 1
            if not isinstance(key, Scalar):
                mapping.odd_keys.append(key_line)
            elif key.value == "<<":
                merged.append((value_event, value))
            elif key.value in mapping.fields:
                mapping.repeated.append((key.value, key_line))
            else:
                mapping.fields[key.value] = value
                mapping.key_lines[key.value] = key_line
        for value_event, value in merged:
            self._merge(mapping, value, value_event)
        return mapping

    def _merge(self, mapping: Mapping, source: Node, event: Any) -> None:
        for other in source.items if isinstance(source, Sequence) else [source]:
            if not isinstance(other, Mapping):
                raise _at(event, "<< takes the fields of another mapping, such as *name; this is none")
            for name, value in other.fields.items():
                self._count(event)
                mapping.fields.setdefault(name, value)
                mapping.key_lines.setdefault(name, other.key_lines[name])

    def _alias(self, event: Any) -> Node:
        self._count(event)
        if event.anchor not in self._anchors:
            raise _at(event, f"*{event.anchor} is used, but no &{event.anchor} was given before it")
        node = self._anchors[event.anchor]
        if node is None:
            raise _at(event, f"*{event.anchor} is used inside of what it stands for")
        return node

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _at(event, f"more than {MAX_NODES:,} values; split the calendar into several")


def _at(event: Any, message: str) -> YamlError:
    return YamlError(message, event.start_mark.line + 1, event.start_mark.column + 1)


def _in_plain_words(error: yaml.MarkedYAMLError) -> YamlError:
    problem = error.problem or error.context or "no valid YAML"
    words = next((plain for yamls, plain in _PLAIN_WORDS.items() if yamls in problem), problem)
    mark = error.problem_mark or error.context_mark
    # Whoever left a quote or a bracket open wants the line where it was opened.
    if error.context_mark is not None and (
        "never closed" in words or "without its ]" in words or "without its }" in words
    ):
        mark = error.context_mark
    return YamlError(words, mark.line + 1, mark.column + 1) if mark else YamlError(words)


def _unreadable_character(text: str, error: yaml.reader.ReaderError) -> YamlError:
    before = text[: error.position]
    line = before.count("\n") + 1
    return YamlError("a control character; remove it", line, len(before) - before.rfind("\n"))
