-- One generation of the size in BENCH_PROMPT_BYTES, as an SDK would send it, again and again; of BENCH_CALLERS virtual keys in turn.
local size = tonumber(os.getenv("BENCH_PROMPT_BYTES") or "810")
local callers = tonumber(os.getenv("BENCH_CALLERS") or "1")
local line = "The quick brown fox jumps over the lazy dog. "
local text = string.rep(line, math.ceil(size / #line))
local model = os.getenv("BENCH_MODEL") or "gpt-4.1-mini"
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
for name, value in string.gmatch(os.getenv("BENCH_HEADERS") or "", "([^:\n]+): ([^\n]+)") do wrk.headers[name] = value end
if os.getenv("BENCH_PROTOCOL") == "anthropic_messages" then
  wrk.headers["anthropic-version"] = "2023-06-01"
  wrk.body = '{"model":"' .. model .. '","system":"You are a helpful assistant.","messages":[{"role":"user","content":"' .. text
    .. '"}],"max_tokens":256,"temperature":0.7}'
else
  wrk.body = '{"model":"' .. model .. '","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"'
    .. text .. '"}],"max_tokens":256,"temperature":0.7}'
end
if callers > 1 then
  local requests, turn = {}, 0
  function init(args)
    for number = 0, callers - 1 do
      wrk.headers["Authorization"] = string.format("Bearer sk-omni-%032x", number)
      requests[number] = wrk.format()
    end
  end
  function request()
    turn = (turn + 1) % callers
    return requests[turn]
  end
end
function done(summary) io.write(string.format("RESULT %d %d %d\n", summary.requests, summary.duration, summary.errors.status)) end
