"""What becomes of a calendar's links, in texts and behind buttons: parameters for them, and whether they stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from pendulum import DateTime

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import quoted
from x_provider.calendar.unmeant_links import check_unmeant_links, link_prices
from x_provider.calendar.yaml_tree import Scalar
from x_provider.text import extract_urls, tag_address, tag_links, without_links

LinkPolicy = Literal["keep", "reply", "refuse"]
LINK_FIELDS = ("links", "utm")
_POLICIES = ("keep", "reply", "refuse")
_PARAMETERS = ("source", "medium", "campaign", "content")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("calendar", "id")
_HOST = re.compile(r"\.?[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True)
class LinkRules:
    """What a calendar, or an entry of it, says about links.

    :param policy: ``keep`` them where they are, move them into a ``reply``, or ``refuse`` the entry.
    :param parameters: what links get, such as ``utm_source``, with ``{calendar}`` and ``{id}`` still in it.
    :param hosts: whose links get it; none means all.
    """

    policy: LinkPolicy = "keep"
    parameters: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()


def read_link_rules(fields: Fields, default: LinkRules) -> LinkRules:
    """Read ``links`` and ``utm``; what they do not say is taken from the default, field by field.

    ``utm: false`` leaves links alone; a blank field of ``utm`` takes that one away.
    """
    policy = fields.choice("links", _POLICIES)
    rules = replace(default, policy=cast("LinkPolicy", policy)) if policy else default
    if isinstance(fields.node("utm"), Scalar):
        return rules if fields.flag("utm") is not False else replace(rules, parameters={}, hosts=())
    utm = fields.mapping("utm", known=(*_PARAMETERS, "hosts"))
    if utm is None:
        return rules
    said = {name: utm.text(name) for name in _PARAMETERS if utm.node(name) is not None}
    own = {f"utm_{name}": (value or "").strip() for name, value in said.items()}
    merged = {**default.parameters, **own}
    parameters = {key: merged[key] for key in (f"utm_{name}" for name in _PARAMETERS) if merged.get(key)}
    if not parameters:
        hint = "Add for example source: x, or write utm: false to leave links alone"
        utm.error("source", "is missing: there is nothing to add to links", hint)
    for name in _PARAMETERS:
        for placeholder in _PLACEHOLDER.findall(own.get(f"utm_{name}", "")):
            if placeholder not in _KNOWN:
                hint = "Known are {calendar} and {id}"
                utm.error(
                    name, f"has the placeholder {quoted('{' + placeholder + '}')}, which nobody fills", hint
                )
    # An empty list is an answer too: the links of all hosts are meant.
    hosts = default.hosts if utm.node("hosts") is None else _hosts(utm)
    return replace(rules, parameters=parameters, hosts=hosts)


def _hosts(utm: Fields) -> tuple[str, ...]:
    hosts = []
    for index, node in enumerate(utm.sequence("hosts") or []):
        host = node.value.strip() if isinstance(node, Scalar) else ""
        if _HOST.fullmatch(host):
            hosts.append(host)
        else:
            hint = "Write example.com, or .example.com for it and all below it"
            utm.error(f"hosts[{index}]", f"{quoted(host)} is no name of a host", hint)
    return tuple(hosts)


class EntryLinks:
    """The links of one entry: what the rules make of them, and those that move into a reply."""

    def __init__(self, rules: LinkRules, *, calendar: str, id: str, at: DateTime | None = None) -> None:
        self._rules = rules
        self._at = at
        filled = {"calendar": calendar, "id": id}
        self._parameters = {
            name: _PLACEHOLDER.sub(lambda found: filled.get(found[1], found[0]), value)
            for name, value in rules.parameters.items()
        }
        self.moved: list[str] = []

    def apply(self, fields: Fields, text: str, *, is_reply: bool) -> str:
        """The text of one part as it is posted; what there is to say about it goes to the fields' report.

        :param is_reply: the part comes below the others, where links may be.
        """
        check_unmeant_links(fields, text, self._at)
        text = tag_links(text, self._parameters, self._rules.hosts)
        if self._rules.policy == "refuse":
            for link in extract_urls(text)[:5]:
                message = f"has the link {quoted(link)}; this calendar says links: refuse"
                fields.error("text", message, "Take it out, or write links: keep beside it")
        if self._rules.policy == "reply" and not is_reply:
            return self._move(fields, text)
        return text

    def button(self, fields: Fields, name: str) -> str | None:
        """The address that a button opens, as it is posted. No reply can have it: ``reply`` leaves it there."""
        address = fields.url(name)
        if address is None:
            return None
        if self._rules.policy == "refuse":
            message = f"opens {quoted(address)}; this calendar says links: refuse"
            fields.error(name, message, "Take it out, or write links: keep in the entry")
        return tag_address(address, self._parameters, self._rules.hosts)

    def _move(self, fields: Fields, text: str) -> str:
        left, links = without_links(text)
        if not links:
            return text
        if not left and not fields.has("media"):
            hint = "Write some words beside it, or links: keep"
            fields.error(
                "text", f"is nothing but {quoted(links[0])}, which links: reply would move away", hint
            )
            return text
        named = ", ".join(quoted(link) for link in links[:3]) + (", …" if len(links) > 3 else "")
        moves = "links move" if len(links) > 1 else "link moves"
        plain, linked = link_prices(self._at)
        price = f"without it costs {plain} instead of {linked}, the reply with it {linked}"
        message = f"{len(links)} {moves} into a reply, as links: reply says: {named}; the post {price}"
        fields.warning("text", message)
        self.moved += [link for link in links if link not in self.moved]
        return left
