"""A gRPC server of bytes: server.py PORT. It says what it notes on standard output."""
import sys, threading, time
from concurrent import futures
import grpc

port = int(sys.argv[1])
cancelled = threading.Event()


def unary(request, context):
    fields = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-seen", fields.get("x-sent", "")),))
    context.set_trailing_metadata((("x-trailer", "t"), ("x-bytes-bin", b"\x00\xff")))
    return request


def stream_out(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def stream_in(requests, context):
    return str(sum(len(one) for one in requests)).encode()


def both(requests, context):
    for one in requests:
        yield one


def fail(request, context):
    context.set_trailing_metadata((("x-why", "told"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: \u00e4%")


def slow(request, context):
    context.add_callback(cancelled.set)
    while not cancelled.wait(0.05):
        pass
    return b""


def was_cancelled(request, context):
    return b"yes" if cancelled.wait(60) else b"no"


def left(request, context):
    """The time that is left for the call, in seconds."""
    return str(context.time_remaining()).encode()


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Out": grpc.unary_stream_rpc_method_handler(stream_out),
    "In": grpc.stream_unary_rpc_method_handler(stream_in),
    "Both": grpc.stream_stream_rpc_method_handler(both),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    "Left": grpc.unary_unary_rpc_method_handler(left),
}
options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20), ("grpc.so_reuseport", 0)]
server = grpc.server(futures.ThreadPoolExecutor(32), options=options)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
if server.add_insecure_port(f"127.0.0.1:{port}") != port:
    sys.exit("no port")
server.start()
print("listening", flush=True)
server.wait_for_termination()
