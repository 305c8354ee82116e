import { MAX_LOWS, WINDOW_MS } from './bucket.ts';
import { DAY_MS } from './calendar.ts';

/** calendar.ts in Lua, for `now`. Months by Howard Hinnant's civil_from_days: years that begin in March. */
const calendarScript = `
local DAY = ${DAY_MS}
local today = math.floor(now / DAY)
local day_start, day_end = today * DAY, (today + 1) * DAY
local monday = math.floor((today + 3) / 7) * 7 - 3
local week_start, week_end = monday * DAY, (monday + 7) * DAY
local month_start, month_end
do
  local era = math.floor((today + 719468) / 146097)
  local doe = today + 719468 - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local month = math.floor((5 * doy + 2) / 153)
  local first = math.floor((153 * month + 2) / 5)
  local length = math.floor((153 * (month + 1) + 2) / 5) - first
  if month == 11 then
    local year = yoe + era * 400 + 1
    length = (year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)) and 29 or 28
  end
  month_start = (today - doy + first) * DAY
  month_end = month_start + length * DAY
end
`;

/** bucket.ts in Lua: { level, rate, lows }. */
const bucketScript = `
local WINDOW, MAX_LOWS = ${WINDOW_MS}, ${MAX_LOWS}
local function add(bucket, amount, seq)
  if bucket[2] == 0 or amount <= 0 then return end
  local lows, level = bucket[3], bucket[1]
  local n = #lows
  while n > 0 and lows[n] >= level do
    lows[n], lows[n - 1] = nil, nil
    n = n - 2
  end
  lows[n + 1], lows[n + 2] = seq, level
  bucket[1] = level + amount
  if n + 2 <= 2 * MAX_LOWS then return end
  local nearest = 3
  for i = 5, n + 1, 2 do
    if lows[i + 1] - lows[i - 1] < lows[nearest + 1] - lows[nearest - 1] then nearest = i end
  end
  lows[nearest - 2] = lows[nearest]
  table.remove(lows, nearest)
  table.remove(lows, nearest)
end

local function take_back(bucket, surplus, sequence)
  local lows = bucket[3]
  local n, first = #lows, 1
  while first <= n and lows[first] <= sequence do first = first + 2 end
  local refund = math.min(surplus, bucket[1])
  if first <= n then refund = math.min(refund, lows[first + 1]) end
  bucket[1] = bucket[1] - refund
  for i = first + 1, n, 2 do lows[i] = lows[i] - refund end
  local keep = first
  while first <= n and keep > 1 and lows[keep - 1] >= lows[first + 1] do keep = keep - 2 end
  for _ = keep, first - 1 do table.remove(lows, keep) end
end

local function set_rate(bucket, rate, seq)
  if rate == 0 and bucket[2] ~= 0 then
    bucket[1] = 0
    bucket[3] = { seq, 0 }
  end
  bucket[2] = rate
end

local function room(bucket) return math.max(0, math.floor((bucket[2] * WINDOW - bucket[1]) / WINDOW)) end
local function wait(bucket, amount)
  return math.max(0, math.ceil((bucket[1] + amount * WINDOW - bucket[2] * WINDOW) / bucket[2]))
end
local function drain(bucket) return bucket[2] == 0 and 0 or math.ceil(bucket[1] / bucket[2]) end
`;

/**
 * account.ts in Lua: { at, sequence, requests, tokens, since, day requests, week tokens, month tokens, month cost }; `since` -1: no
 * counters of periods.
 */
const accountScript = `
local function new_account()
  local seq = now * 1000
  return { now, seq, { 0, 0, { seq, 0 } }, { 0, 0, { seq, 0 } }, -1, 0, 0, 0, 0 }
end

local function load_account(name)
  local packed = redis.call('GET', prefix .. 's:' .. name)
  if not packed then return nil end
  local a = cmsgpack.unpack(packed)
  local elapsed = now - a[1]
  if elapsed > 0 then
    a[3][1] = math.max(0, a[3][1] - elapsed * a[3][2])
    a[4][1] = math.max(0, a[4][1] - elapsed * a[4][2])
    if a[1] < day_start then a[6] = 0 end
    if a[1] < week_start then a[7] = 0 end
    if a[1] < month_start then a[8], a[9] = 0, 0 end
    a[1] = now
  end
  return a
end

local function save_account(name, a)
  local forget = a[1] + math.max(ttl, drain(a[3]), drain(a[4]))
  if a[5] >= 0 then forget = math.max(forget, week_end, month_end) end
  redis.call('SET', prefix .. 's:' .. name, cmsgpack.pack(a), 'PX', forget - now)
end

local function take(a, requests, tokens, cost)
  a[2] = a[2] + 1
  add(a[3], requests * WINDOW, a[2])
  add(a[4], tokens * WINDOW, a[2])
  if a[5] < 0 then return end
  a[6], a[7], a[8], a[9] = a[6] + requests, a[7] + tokens, a[8] + tokens, a[9] + cost
end

-- promised and used: { requests, tokens, cost }
local function replace(name, promised, used, at, sequence)
  local a = load_account(name)
  if not a then return end
  if used[1] < promised[1] then take_back(a[3], (promised[1] - used[1]) * WINDOW, sequence) end
  if used[2] < promised[2] then
    take_back(a[4], (promised[2] - used[2]) * WINDOW, sequence)
  else
    a[2] = a[2] + 1
    add(a[4], (used[2] - promised[2]) * WINDOW, a[2])
  end
  if a[5] >= 0 then
    if at < a[5] then promised = { 0, 0, 0 } end
    if at >= day_start then a[6] = a[6] + used[1] - promised[1] end
    if at >= week_start then a[7] = a[7] + used[2] - promised[2] end
    if at >= month_start then
      a[8] = a[8] + used[2] - promised[2]
      a[9] = a[9] + used[3] - promised[3]
    end
  end
  save_account(name, a)
end

local function charge(name, used, age)
  local a = load_account(name)
  if not a then return end
  a[2] = a[2] + 1
  add(a[3], used[1] * WINDOW - age * a[3][2], a[2])
  add(a[4], used[2] * WINDOW - age * a[4][2], a[2])
  local at = a[1] - age
  if a[5] >= 0 and at >= a[5] then
    if at >= day_start then a[6] = a[6] + used[1] end
    if at >= week_start then a[7] = a[7] + used[2] end
    if at >= month_start then a[8], a[9] = a[8] + used[2], a[9] + used[3] end
  end
  save_account(name, a)
end
`;

/** What one subject has used, in Lua. Needs `now`, `ttl` and `prefix`. */
export const accountsScript = calendarScript + bucketScript + accountScript;
