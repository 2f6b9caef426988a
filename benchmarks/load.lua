-- The requests wrk sends and the line it prints at the end. Arguments: path, body, number of keys.
--
-- "{key}" in the path becomes 1, 2, ... up to the number of keys, one after the other.
-- Every request is made once, in init: composing them while measuring would take time from the peers,
-- which share the cores with wrk.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local path, body, keys = args[1], args[2], tonumber(args[3])
  requests, next_request = {}, 0
  issued = -1 -- wrk asks for one request that it does not send, to see whether it is well-formed
  for key = 1, keys do
    requests[key] = wrk.format("POST", (path:gsub("{key}", key)), { ["Content-Type"] = "application/json" }, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  issued = issued + 1
  return requests[next_request]
end

-- wrk counts as a bad status what is above 399. A connection that was closed without an answer it does not
-- count at all: that is why the requests are counted here.
function done(summary, latency)
  local sent = 0
  for _, thread in ipairs(threads) do
    sent = sent + thread:get("issued")
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"seconds": %.6f, "answered": %d, "sent": %d, "bad_status": %d, "broken": %d, "late": %d, '
      .. '"p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.duration / 1e6, summary.requests, sent, errors.status,
    errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000
  ))
end
