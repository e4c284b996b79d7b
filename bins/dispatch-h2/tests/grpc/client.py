"""A gRPC client of bytes: client.py PORT CERTIFICATE CASE. Exits with 0 where all is as it should be."""
import sys, threading, time
import grpc

port, certificate, case = sys.argv[1:4]
options = [
    ("grpc.ssl_target_name_override", "a.example"),
    ("grpc.default_authority", "a.example"),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
]
channel = grpc.secure_channel(
    f"127.0.0.1:{port}", grpc.ssl_channel_credentials(open(certificate, "rb").read()), options=options
)
unary = channel.unary_unary("/t.T/Unary")
out = channel.unary_stream("/t.T/Out")
into = channel.stream_unary("/t.T/In")
both = channel.stream_stream("/t.T/Both")
WAIT = 60


def code(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise SystemExit("it succeeded")


def case_unary():
    response, call = unary.with_call(b"hello", timeout=WAIT, metadata=(("x-sent", "s"),))
    assert response == b"hello", response
    assert dict(call.initial_metadata()).get("x-seen") == "s", call.initial_metadata()
    trailers = dict(call.trailing_metadata())
    assert trailers.get("x-trailer") == "t" and trailers.get("x-bytes-bin") == b"\x00\xff", trailers
    assert call.code() == grpc.StatusCode.OK


def case_many():
    calls = [unary.future(str(n).encode(), timeout=WAIT) for n in range(500)]
    for n, call in enumerate(calls):
        assert call.result() == str(n).encode()


def case_large():
    large = bytes(range(256)) * (4 << 12)
    assert len(large) == 4 << 20
    assert unary(large, timeout=WAIT) == large


def case_streams():
    assert [int(one) for one in out(b"1000", timeout=WAIT)] == list(range(1000))
    assert into((b"x" * 1000 for _ in range(500)), timeout=WAIT) == b"500000"


def case_both():
    """Each message is sent when the one before has come back: nothing is held anywhere."""
    gate = threading.Semaphore(1)

    def messages():
        for n in range(50):
            assert gate.acquire(timeout=WAIT)
            yield str(n).encode()

    seen = []
    for one in both(messages(), timeout=WAIT):
        seen.append(int(one))
        gate.release()
    assert seen == list(range(50)), seen


def case_fail():
    error = code(lambda: channel.unary_unary("/t.T/Fail")(b"", timeout=WAIT))
    assert error.code() == grpc.StatusCode.NOT_FOUND, error
    assert error.details() == "no such thing: \u00e4%", error.details()
    assert dict(error.trailing_metadata()).get("x-why") == "told"


def case_cancel():
    call = channel.unary_unary("/t.T/Slow").future(b"", timeout=WAIT)
    time.sleep(0.5)
    call.cancel()
    assert channel.unary_unary("/t.T/WasCancelled")(b"", timeout=2 * WAIT) == b"yes"


def case_deadline():
    error = code(lambda: channel.unary_unary("/t.T/Slow")(b"", timeout=0.5))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    left = float(channel.unary_unary("/t.T/Left")(b"", timeout=WAIT))
    # It is rounded up on the way.
    assert 0 < left < 2 * WAIT, left


def expect(wanted, method="Unary"):
    error = code(lambda: channel.unary_unary("/t.T/" + method)(b"x" * 100, timeout=WAIT))
    assert error.code() == getattr(grpc.StatusCode, wanted), error


if case.startswith("code:"):
    expect(*case[5:].split(":"))
else:
    globals()["case_" + case]()
print("ok", case)
