-- One chat call of the size in BENCH_PROMPT_BYTES, as an SDK would send it.
local size = tonumber(os.getenv("BENCH_PROMPT_BYTES") or "810")
local line = "The quick brown fox jumps over the lazy dog. "
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "")
wrk.body = '{"model":"gpt-4.1-mini","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"'
  .. string.rep(line, math.ceil(size / #line)) .. '"}],"max_tokens":256,"temperature":0.7}'
function done(summary) io.write(string.format("RESULT %d %d %d\n", summary.requests, summary.duration, summary.errors.status)) end
