"""A Kubernetes object to a TradingBot, or everything that is wrong with it at once.

The local fleet loads a file, a pod decodes what the API server sent; both come through here, so a
bot means the same in both. Fields are read by walking the types (schema_walk), each value is
checked against its annotation (values), then the rules between fields are asked (rules).
"""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tradefleet.spec.bot import API_VERSION, KIND, BotSpec, Metadata, TradingBot
from tradefleet.spec.former import SWITCHES
from tradefleet.spec.market import Section
from tradefleet.spec.problems import Problem, SpecError, nearest, shown
from tradefleet.spec.rules import broken
from tradefleet.spec.schema_walk import Member, leaves, members, unbuilt_subject
from tradefleet.spec.values import Wrong, checked
from tradefleet.spec.yaml_text import parse

LARGEST_BYTES = 1_048_576
"""etcd refuses objects of about this size, so no file that is larger can be a TradingBot."""

# What Kubernetes itself writes beside a bot's name and namespace; let through unread.
_OBJECT_METADATA = (
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
_OBJECT_KEYS = ("apiVersion", "kind", "metadata", "spec", "status")

AnySection = TypeVar("AnySection", bound=Section)


def load_bot(path: Path) -> TradingBot:
    """The bot in one YAML file; raises SpecError, also when the file cannot be read."""
    source = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise SpecError([Problem(source, "", "", "there is no such file")]) from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SpecError([Problem(source, "", "", f"cannot be read: {reason}")]) from None
    return decode_bot(raw, source)


def decode_bot(raw: bytes | Mapping[str, Any], source: str) -> TradingBot:
    """The bot in YAML (or JSON) text, or in an object that is decoded already.

    source: how errors call the place it came from. Raises SpecError with every problem found.
    """
    document, repeated = (raw, []) if isinstance(raw, Mapping) else parse(_as_text(raw, source), source)
    if document is None:
        raise SpecError([Problem(source, "", "", f"is empty; a {KIND} is expected")])
    if not isinstance(document, Mapping):
        raise SpecError([Problem(source, "", shown(document), f"is not a {KIND}; a mapping is expected")])
    reader = _Reader(source, repeated)
    bot = reader.bot(document)
    if reader.problems:
        raise SpecError(reader.problems)
    return bot


def _as_text(raw: bytes, source: str) -> str:
    if len(raw) > LARGEST_BYTES:
        raise SpecError([Problem(source, "", "", f"is larger than {LARGEST_BYTES} bytes")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"is not text in UTF-8 (byte {error.start})"
        raise SpecError([Problem(source, "", "", message)]) from None


class _Reader:
    """One reading of one object; what is wrong is noted and the default taken, so that all is found."""

    def __init__(self, source: str, problems: Iterable[Problem] = ()) -> None:
        self._source = source
        self.problems = list(problems)

    def bot(self, document: Mapping[Any, Any]) -> TradingBot:
        for key in document:
            if key not in _OBJECT_KEYS:
                self._note(str(key), "", f"is unknown{nearest(key, _OBJECT_KEYS)}")
        self._expect(document, "apiVersion", API_VERSION)
        self._expect(document, "kind", KIND)
        metadata = self._section(Metadata, document.get("metadata"), "metadata", let_through=_OBJECT_METADATA)
        spec = self._section(BotSpec, document.get("spec"), "spec")
        wrong_paths = tuple(problem.path for problem in self.problems)
        for path, value, message in broken(spec, wrong_paths):
            self._note(path, value, message)
        return TradingBot(metadata=metadata, spec=spec)

    def _note(self, path: str, value: str, message: str) -> None:
        self.problems.append(Problem(self._source, path, value, message))

    def _expect(self, document: Mapping[Any, Any], key: str, right: str) -> None:
        value = document.get(key)
        if value is None:
            self._note(key, "", f"is missing; write {key}: {right}")
        elif value != right:
            self._note(key, shown(value), f"is not {right}")

    def _section(
        self, kind: type[AnySection], raw: Any, path: str, let_through: Collection[str] = ()
    ) -> AnySection:
        known = {member.key: member for member in members(kind)}
        if raw is False and path in SWITCHES:
            raw = None
        if raw is not None and not isinstance(raw, Mapping):
            self._note(path, shown(raw), f"is not a section; below it go {', '.join(known)}")
            return _Reader(self._source)._section(kind, {}, path)
        given = raw or {}
        for key in given:
            if key not in known and key not in let_through:
                self._note(f"{path}.{key}", "", f"is unknown{_meant(str(key), [*known, *let_through])}")
        values: dict[str, Any] = {}
        for member in known.values():
            self._member(member, given.get(member.key), f"{path}.{member.key}", values)
        return kind(**values)

    def _member(self, member: Member, raw: Any, path: str, values: dict[str, Any]) -> None:
        if member.section is not None:
            values[member.attribute] = self._section(member.section, raw, path)
        elif raw is None:
            if member.required:
                self._note(path, "", f"is missing: {member.about.description}")
                values[member.attribute] = member.type()
        else:
            try:
                value = checked(member.type, member.about, raw)
            except Wrong as wrong:
                for below, shown_value, message in wrong.misfits:
                    self._note(path + below, shown_value, message)
                values[member.attribute] = member.type() if member.required else member.default
            else:
                self._refuse_unbuilt(member, value, raw, path)
                values[member.attribute] = value

    def _refuse_unbuilt(self, member: Member, value: Any, raw: Any, path: str) -> None:
        subject = unbuilt_subject(path)
        if subject is None or value == member.default:
            return
        default = "" if isinstance(value, list | dict) else f" ({shown(member.default)})"
        self._note(
            path, shown(raw), f"is not the default{default}, and {subject} is not built yet; leave it out"
        )


def _meant(key: str, siblings: list[str]) -> str:
    """What an unknown key was meant to be: a near name beside it, or the same name elsewhere."""
    near = nearest(key, siblings)
    elsewhere = [leaf.path for leaf in leaves() if leaf.member.key == key]
    if elsewhere and len(elsewhere) <= 3:
        return f"; it belongs at {' or '.join(elsewhere)}"
    return near
