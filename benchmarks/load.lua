-- The requests wrk sends and the line it prints at the end. Arguments: path, body, number of keys, and, where it is
-- not to go on for as long as wrk runs: how many requests in all, and how many of them a second (0: as fast as can be).
--
-- "{key}" in the path becomes 1, 2, ... up to the number of keys, one after the other.
-- Every request is made once, in init: composing them while measuring would take time from the peers,
-- which share the cores with wrk.

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long microseconds; } pgd_time; int gettimeofday(pgd_time *, void *);")

local threads = {}
local NEVER = 1e9 -- milliseconds

local function now()
  local time = ffi.new("pgd_time")
  ffi.C.gettimeofday(time, nil)
  return tonumber(time.seconds) + tonumber(time.microseconds) / 1e6
end

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
  if tonumber(args[4]) > 0 then
    stop_after(tonumber(args[4]), tonumber(args[5]))
  end
end

-- wrk itself knows only durations, and no pace.
function stop_after(total, pace)
  local allowed, answered, bad, begun = 0, 0, 0, nil

  function delay()
    begun = begun or now()
    if allowed == total then
      return NEVER
    end
    allowed = allowed + 1
    return pace > 0 and math.max(0, (begun + allowed / pace - now()) * 1000) or 0
  end

  function response(status)
    answered = answered + 1
    bad = bad + (status > 399 and 1 or 0)
    if answered == total then
      report({ seconds = now() - begun, answered = answered, sent = issued, bad_status = bad })
      io.flush()
      os.exit(0)
    end
  end
end

function request()
  next_request = next_request % #requests + 1
  issued = issued + 1
  return requests[next_request]
end

function report(result)
  io.write(string.format(
    'RESULT {"seconds": %.6f, "answered": %d, "sent": %d, "bad_status": %d, "broken": %d, "late": %d, '
      .. '"p50_ms": %.3f, "p99_ms": %.3f}\n',
    result.seconds, result.answered, result.sent, result.bad_status, result.broken or 0, result.late or 0,
    result.p50_ms or 0, result.p99_ms or 0
  ))
end

-- wrk counts as a bad status what is above 399. A connection that was closed without an answer it does not
-- count at all: that is why the requests are counted here.
function done(summary, latency)
  local sent = 0
  for _, thread in ipairs(threads) do
    sent = sent + thread:get("issued")
  end
  local errors = summary.errors
  report({
    seconds = summary.duration / 1e6, answered = summary.requests, sent = sent, bad_status = errors.status,
    broken = errors.connect + errors.read + errors.write, late = errors.timeout,
    p50_ms = latency:percentile(50) / 1000, p99_ms = latency:percentile(99) / 1000,
  })
end
