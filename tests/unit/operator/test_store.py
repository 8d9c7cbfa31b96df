"""What the operator knows: the newest version of each object, its own writes included."""

from typing import Any

from tests.support.bots import make_bot

from tradefleet_operator.objects import Ref, ref_of
from tradefleet_operator.store import Store, bot_of


def version(number: int, uid: str = "u", **labels: str) -> dict[str, Any]:
    meta = {
        "name": "one",
        "namespace": "n",
        "uid": uid,
        "resourceVersion": str(number),
        "labels": {f"tradefleet.dev/{key}": value for key, value in labels.items()},
    }
    return {"kind": "Deployment", "metadata": meta}


ONE = Ref("Deployment", "n", "one")


def test_an_older_version_that_a_watch_brings_late_is_ignored() -> None:
    store = Store()
    store.put(version(7))

    assert store.put(version(5)) is False
    assert store.get(ONE) == version(7)


def test_a_late_word_of_a_deleted_object_does_not_bring_it_back() -> None:
    store = Store()
    store.put(version(7))
    store.remove(ONE)

    assert store.put(version(6)) is False
    assert store.get(ONE) is None


def test_an_object_made_anew_under_the_old_name_is_taken() -> None:
    store = Store()
    store.put(version(7))
    store.remove(ONE)

    assert store.put(version(9, uid="another"))
    assert store.get(ONE) == version(9, uid="another")


def test_the_end_of_an_earlier_life_does_not_remove_the_next_one() -> None:
    store = Store()
    store.put(version(9, uid="second"))

    store.remove(ONE, uid="first")

    assert store.get(ONE) is not None


def test_objects_are_found_by_their_bot() -> None:
    store = Store()
    bot = make_bot(name="alpha")
    store.put(bot)
    store.put(version(1, bot="alpha"))
    store.put({**version(1, bot="beta"), "kind": "Service"})

    assert list(store.of_bot("n", "alpha")) == [ONE]
    assert list(store.bots()) == [ref_of(bot)]
    assert bot_of(version(1, bot="alpha")) == ("n", "alpha")
    assert bot_of(version(1)) is None
