"""The account in a folder: one SQLite file, written before anything is acknowledged or pushed.

One transaction a step. In WAL mode a commit is in the operating system's hands when it returns, so
a process killed at any moment loses no acknowledged order or execution; a power cut may lose the
last moments (`synchronous=NORMAL`), which is as much as a simulator promises. The file is locked
while it is open: two simulators on one folder would each believe in their own account.
Measured on a laptop-class core: see docs/simulator.md, "What a restart keeps".
"""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tradefleet.simulation.account.ledger import Position, Wallet
from tradefleet.simulation.account.orders import SPOT, Fill, Order
from tradefleet.simulation.account.state import AccountState, Counters, Settings, Step, Transaction

FILE_NAME: Final = "account.sqlite"
FORMAT: Final = 3
OLDER_FORMATS: Final = (1, 2)
"""1 knew no settings, no transaction log and executions of trades only, 2 no spot; both are brought up
to date."""

APPLICATION_ID: Final = 0x7F1EE701

_SCHEMA: Final = """
CREATE TABLE identity (salt TEXT NOT NULL, uid TEXT NOT NULL, created_ns INTEGER NOT NULL);
CREATE TABLE account (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), wallet TEXT NOT NULL, counters TEXT NOT NULL);
CREATE TABLE positions (symbol TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE orders (
    number INTEGER PRIMARY KEY, order_id TEXT NOT NULL UNIQUE, link_id TEXT UNIQUE, symbol TEXT NOT NULL,
    status TEXT NOT NULL, is_open INTEGER NOT NULL, is_filled INTEGER NOT NULL,
    created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX open_orders ON orders (number) WHERE is_open = 1;
CREATE TABLE executions (
    number INTEGER PRIMARY KEY, exec_id TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL, link_id TEXT NOT NULL,
    symbol TEXT NOT NULL, at_ns INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX executions_of_order ON executions (order_id);
"""

_SINCE_FORMAT_2: Final = """
ALTER TABLE account ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE executions ADD COLUMN exec_type TEXT NOT NULL DEFAULT 'Trade';
CREATE TABLE transactions (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, symbol TEXT NOT NULL, at_ns INTEGER NOT NULL,
    execution INTEGER, body TEXT NOT NULL);
"""

_SINCE_FORMAT_3: Final = """
ALTER TABLE account ADD COLUMN coins TEXT NOT NULL DEFAULT '{}';
ALTER TABLE orders ADD COLUMN category TEXT NOT NULL DEFAULT 'linear';
ALTER TABLE executions ADD COLUMN category TEXT NOT NULL DEFAULT 'linear';
ALTER TABLE transactions ADD COLUMN category TEXT NOT NULL DEFAULT 'linear';
ALTER TABLE transactions ADD COLUMN coin TEXT NOT NULL DEFAULT 'USDT';
"""

_PUT_ORDER: Final = """
INSERT INTO orders
    (number, order_id, link_id, symbol, status, is_open, is_filled, created_ns, updated_ns, body, category)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE SET status = excluded.status, is_open = excluded.is_open,
    is_filled = excluded.is_filled, updated_ns = excluded.updated_ns, body = excluded.body"""

_PUT_FILL: Final = "INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_TRANSACTION: Final = "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_EXECUTION: Final = "SELECT body FROM executions WHERE executions.number = transactions.execution"
_PUT_POSITION: Final = "INSERT OR REPLACE INTO positions VALUES (?, ?)"
_PUT_ACCOUNT: Final = "INSERT OR REPLACE INTO account VALUES (1, ?, ?, ?, ?)"

Value = TypeVar("Value")


class StateError(Exception):
    """The account's file cannot be used; the message names it and says what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, newest first. before: only numbers below it (the cursor). category, coin: all when "".
    Times int64 ns."""

    category: str = ""
    coin: str = ""
    symbols: tuple[str, ...] | None = None
    order_id: str = ""
    link_id: str = ""
    status: str = ""
    since_ns: int | None = None
    until_ns: int | None = None
    before: int | None = None
    limit: int = 50


class StateStore:
    """The file, open. Every method raises StateError when the file fails it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._sql = connection

    @classmethod
    def open(cls, folder: Path, uid: str, start_balance: Decimal, now_ns: int) -> "StateStore":
        """Opens the folder's account, or makes a new one with this balance (settle currency)."""
        path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                folder, f"cannot make this folder: {error.strerror}; name another one"
            ) from error
        with _explained(path):
            connection = sqlite3.connect(path, isolation_level=None, timeout=1.0)
            try:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                store = cls(path, connection)
                store._prepare(uid, start_balance, now_ns)
            except BaseException:
                connection.close()
                raise
        return store

    def close(self) -> None:
        """Closes the file; it may then be opened again."""
        self._sql.close()

    def _prepare(self, uid: str, start_balance: Decimal, now_ns: int) -> None:
        version = self._one("PRAGMA user_version")
        if version == 0 and self._one("SELECT count(*) FROM sqlite_master") == 0:
            self._create(uid, start_balance, now_ns)
            return
        if self._one("PRAGMA application_id") != APPLICATION_ID:
            raise StateError(self.path, "is not an account of the simulator; name another folder")
        if version not in (FORMAT, *OLDER_FORMATS):
            raise StateError(
                self.path,
                f"has format {version}, this program reads format {FORMAT}: "
                "use the program that wrote it, or start a new account in another folder",
            )
        damage = self._one("PRAGMA quick_check(1)")
        if damage != "ok":
            raise StateError(self.path, f"is damaged ({damage}); restore it or name another folder")
        owner = self._one("SELECT uid FROM identity")
        if owner != uid:
            raise StateError(self.path, f"belongs to uid {owner}, not {uid}; name another folder")
        if version in OLDER_FORMATS:
            with self._transaction():
                self._bring_up_to_date(int(str(version)))

    def _create(self, uid: str, start_balance: Decimal, now_ns: int) -> None:
        wallet = Wallet(start=start_balance, balance=start_balance)
        with self._transaction():
            for statement in _SCHEMA.split(";"):
                self._sql.execute(statement)
            self._bring_up_to_date(1)
            self._sql.execute("INSERT INTO identity VALUES (?, ?, ?)", (secrets.token_hex(16), uid, now_ns))
            self._sql.execute(_PUT_ACCOUNT, (_text(wallet), _text(Counters()), "{}", "{}"))
            self._sql.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _bring_up_to_date(self, version: int) -> None:
        since = (_SINCE_FORMAT_2 if version < 2 else "") + _SINCE_FORMAT_3
        for statement in since.split(";"):
            self._sql.execute(statement)
        self._sql.execute(f"PRAGMA user_version = {FORMAT}")

    def load(self) -> AccountState:
        """The account as of the last commit."""
        with _explained(self.path):
            salt = self._one("SELECT salt FROM identity")
            columns = self._sql.execute("SELECT wallet, counters, settings, coins FROM account").fetchone()
            wallet, counters, settings, coins = columns
            positions = [
                _value(body, Position) for (body,) in self._sql.execute("SELECT body FROM positions")
            ]
            orders = [
                _value(body, Order)
                for (body,) in self._sql.execute("SELECT body FROM orders WHERE is_open = 1 ORDER BY number")
            ]
            return AccountState(
                salt=str(salt),
                wallet=_value(wallet, Wallet),
                positions={position.key: position for position in positions},
                orders={order.order_id: order for order in orders if order.category != SPOT},
                spot_orders={order.order_id: order for order in orders if order.category == SPOT},
                coins=_value(coins, dict[str, Decimal]),
                counters=_value(counters, Counters),
                settings=_value(settings, Settings),
            )

    def commit(self, step: Step, state: AccountState) -> None:
        """Writes what the step changed, all of it or nothing."""
        with _explained(self.path), self._transaction():
            self._sql.executemany(
                _PUT_ORDER, [_order_columns(order) for order in step.final_orders().values()]
            )
            self._sql.executemany(_PUT_FILL, [_fill_columns(fill) for fill in step.fills])
            self._sql.executemany(
                _PUT_POSITION,
                [(key, _text(position)) for key, position in step.final_positions().items()],
            )
            self._sql.executemany(
                _PUT_TRANSACTION, [_transaction_columns(each) for each in step.transactions]
            )
            account = (
                _text(state.wallet),
                _text(state.counters),
                _text(state.settings),
                _text(state.coins),
            )
            self._sql.execute(_PUT_ACCOUNT, account)

    def link_is_used(self, link_id: str) -> bool:
        """Has an order of this account, ever, had this orderLinkId?"""
        with _explained(self.path):
            found = self._sql.execute("SELECT 1 FROM orders WHERE link_id = ?", (link_id,)).fetchone()
            return found is not None

    def ended_orders(self, query: HistoryQuery, hide_unfilled_before_ns: int) -> list[Order]:
        """Orders that have ended, newest first; those without fills only while they are young."""
        clauses = ["is_open = 0", "(is_filled = 1 OR updated_ns >= ?)"]
        values: list[object] = [hide_unfilled_before_ns]
        _narrow(clauses, values, query, "created_ns")
        if query.status:
            clauses.append("status = ?")
            values.append(query.status)
        return [_value(body, Order) for body in self._bodies("orders", clauses, values, query.limit)]

    def executions(self, query: HistoryQuery, exec_type: str = "") -> list[Fill]:
        """Executions (of one type), newest first."""
        clauses: list[str] = []
        values: list[object] = []
        _narrow(clauses, values, query, "at_ns")
        if exec_type:
            clauses.append("exec_type = ?")
            values.append(exec_type)
        return [_value(body, Fill) for body in self._bodies("executions", clauses, values, query.limit)]

    def transactions(self, query: HistoryQuery, kind: str = "") -> list[Transaction]:
        """Movements of the wallet (of one type), newest first."""
        clauses: list[str] = []
        values: list[object] = []
        _narrow(clauses, values, query, "at_ns")
        if query.coin:
            clauses.append("coin = ?")
            values.append(query.coin)
        if kind:
            clauses.append("kind = ?")
            values.append(kind)
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        statement = f"SELECT body, ({_EXECUTION}) FROM transactions {where} ORDER BY number DESC LIMIT ?"
        with _explained(self.path):
            rows = self._sql.execute(statement, [*values, query.limit]).fetchall()
            return [
                msgspec.structs.replace(
                    _value(body, Transaction), fill=None if fill is None else _value(fill, Fill)
                )
                for body, fill in rows
            ]

    def _bodies(self, table: str, clauses: Sequence[str], values: list[object], limit: int) -> list[str]:
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        statement = f"SELECT body FROM {table} {where} ORDER BY number DESC LIMIT ?"
        with _explained(self.path):
            return [body for (body,) in self._sql.execute(statement, [*values, limit])]

    def _one(self, statement: str) -> object:
        row = self._sql.execute(statement).fetchone()
        return row[0] if row else None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK")
            raise
        self._sql.execute("COMMIT")


def _narrow(clauses: list[str], values: list[object], query: HistoryQuery, time_column: str) -> None:
    """Adds the conditions that orders and executions share."""
    conditions: list[tuple[str, object]] = []
    if query.order_id:
        conditions.append(("order_id = ?", query.order_id))
    elif query.link_id:
        conditions.append(("link_id = ?", query.link_id))
    if query.since_ns is not None:
        conditions.append((f"{time_column} >= ?", query.since_ns))
    if query.until_ns is not None:
        conditions.append((f"{time_column} <= ?", query.until_ns))
    if query.before is not None:
        conditions.append(("number < ?", query.before))
    for clause, value in conditions:
        clauses.append(clause)
        values.append(value)
    if query.category:
        clauses.append("category = ?")
        values.append(query.category)
    if query.symbols is not None:
        clauses.append(f"symbol IN ({','.join('?' * len(query.symbols))})")
        values.extend(query.symbols)


def _order_columns(order: Order) -> tuple[object, ...]:
    return (
        order.number,
        order.order_id,
        order.order_link_id or None,
        order.symbol,
        order.status.value,
        int(not order.status.is_terminal),
        int(order.cum_exec_qty > 0),
        order.created_ns,
        order.updated_ns,
        _text(order),
        order.category,
    )


def _fill_columns(fill: Fill) -> tuple[object, ...]:
    return (
        fill.number,
        fill.exec_id,
        fill.order_id,
        fill.order_link_id,
        fill.symbol,
        fill.at_ns,
        _text(fill),
        fill.exec_type.value,
        fill.category,
    )


def _transaction_columns(each: Transaction) -> tuple[object, ...]:
    fill = each.fill
    symbol, execution, category = (
        ("", None, "") if fill is None else (fill.symbol, fill.number, fill.category)
    )
    body = msgspec.structs.replace(each, fill=None)  # its execution has a row of its own
    return (each.number, each.kind.value, symbol, each.at_ns, execution, _text(body), category, each.coin)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _value(text: str, kind: type[Value]) -> Value:
    return msgspec.json.decode(text, type=kind)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns SQLite's and the decoder's errors into one that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        hint = "another simulator may be using it" if "locked" in str(error) else "can it be written?"
        raise StateError(path, f"cannot be used ({error}); {hint}") from error
    except sqlite3.DatabaseError as error:
        raise StateError(path, f"is damaged ({error}); restore it or name another folder") from error
    except (msgspec.DecodeError, TypeError) as error:
        raise StateError(path, f"holds a row that cannot be read ({error}); restore it") from error
