import { CONCURRENCY_RETRY_MS } from './decision.ts';
import { MOST_LAPSED } from './lease-book.ts';
import { dimensions, LONGEST_LEASE_MS } from './limit-store.ts';
import { accountsScript } from './redis-script.account.ts';

/** decision.ts in Lua. A party: { name, account, limits, running }. */
const decisionScript = `
local RPM, RPD, TPM, TPW, TPM2, CONCURRENT, BUDGET = 1, 2, 3, 4, 5, 6, 7

-- Reads parties from ARGV, from index i on: per subject its name, which limits it has (one bit each), their values, and its seed when
-- there are seeds. nil: counters of a period are missing.
local function open(i, count, seeded)
  local parties = {}
  for p = 1, count do
    local name, has, limits = ARGV[i], tonumber(ARGV[i + 1]), {}
    i = i + 2
    for d = 1, ${dimensions.length} do
      local bit = has % 2
      has = (has - bit) / 2
      limits[d] = 0
      if bit == 1 then
        limits[d] = tonumber(ARGV[i])
        i = i + 1
      end
    end
    local a = load_account(name) or new_account()
    set_rate(a[3], limits[RPM], a[2])
    set_rate(a[4], limits[TPM], a[2])
    if a[5] < 0 and (limits[RPD] > 0 or limits[TPW] > 0 or limits[TPM2] > 0 or limits[BUDGET] > 0) then
      if not seeded then return nil end
      a[5] = now
      for s = 0, 3 do a[6 + s] = tonumber(ARGV[i + s]) end
    end
    if seeded then i = i + 4 end
    local running = 0
    if limits[CONCURRENT] > 0 then
      local key = prefix .. 'c:' .. name
      redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
      running = redis.call('ZCARD', key)
    end
    parties[p] = { name, a, limits, running }
  end
  return parties
end

local function save_all(parties)
  for _, party in ipairs(parties) do save_account(party[1], party[2]) end
end

local function states(reply, parties)
  for _, party in ipairs(parties) do
    local a, limits = party[2], party[3]
    local function push(d, remaining, reset)
      if limits[d] == 0 then return end
      reply[#reply + 1] = remaining
      reply[#reply + 1] = reset
    end
    local function left(d, used, ends) push(d, math.max(0, limits[d] - used), ends == 0 and 0 or ends - a[1]) end
    push(RPM, room(a[3]), drain(a[3]))
    left(RPD, a[6], day_end)
    push(TPM, room(a[4]), drain(a[4]))
    left(TPW, a[7], week_end)
    left(TPM2, a[8], month_end)
    left(CONCURRENT, party[4], 0)
    left(BUDGET, a[9], month_end)
  end
  return reply
end

local function output_of(parties, prompt, asked, default, price_in, price_out)
  if asked > 0 or default == 0 then return asked end
  local output = default
  for _, party in ipairs(parties) do
    local a, limits = party[2], party[3]
    if limits[TPM] > 0 then output = math.min(output, room(a[4]) - prompt) end
    if limits[TPW] > 0 then output = math.min(output, limits[TPW] - a[7] - prompt) end
    if limits[TPM2] > 0 then output = math.min(output, limits[TPM2] - a[8] - prompt) end
    if limits[BUDGET] > 0 and price_out > 0 then
      local micros = limits[BUDGET] - a[9]
      local pays = math.floor((micros - price_in * prompt) / price_out)
      if math.ceil(price_in * prompt + price_out * pays) > micros then pays = pays - 1 end
      output = math.min(output, pays)
    end
  end
  return math.max(1, output)
end

-- The refusing limit as party * 8 + dimension, and its wait; 0 when all fits.
local function refusal_of(parties, requests, tokens, cost)
  local refused, longest = 0, 0
  for p, party in ipairs(parties) do
    local a, limits = party[2], party[3]
    local never
    local function consider(d, ms)
      if ms > longest then refused, longest = p * 8 + d, ms end
    end
    local function period(d, used, amount, ends)
      if limits[d] == 0 or never then return end
      if amount > limits[d] then never = d
      elseif amount > 0 and used + amount > limits[d] then consider(d, ends - a[1]) end
    end
    if limits[RPM] > 0 and requests > 0 then consider(RPM, wait(a[3], requests)) end
    period(RPD, a[6], requests, day_end)
    if limits[TPM] > 0 and tokens > 0 and not never then
      if tokens > limits[TPM] then never = TPM else consider(TPM, wait(a[4], tokens)) end
    end
    period(TPW, a[7], tokens, week_end)
    period(TPM2, a[8], tokens, month_end)
    if limits[CONCURRENT] > 0 and requests > 0 and party[4] >= limits[CONCURRENT] then
      consider(CONCURRENT, ${CONCURRENCY_RETRY_MS})
    end
    period(BUDGET, a[9], cost, month_end)
    if never then return p * 8 + never, 0 end
  end
  return refused, longest
end

local function leasable(parties, requests, tokens)
  local wanted = tokens
  local function tenth(left) return left < 1 and 0 or math.max(1, math.floor(left / 10)) end
  for _, party in ipairs(parties) do
    local a, limits = party[2], party[3]
    if limits[CONCURRENT] > 0 or limits[BUDGET] > 0 then return 0, 0 end
    if limits[RPM] > 0 then requests = math.min(requests, tenth(room(a[3]))) end
    if limits[RPD] > 0 then requests = math.min(requests, tenth(limits[RPD] - a[6])) end
    if limits[TPM] > 0 then tokens = math.min(tokens, math.floor(room(a[4]) / 10)) end
    if limits[TPW] > 0 then tokens = math.min(tokens, math.floor((limits[TPW] - a[7]) / 10)) end
    if limits[TPM2] > 0 then tokens = math.min(tokens, math.floor((limits[TPM2] - a[8]) / 10)) end
  end
  if requests > 0 and (tokens > 0 or wanted == 0) then return requests, tokens end
  return 0, 0
end
`;

/**
 * What is remembered. A reservation: { granted, 1 when settled, at, requests, tokens, cost, then name and sequence of each account }.
 * A lease: { requests, tokens, at, state, settled requests, settled tokens, lapses at, then the same }; state 1 open, 2 returned,
 * 3 lapsed.
 */
const memoryScript = `
local function recall(key)
  local packed = redis.call('GET', key)
  return packed and cmsgpack.unpack(packed)
end

local function save_lease(key, lease)
  redis.call('SET', key, cmsgpack.pack(lease), 'PX', math.max(1, lease[7] + ttl - now))
end

local function replace_all(lease, promised, used)
  for i = 8, #lease, 2 do replace(lease[i], promised, used, lease[3], lease[i + 1]) end
end

local function close_lease(id, key, lease, state, requests, tokens)
  replace_all(lease, { math.max(0, lease[1] - requests), math.max(0, lease[2] - tokens), 0 }, { 0, 0, 0 })
  lease[4] = state
  save_lease(key, lease)
  redis.call('ZREM', prefix .. 'leases', id)
end

local function close_lapsed()
  local ids = redis.call('ZRANGEBYSCORE', prefix .. 'leases', '-inf', now, 'LIMIT', 0, ${MOST_LAPSED})
  for _, id in ipairs(ids) do
    local key = prefix .. 'l:' .. id
    local lease = recall(key)
    if lease then close_lease(id, key, lease, 3, lease[5], lease[6])
    else redis.call('ZREM', prefix .. 'leases', id) end
  end
end
`;

/**
 * Reserve: KEYS the reservation; ARGV from 4 on: request id, prompt, output, default output, price in, price out, hold ms, 1 when
 * tokens only, 1 with seeds, count, parties. Answers { allowed, granted, refused by, retry ms, states … }, or 0 when unseeded.
 */
const reserveScript = `
if op == 'reserve' then
  close_lapsed()
  local parties = open(14, tonumber(ARGV[13]), ARGV[12] == '1')
  if not parties then return 0 end
  local known = recall(KEYS[1])
  if known then
    if ARGV[12] == '1' then save_all(parties) end
    return states({ 1, known[1], 0, 0 }, parties)
  end
  local prompt, price_in, price_out = tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local output = output_of(parties, prompt, tonumber(ARGV[6]), tonumber(ARGV[7]), price_in, price_out)
  local requests = ARGV[11] == '1' and 0 or 1
  local tokens, cost = prompt + output, math.ceil(price_in * prompt + price_out * output)
  local refused, retry = refusal_of(parties, requests, tokens, cost)
  if refused > 0 then
    if ARGV[12] == '1' then save_all(parties) end
    return states({ 0, 0, refused, retry }, parties)
  end
  local reservation = { output, 0, now, requests, tokens, cost }
  local hold = tonumber(ARGV[10])
  for _, party in ipairs(parties) do
    take(party[2], requests, tokens, cost)
    if requests > 0 and party[3][CONCURRENT] > 0 then
      local key = prefix .. 'c:' .. party[1]
      redis.call('ZADD', key, now + hold, ARGV[4])
      redis.call('PEXPIRE', key, ttl)
      party[4] = party[4] + 1
    end
    reservation[#reservation + 1] = party[1]
    reservation[#reservation + 1] = party[2][2]
  end
  save_all(parties)
  redis.call('SET', KEYS[1], cmsgpack.pack(reservation), 'PX', ttl)
  return states({ 1, output, 0, 0 }, parties)
end
`;

/**
 * Settle: KEYS the reservation; ARGV from 4 on: request id, tokens, cost, age ms, lease id or empty, tokens the lease promised, then
 * the names it counts against when nothing is remembered. Answers 1, or 0 when it was settled before.
 */
const settleScript = `
if op == 'settle' then
  local known = recall(KEYS[1])
  if known and known[2] == 1 then return 0 end
  local tokens, cost = tonumber(ARGV[5]), tonumber(ARGV[6])
  local lease_key = prefix .. 'l:' .. ARGV[8]
  local lease = not known and ARGV[8] ~= '' and recall(lease_key)
  if known then
    for i = 7, #known, 2 do
      replace(known[i], { known[4], known[5], known[6] }, { known[4], tokens, cost }, known[3], known[i + 1])
      redis.call('ZREM', prefix .. 'c:' .. known[i], ARGV[4])
    end
  elseif lease and lease[4] < 3 then
    local promised = tonumber(ARGV[9])
    replace_all(lease, { 1, promised, 0 }, { 1, tokens, cost })
    lease[5], lease[6] = lease[5] + 1, lease[6] + promised
    save_lease(lease_key, lease)
  elseif tokens > 0 or cost > 0 then
    for i = 10, #ARGV do charge(ARGV[i], { 1, tokens, cost }, tonumber(ARGV[7])) end
  end
  redis.call('SET', KEYS[1], cmsgpack.pack({ known and known[1] or 0, 1 }), 'PX', ttl)
  return 1
end
`;

/**
 * Lease: KEYS the lease; ARGV from 4 on: lease id, requests, tokens, ttl ms, 1 with seeds, count, parties. Answers { requests, tokens,
 * states … }, or 0 when unseeded. Return: ARGV from 4 on: lease id, requests used, tokens promised. Answers 1, or 0 when it was closed.
 */
const leaseScript = `
close_lapsed()
local lease = recall(KEYS[1])
if op == 'return' then
  if not lease or lease[4] ~= 1 then return 0 end
  close_lease(ARGV[4], KEYS[1], lease, 2, tonumber(ARGV[5]), tonumber(ARGV[6]))
  return 1
end
local parties = open(10, tonumber(ARGV[9]), ARGV[8] == '1')
if not parties then return 0 end
local requests, tokens
if lease then
  requests, tokens = lease[1], lease[2]
else
  requests, tokens = leasable(parties, tonumber(ARGV[5]), tonumber(ARGV[6]))
end
local granted = not lease and requests > 0
if granted then
  lease = { requests, tokens, now, 1, 0, 0, now + tonumber(ARGV[7]) + ttl }
  for _, party in ipairs(parties) do
    take(party[2], requests, tokens, 0)
    lease[#lease + 1] = party[1]
    lease[#lease + 1] = party[2][2]
  end
  save_lease(KEYS[1], lease)
  redis.call('ZADD', prefix .. 'leases', lease[7], ARGV[4])
  redis.call('PEXPIRE', prefix .. 'leases', ${LONGEST_LEASE_MS} + 2 * ttl)
end
if granted or ARGV[8] == '1' then save_all(parties) end
return states({ requests, tokens }, parties)
`;

/**
 * All operations on one organisation's accounts, atomically and by Redis' own clock, so that any number of limiters with any clocks
 * count together. The arithmetic is that of decision.ts, account.ts and bucket.ts, on the same whole numbers; redis-script.test.ts
 * holds one against the other. All keys carry the organisation's hash tag, so they are in one slot. Replies are whole numbers.
 *
 * KEYS: what is decided about. ARGV: operation, prefix of all keys, milliseconds that reservations are remembered, and what the
 * operation needs.
 */
export const limitScript = `
local op, prefix, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
${accountsScript}${decisionScript}${memoryScript}${reserveScript}${settleScript}${leaseScript}`;
