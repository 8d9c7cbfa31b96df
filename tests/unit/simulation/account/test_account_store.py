"""The account in its folder: what a restart keeps, and what is refused instead of guessed."""

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradefleet.domain.orders import Side
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.account.store import FILE_NAME, StateError, StateStore

Trader = Any


def test_a_restart_finds_the_account_as_it_was(trader: Trader) -> None:
    trader.create("Buy", "1.5", stopLoss="59000", takeProfit="61000", orderLinkId="entry")
    trader.create("Buy", "1", "59999.9")
    trader.create("Buy", "0.1", triggerPrice="60500", triggerDirection=1)
    trader.create("Sell", "0.2", "60050", reduceOnly=True)
    trader.create("Sell", "30", symbol="DOGEUSDT", stopLoss="0.3")
    trader.sell_trade("59999.9", "1.3")
    trader.exchange.set_leverage(
        {"category": "linear", "symbol": "DOGEUSDT", "buyLeverage": "3", "sellLeverage": "3"}
    )
    fills = trader.fills()

    before = trader.restart().engine.state

    assert trader.exchange.engine.state == before
    assert trader.fills() == fills
    assert len(before.orders) == 6


def test_protection_still_fires_after_a_restart(trader: Trader) -> None:
    trader.create("Buy", "0.5", stopLoss="59000")
    trader.restart()

    trader.sell_trade("59000")

    assert trader.size() == 0


def test_a_resting_order_queues_anew_after_a_restart(trader: Trader) -> None:
    order = trader.create("Buy", "0.5", "59999.9")
    trader.sell_trade("59999.9", "0.9")
    trader.restart()

    trader.sell_trade("59999.9", "0.9")
    behind = trader.order(order).cum_exec_qty
    trader.sell_trade("59999.9", "0.2")

    assert behind == 0
    assert trader.order(order).cum_exec_qty == Decimal("0.1")


def test_ids_stay_unique_over_restarts_and_differ_between_accounts(trader: Trader, tmp_path: Path) -> None:
    first = trader.create("Buy", "0.1", "59000")
    trader.restart()
    second = trader.create("Buy", "0.1", "59000")
    other = StateStore.open(tmp_path / "other", "100001", Decimal(1), 1)

    assert first.order_id != second.order_id
    assert other.load().salt != trader.exchange.engine.state.salt
    other.close()


def test_the_start_balance_belongs_to_a_new_folder_only(trader: Trader) -> None:
    trader.exchange.close()

    trader.exchange = SimulatedExchange(
        trader.market, trader.folder, api_key="k", api_secret="s", start_balance=Decimal(5)
    )

    assert trader.exchange.engine.state.wallet.balance == 1_000_000


def test_an_order_is_on_disk_before_create_returns(trader: Trader) -> None:
    order = trader.create("Buy", "0.1", orderLinkId="durable")

    # The file is locked while it is open: look at a copy of what has reached the operating system.
    copy = trader.folder.parent / "copy"
    copy.mkdir()
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        (copy / name).write_bytes((trader.folder / name).read_bytes())
    store = StateStore.open(copy, "100001", Decimal(1), 1)

    assert store.link_is_used("durable")
    assert store.load().positions["BTCUSDT"].size == order.qty
    store.close()


# ---- what cannot be used


def corrupt(path: Path) -> None:
    path.write_bytes(b"this is not a database, whatever its name says" * 100)


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def other_format(path: Path) -> None:
    _sql(path, "PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    path.unlink()
    _sql(path, "CREATE TABLE somebody_elses (x)")


def unreadable_row(path: Path) -> None:
    _sql(path, 'UPDATE account SET wallet = \'{"start": "abc"}\'')


def _sql(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (corrupt, "is damaged"),
        (cut_in_half, "is damaged"),
        (other_format, "has format 99, this program reads format 3"),
        (foreign, "is not an account of the simulator"),
        (unreadable_row, "holds a row that cannot be read"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_by_name(
    trader: Trader, spoil: Callable[[Path], None], text: str
) -> None:
    trader.create("Buy", "0.1")
    trader.exchange.close()
    path = trader.folder / FILE_NAME
    spoil(path)

    with pytest.raises(StateError, match=text) as error:
        StateStore.open(trader.folder, "100001", Decimal(1), 1).load()

    assert str(path) in str(error.value)


def test_a_second_simulator_on_the_same_folder_is_refused(trader: Trader) -> None:
    with pytest.raises(StateError, match="another simulator may be using it"):
        StateStore.open(trader.folder, "100001", Decimal(1), 1)


def test_a_folder_of_another_uid_is_refused(trader: Trader) -> None:
    trader.exchange.close()

    with pytest.raises(StateError, match="belongs to uid 100001, not 7"):
        StateStore.open(trader.folder, "7", Decimal(1), 1)


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateError, match="cannot make this folder"):
        StateStore.open(tmp_path / "file" / "state", "1", Decimal(1), 1)


def test_a_folder_with_positions_in_an_absent_symbol_is_refused(trader: Trader) -> None:
    trader.create("Buy", "30", symbol="DOGEUSDT")
    trader.exchange.close()
    market = HandMarket([trader.market.instruments["BTCUSDT"]], trader.clock)

    with pytest.raises(StateError, match="DOGEUSDT, which this market does not have"):
        SimulatedExchange(market, trader.folder, api_key="k", api_secret="s")


def test_a_state_that_cannot_be_written_ends_the_exchange(trader: Trader) -> None:
    trader.exchange.store._sql.execute("DROP TABLE executions")

    with pytest.raises(StateError):
        trader.create("Buy", "0.1")
    with pytest.raises(StateError):
        trader.create("Buy", "0.1", "59000")

    assert trader.published == []
    with pytest.raises(StateError):
        trader.market.restate("BTCUSDT", Side.BUY, {"59999.9": "1"})


SINCE_FORMAT_3 = (
    "ALTER TABLE account DROP COLUMN coins",
    "ALTER TABLE orders DROP COLUMN category",
    "ALTER TABLE executions DROP COLUMN category",
    "PRAGMA user_version = 2",
)
SINCE_FORMAT_2 = (
    "DROP TABLE transactions",
    "ALTER TABLE account DROP COLUMN settings",
    "ALTER TABLE executions DROP COLUMN exec_type",
    "PRAGMA user_version = 1",
)
WITHOUT_SPOT = (
    "ALTER TABLE transactions DROP COLUMN category",
    "ALTER TABLE transactions DROP COLUMN coin",
)


@pytest.mark.parametrize(
    "back",
    [(*SINCE_FORMAT_3, *WITHOUT_SPOT), (*SINCE_FORMAT_3, *SINCE_FORMAT_2)],
    ids=["format 2", "format 1"],
)
def test_a_file_of_an_older_format_is_brought_up_to_date(trader: Trader, back: tuple[str, ...]) -> None:
    trader.create("Buy", "0.1")
    before = trader.exchange.engine.state
    trader.exchange.close()
    path = trader.folder / FILE_NAME
    for statement in back:
        _sql(path, statement)

    store = StateStore.open(trader.folder, "100001", Decimal(1), 1)
    state = store.load()
    store.close()

    assert (state.wallet, state.positions) == (before.wallet, before.positions)
    trader.restart()
    trader.exchange.fund("BTCUSDT", Decimal("0.0001"))
    assert [fill.exec_type.value for fill in trader.fills()] == ["Trade", "Funding"]
