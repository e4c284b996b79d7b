-- Each request for another site, of as many as SITES says.
local count = tonumber(os.getenv("SITES") or "1000")
local requests, at = {}, 0
function init(args)
    for n = 1, count do
        wrk.headers["Host"] = "s" .. n .. ".example"
        requests[n] = wrk.format(nil, "/1k")
    end
end
function request()
    at = at % count + 1
    return requests[at]
end
