-- Each request for another route, of as many as ROUTES says.
local count, at = tonumber(os.getenv("ROUTES") or "1"), 0
request = function()
  at = at % count + 1
  return wrk.format("GET", "/r" .. at .. "/1k")
end
