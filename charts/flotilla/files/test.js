// Asks the gateway what a client would ask first. With a key: for the models; without: that it refuses who has none.
const { GATEWAY_URL: url, KEY: key } = process.env;
const ask = (path, headers = {}) => fetch(url + path, { headers, signal: AbortSignal.timeout(10_000) });
(async () => {
  const health = await ask('/v1/healthz');
  if (!health.ok) throw new Error(`GET /v1/healthz: ${health.status}`);
  const refused = await ask('/v1/models');
  if (refused.status !== 401) throw new Error(`GET /v1/models without a key: ${refused.status}, not 401`);
  if (!key) return console.log('the gateway answers, and refuses who has no key');
  const models = await ask('/v1/models', { authorization: `Bearer ${key}` });
  if (!models.ok) throw new Error(`GET /v1/models: ${models.status}`);
  const { data } = await models.json();
  console.log(`the gateway answers; models: ${data.map(({ id }) => id).join(', ') || 'none yet'}`);
})().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
