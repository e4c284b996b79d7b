-- Each request for another one of a thousand sites.
local requests, at = {}, 0
function init(args)
    for n = 1, 1000 do
        wrk.headers["Host"] = "s" .. n .. ".example"
        requests[n] = wrk.format(nil, "/1k")
    end
end
function request()
    at = at % 1000 + 1
    return requests[at]
end
