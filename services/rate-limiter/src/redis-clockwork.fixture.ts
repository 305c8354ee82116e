/** Before the script: a Redis whose clock the test moves. Its time and its expiries go by the key `now`, ms since 1970. */
export const clockwork = `
local real = redis.call
local clock = tonumber(real('GET', 'now'))
for _, key in ipairs(real('ZRANGEBYSCORE', 'expiries', '-inf', clock)) do
  real('DEL', key)
  real('ZREM', 'expiries', key)
end
local redis = { call = function(command, key, ...)
  if command == 'TIME' then return { math.floor(clock / 1000), clock % 1000 * 1000 } end
  local arguments = { ... }
  if command == 'SET' then
    real('ZADD', 'expiries', clock + arguments[3], key)
    return real('SET', key, arguments[1])
  end
  if command == 'PEXPIRE' then return real('ZADD', 'expiries', clock + arguments[1], key) end
  return real(command, key, ...)
end }
`;
