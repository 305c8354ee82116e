import { createHelm, HelmError } from '@flotilla/helm';
import { describeWith } from '@flotilla/testkit';
import { expect, it } from '@jest/globals';
import { chart, everything, minimal, ofKind, podsOf, render, renderings, valuesFile } from './flotilla.fixture.ts';

describeWith(['helm'], 'charts/flotilla', () => {
  it.each(renderings())('has nothing that helm lint minds, with %s', async (_name, values) => {
    const { ok, messages } = await createHelm().lint(chart, values);
    expect(messages.filter((message) => !message.includes('icon is recommended'))).toEqual([]);
    expect(ok).toBe(true);
  });

  it.each([
    ['a field that there is not', { replica: 3 }, "'replica' not allowed"],
    ['a service that there is not', { services: { billing: {} } }, "'billing' not allowed"],
    ['a number as text', { services: { gateway: { replicas: 'two' } } }, '/services/gateway/replicas'],
    ['a password in a URL', { nats: { url: 'nats://user:secret@host:4222' } }, '/nats/url'],
    ['a shorter time than callers need to notice', { defaults: { notReadyMs: 100 } }, '/defaults/notReadyMs'],
    ['an environment of numbers', { services: { rag: { env: { FLOTILLA_RAG_PASSAGES: 4 } } } }, '/env'],
    ['a route that hangs on nothing', { httpRoute: { enabled: true } }, '/httpRoute/parentRefs'],
    ['a spread that there is not', { defaults: { spread: { zones: 'always' } } }, '/spread/zones'],
  ])('refuses %s and says where', async (_what, values, where) => {
    const failed: unknown = await render({ ...minimal, ...values }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(HelmError);
    expect((failed as HelmError).kind).toBe('invalid_values');
    expect((failed as HelmError).output.join('\n') + (failed as HelmError).message).toContain(where);
  });

  it.each([
    ['a database', { ...minimal, secrets: {} }, 'a database is needed'],
    ['NATS', { ...minimal, nats: {} }, 'NATS is needed'],
    ['Redis for several limiters', { ...minimal, secrets: { database: { existingSecret: 'd' } } }, 'without Redis'],
  ])('says what to set where %s is missing', async (_what, values, text) => {
    const failed: unknown = await render(values).catch((error: unknown) => error);
    expect((failed as HelmError).output.join('\n') + (failed as HelmError).message).toContain(text);
  });

  it('writes no secret: those of bundled servers are made at random, and all others are named', async () => {
    const objects = await render({ ...valuesFile('values-dev.yaml'), config: { providers: [] } });
    const [secret, ...others] = ofKind(objects, 'Secret');
    expect(others).toEqual([]);
    const generated = secret!['stringData'] as Record<string, string>;
    const again = ofKind(await render(valuesFile('values-dev.yaml'), { anew: true }), 'Secret')[0]![
      'stringData'
    ] as typeof generated;
    expect(again['password']).not.toBe(generated['password']);
    expect(generated['password']).toMatch(/^\w{32}$/);
    const rest = JSON.stringify(objects.filter((object) => object !== secret));
    for (const value of Object.values(generated)) expect(rest).not.toContain(value);
    expect(ofKind(await render(minimal), 'Secret')).toEqual([]);
  });

  it('gives each service the secrets that it reads, as files', async () => {
    const variables = (part: string) =>
      podsOf(objects)
        .find(({ name }) => name === `flotilla-${part}`)!
        .spec.containers[0]!.env!.map(({ name }) => name)
        .filter((name) => name.endsWith('_FILE') && !name.includes('_TLS_'));
    const objects = await render(everything);
    expect(variables('safety')).toEqual(['FLOTILLA_NATS_URL_FILE']);
    expect(variables('rate-limiter')).toEqual([
      ...['FLOTILLA_DATABASE_URL_FILE', 'FLOTILLA_NATS_URL_FILE', 'FLOTILLA_REDIS_URL_FILE'],
    ]);
    expect(variables('llm-router')).toEqual([
      ...['FLOTILLA_DATABASE_URL_FILE', 'FLOTILLA_NATS_URL_FILE', 'OPENROUTER_API_KEY_FILE'],
    ]);
    expect(variables('gateway')).toEqual([
      ...['FLOTILLA_DATABASE_URL_FILE', 'FLOTILLA_GATEWAY_DEV_KEY_FILE', 'FLOTILLA_GATEWAY_KEY_PEPPER_FILE'],
      ...['FLOTILLA_GATEWAY_REGION_SECRET_FILE', 'FLOTILLA_GATEWAY_SIGNING_SECRET_FILE', 'FLOTILLA_NATS_URL_FILE'],
      'OPENROUTER_API_KEY_FILE',
    ]);
  });

  it('migrates before an upgrade, but not where the database comes with the release', async () => {
    const [job] = ofKind(await render(minimal), 'Job');
    expect(job!.metadata.annotations!['helm.sh/hook']).toBe('pre-install,pre-upgrade');
    expect(podsOf([job!])[0]!.spec.containers[0]!.command).toContain('services/standalone/dist/migrate.js');
    expect(ofKind(await render(valuesFile('values-dev.yaml')), 'Job')).toEqual([]);
    expect(ofKind(await render({ ...minimal, migrations: { enabled: false } }), 'Job')).toEqual([]);
  });

  it('leaves Models and their CRD where they are when it goes', async () => {
    const objects = await render(everything);
    const kept = objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep');
    expect(kept.map(({ kind }) => kind).toSorted()).toEqual(['CustomResourceDefinition', 'Model', 'Secret']);
  });

  it('lets streams through an ingress for as long as a chat may take', async () => {
    const [ingress] = ofKind(await render(everything), 'Ingress');
    expect(ingress!.metadata.annotations).toMatchObject({
      'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
      'nginx.ingress.kubernetes.io/proxy-read-timeout': '660',
      'nginx.ingress.kubernetes.io/proxy-body-size': String(8_388_608 + 1_048_576),
      'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS',
    });
    const [route] = ofKind(await render(everything), 'HTTPRoute');
    expect((route!['spec'] as { rules: object[] }).rules[0]).toMatchObject({
      timeouts: { request: '0s', backendRequest: '0s' },
    });
  });
});
