"""What is signed of a request: the time, the key, the window and the bytes, in this order, no more."""

from tradefleet.adapters.bybit.signing import auth_request, request_headers, sign


def test_a_request_is_signed_over_its_time_key_window_and_payload() -> None:
    headers = request_headers(
        "K",
        "S",
        timestamp_ms=1795373527657,
        recv_window_ms=5000,
        payload="category=linear&cursor=page_args%3Dfd43%26symbol%3D6%26&openOnly=0&symbol=BTCUSDT",
    )

    # The recorded vector of reference B1.
    assert headers == {
        "X-BAPI-API-KEY": "K",
        "X-BAPI-TIMESTAMP": "1795373527657",
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": "54f4aaf68d78e76997ef56f0ec4dc46849a5b575f51ecd4737c05d01aaa4ced4",
        "Content-Type": "application/json",
    }


def test_the_first_frame_of_the_private_stream_is_signed_over_its_end() -> None:
    frame = auth_request("K", "S", expires_ms=1795373586527)

    signature = "71cfc6e48a7cadd1dc26ce6f84aaa83e10ce5e6547b139cfda3739717672d297"
    assert frame == {"op": "auth", "args": ["K", 1795373586527, signature]}


def test_a_signature_is_of_the_secret_and_of_the_text() -> None:
    assert len({sign("S", "text"), sign("T", "text"), sign("S", "texts")}) == 3
