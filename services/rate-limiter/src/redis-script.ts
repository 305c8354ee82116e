/**
 * Both operations on one key's buckets, atomically and by Redis' own clock, so that any number of limiters with any clocks count
 * together. The arithmetic is that of bucket.ts, on the same whole numbers; store.suite.ts holds one against the other.
 *
 * KEYS: bucket, reservation (one hash tag, so one slot).
 * ARGV: operation, requests/min, tokens/min, reservation TTL ms, then
 *   reserve: prompt tokens, output tokens, default max tokens
 *   settle:  tokens, age ms
 * reserve answers { allowed, granted, refusing dimension (1 requests, 2 tokens), retry ms, requests remaining, reset ms, tokens remaining,
 * reset ms }; settle answers 1, or 0 when it was settled before.
 */
export const limitScript = `
local WINDOW, MAX_LOWS = 60000, 32
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rpm, tpm, ttl = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local b = redis.call('GET', KEYS[1])
local at, seq, requests, tokens, lows
if b then
  b = cmsgpack.unpack(b)
  at, seq, requests, tokens, lows = b[1], b[2], b[3], b[4], b[5]
  if now > at then
    requests = math.max(0, requests - (now - at) * rpm)
    tokens = math.max(0, tokens - (now - at) * tpm)
    at = now
  end
else
  at, seq, requests, tokens = now, now * 1000, 0, 0
  lows = { seq, 0 }
end

local function note_low()
  local n = #lows
  while n > 0 and lows[n] >= tokens do
    lows[n], lows[n - 1] = nil, nil
    n = n - 2
  end
  lows[n + 1], lows[n + 2] = seq, tokens
  if n + 2 <= 2 * MAX_LOWS then return end
  local nearest = 3
  for i = 5, n + 1, 2 do
    if lows[i + 1] - lows[i - 1] < lows[nearest + 1] - lows[nearest - 1] then nearest = i end
  end
  lows[nearest - 2] = lows[nearest]
  table.remove(lows, nearest)
  table.remove(lows, nearest)
end

local function take_back(surplus, sequence)
  local n, first = #lows, 1
  while first <= n and lows[first] <= sequence do first = first + 2 end
  local refund = math.min(surplus, tokens)
  if first <= n then refund = math.min(refund, lows[first + 1]) end
  tokens = tokens - refund
  for i = first + 1, n, 2 do lows[i] = lows[i] - refund end
  local keep = first
  while first <= n and keep > 1 and lows[keep - 1] >= lows[first + 1] do keep = keep - 2 end
  for _ = keep, first - 1 do table.remove(lows, keep) end
end

local function save(reservation)
  local full = math.ceil(math.max(requests / rpm, tokens / tpm))
  redis.call('SET', KEYS[1], cmsgpack.pack({ at, seq, requests, tokens, lows }), 'PX', math.max(1, full))
  redis.call('SET', KEYS[2], cmsgpack.pack(reservation), 'PX', ttl)
end

local function remaining(level, limit)
  return math.max(0, math.floor((limit * WINDOW - level) / WINDOW))
end

local function answer(allowed, granted, dimension, retry)
  return { allowed, granted, dimension, retry,
    remaining(requests, rpm), math.ceil(requests / rpm), remaining(tokens, tpm), math.ceil(tokens / tpm) }
end

-- { tokens, granted, sequence, settled }
local known = redis.call('GET', KEYS[2])
if known then known = cmsgpack.unpack(known) end

if ARGV[1] == 'settle' then
  if known and known[4] == 1 then return 0 end
  local used, granted = tonumber(ARGV[5]), 0
  if known then
    granted = known[2]
    if used < known[1] then
      take_back((known[1] - used) * WINDOW, known[3])
    else
      seq = seq + 1
      note_low()
      tokens = tokens + (used - known[1]) * WINDOW
    end
  else
    seq = seq + 1
    note_low()
    tokens = tokens + math.max(0, used * WINDOW - tonumber(ARGV[6]) * tpm)
  end
  save({ used, granted, seq, 1 })
  return 1
end

if known then return answer(1, known[2], 0, 0) end
local prompt, output = tonumber(ARGV[5]), tonumber(ARGV[6])
if output == 0 then
  output = math.max(1, math.min(tonumber(ARGV[7]), remaining(tokens, tpm) - prompt))
end
local needed = prompt + output
if needed > tpm then return answer(0, 0, 2, 0) end
local requests_wait = math.max(0, math.ceil((requests + WINDOW - rpm * WINDOW) / rpm))
local tokens_wait = math.max(0, math.ceil((tokens + needed * WINDOW - tpm * WINDOW) / tpm))
if requests_wait > tokens_wait then return answer(0, 0, 1, requests_wait) end
if tokens_wait > 0 then return answer(0, 0, 2, tokens_wait) end
seq = seq + 1
note_low()
requests = requests + WINDOW
tokens = tokens + needed * WINDOW
save({ needed, output, seq, 0 })
return answer(1, output, 0, 0)
`;
