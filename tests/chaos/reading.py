"""Reads the books that are judged: the exchange by a client that is not ours, the journal by plain SQL."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
from pybit.unified_trading import HTTP
from tests.chaos.books import Books, ExecutionAt, IntentAt, LatchAt, LimitAt, OrderAt, PositionAt, SignedAt
from tests.support.exchange_proxy import Create
from tests.support.executor_world import KEY, SECRET

LOG = """
CREATE TABLE IF NOT EXISTS chaos_log
    (kind text, key text, number bigint, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE OR REPLACE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'leases' THEN
        INSERT INTO chaos_log (kind, key, number) VALUES ('grant', NEW.account, NEW.epoch);
    ELSIF TG_TABLE_NAME = 'intents' THEN
        INSERT INTO chaos_log (kind, key) VALUES ('intent', NEW.client_order_id);
    ELSE
        INSERT INTO chaos_log (kind, key, number) VALUES
            ('limit', NEW.generation::text, (NEW.payload->'spec'->'risk'->>'maxPositions')::bigint);
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER chaos_first AFTER INSERT ON leases FOR EACH ROW EXECUTE FUNCTION chaos_note();
CREATE OR REPLACE TRIGGER chaos_next AFTER UPDATE ON leases FOR EACH ROW
    WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION chaos_note();
CREATE OR REPLACE TRIGGER chaos_intent AFTER INSERT ON intents FOR EACH ROW EXECUTE FUNCTION chaos_note();
CREATE OR REPLACE TRIGGER chaos_limit AFTER INSERT ON config_history FOR EACH ROW
    EXECUTE FUNCTION chaos_note();
"""
"""What the tables overwrite and the judge must know: when a row was first there."""

_MILLISECOND_NS = 1_000_000


def _ns(expression: str) -> str:
    return f"(extract(epoch FROM {expression}) * 1000000000)::bigint"


_INTENTS = f"""
SELECT i.client_order_id, signal_id, leg, intent_epoch AS epoch, symbol, position_idx, state, final, payload,
       created_ns,
       valid_until_ns, {_ns("(SELECT min(at) FROM chaos_log WHERE key = i.client_order_id)")} AS inserted_ns
FROM intents i
"""
_EXECUTIONS = """
SELECT exec_id, client_order_id, symbol, CASE side WHEN 'Buy' THEN qty ELSE -qty END AS qty, at_ns,
       (payload->>'closed_qty')::numeric AS closed
FROM executions WHERE exec_type <> 'Funding'
"""
_LATCHES = f"SELECT latch_id, kind, engaged_ns, {_ns('cleared_at')} AS cleared_ns FROM latches"
_NOTES = f"SELECT kind, number, {_ns('min(at)')} AS at_ns FROM chaos_log GROUP BY kind, key, number"


def name_of(symbol: str, position_idx: int) -> str:
    """Of a position: the symbol, with its leg behind it in hedge mode."""
    return f"{symbol}/{position_idx}" if position_idx else symbol


def _leg(symbol: str, qty: Decimal, closed: Decimal, hedged: bool) -> str:
    """The position that an execution belongs to. A sale that closed something is of the long leg."""
    return name_of(symbol, (1 if (qty > 0) is (closed == 0) else 2) if hedged else 0)


class Exchange:
    """The exchange's lists, to the last page, by pybit; nothing that it hides from a user is seen."""

    def __init__(self, address: str) -> None:
        self._client = HTTP(api_key=KEY, api_secret=SECRET)
        self._client.endpoint = f"http://{address}"

    def pages(self, method: str, **query: Any) -> list[dict[str, Any]]:
        """All rows."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            result = getattr(self._client, method)(category="linear", **query, **more)["result"]
            rows += result["list"]
            cursor = result.get("nextPageCursor") or ""
            if not result["list"] or not cursor:
                return rows

    def books(self, hedged: bool) -> dict[str, Any]:
        """Orders, executions and positions."""
        live = self.pages("get_open_orders", settleCoin="USDT", limit=50)
        over = self.pages("get_order_history", limit=50)
        orders = {row["orderId"]: row for row in (*live, *over)}
        return {
            "orders": tuple(map(_order, orders.values())),
            "executions": tuple(_execution(row, hedged) for row in self.pages("get_executions", limit=100)),
            "positions": tuple(
                position
                for position in map(_position, self.pages("get_positions", settleCoin="USDT", limit=200))
                if position.size
            ),
        }


async def journal_books(dsn: str, hedged: bool, ahead_ns: int) -> dict[str, Any]:
    """Everything of the journal. ahead_ns: by so much all other clocks are ahead of the database's."""
    connection = await asyncpg.connect(dsn)
    try:
        intents = [_intent(dict(row), ahead_ns) for row in await connection.fetch(_INTENTS)]
        counted = [_counted(dict(row), hedged) for row in await connection.fetch(_EXECUTIONS)]
        sizes = await connection.fetch("SELECT symbol, position_idx, size FROM positions WHERE size <> 0")
        latches = [_latch(dict(row), ahead_ns) for row in await connection.fetch(_LATCHES)]
        notes = await connection.fetch(_NOTES)
    finally:
        await connection.close()
    return {
        "intents": tuple(intents),
        "counted": tuple(counted),
        "sizes": tuple(
            PositionAt(symbol=name_of(row["symbol"], row["position_idx"]), size=row["size"], has_stop=True)
            for row in sizes
        ),
        "latches": tuple(latches),
        "limits": tuple(
            LimitAt(max_positions=row["number"], since_ns=row["at_ns"] + ahead_ns)
            for row in notes
            if row["kind"] == "limit" and row["number"] is not None
        ),
        "grants": {row["number"]: row["at_ns"] + ahead_ns for row in notes if row["kind"] == "grant"},
    }


async def read_books(
    address: str,
    dsn: str,
    creates: Sequence[Create],
    *,
    naked: Sequence[str],
    raised: Sequence[str],
    by_hand: Sequence[str],
    late_flat: Sequence[str] = (),
    off_grid: Sequence[str] = (),
    per_symbol: int = 1,
    ahead_ns: int = 0,
    shares: Sequence[Decimal] = (),
    hedged: bool = False,
) -> Books:
    """Both sides. creates: what has left the executors. shares: of the parts of a position. hedged: a symbol
    has two positions."""
    exchange = await asyncio.to_thread(lambda: Exchange(address).books(hedged))
    signed = tuple(
        SignedAt(client_order_id=create.client_order_id, signed_ns=create.signed_ms * _MILLISECOND_NS)
        for create in creates
    )
    return Books(
        **exchange,
        **await journal_books(dsn, hedged, ahead_ns),
        signed=signed,
        naked=tuple(naked),
        raised=tuple(raised),
        by_hand=tuple(by_hand),
        late_flat=tuple(late_flat),
        off_grid=tuple(off_grid),
        per_symbol=0 if hedged else per_symbol,
        shares=tuple(shares),
        stacked=hedged or per_symbol > 1,
    )


def _order(row: dict[str, Any]) -> OrderAt:
    return OrderAt(
        order_id=row["orderId"],
        client_order_id=row["orderLinkId"],
        symbol=row["symbol"],
        live=row["orderStatus"] in ("New", "PartiallyFilled", "Untriggered", "Triggered"),
        executed=Decimal(row["cumExecQty"] or 0),
        created_ns=int(row["createdTime"]) * _MILLISECOND_NS,
    )


def _counted(row: dict[str, Any], hedged: bool) -> ExecutionAt:
    row["symbol"] = _leg(row["symbol"], row["qty"], row.pop("closed"), hedged)
    return ExecutionAt(**row, seq=0)


def _execution(row: dict[str, Any], hedged: bool) -> ExecutionAt:
    qty = Decimal(row["execQty"]) * (1 if row["side"] == "Buy" else -1)
    return ExecutionAt(
        exec_id=row["execId"],
        client_order_id=row["orderLinkId"],
        symbol=_leg(row["symbol"], qty, Decimal(row["closedSize"] or 0), hedged),
        qty=qty,
        at_ns=int(row["execTime"]) * _MILLISECOND_NS,
        seq=int(row["seq"]),
    )


def _position(row: dict[str, Any]) -> PositionAt:
    return PositionAt(
        symbol=name_of(row["symbol"], row["positionIdx"]),
        size=Decimal(row["size"] or 0) * (-1 if row["side"] == "Sell" else 1),
        has_stop=row["stopLoss"] not in ("", "0"),
    )


def _latch(row: dict[str, Any], ahead_ns: int) -> LatchAt:
    cleared_ns = row.pop("cleared_ns")
    return LatchAt(**row, cleared_ns=None if cleared_ns is None else cleared_ns + ahead_ns)


def _intent(row: dict[str, Any], ahead_ns: int) -> IntentAt:
    row["inserted_ns"] += ahead_ns
    record = msgspec.json.decode(row.pop("payload"))
    row["symbol"] = name_of(row["symbol"], row.pop("position_idx"))
    return IntentAt(**row, filled=Decimal(str(record.get("filled", 0))))
