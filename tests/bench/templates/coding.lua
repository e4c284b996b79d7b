-- A client that takes one coding.
wrk.headers["Accept-Encoding"] = os.getenv("CODING") or "gzip"
