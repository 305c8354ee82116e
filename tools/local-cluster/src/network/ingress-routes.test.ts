import { expect, it } from '@jest/globals';
import { routesOf } from './ingress-routes.ts';
import type { Ingress, IngressPath } from './objects.ts';

const to = (name: string) => ({ service: { name, port: { number: 80 } } });
const prefix = (path: string, name: string): IngressPath => ({ path, pathType: 'Prefix', backend: to(name) });

function ingress(spec: Ingress['spec']): Ingress {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'i', namespace: 'shop' }, spec };
}

const find = routesOf([
  ingress({ defaultBackend: to('last') }),
  ingress({ rules: [{ host: '*.example.com', http: { paths: [prefix('/', 'any')] } }] }),
  ingress({
    rules: [
      {
        host: 'api.example.com',
        http: {
          paths: [
            prefix('/', 'root'),
            prefix('/v1', 'api'),
            prefix('/v1/files/', 'files'),
            { path: '/v1', pathType: 'Exact', backend: to('exact') },
          ],
        },
      },
    ],
  }),
]);

it.each([
  ['api.example.com', '/', 'root'],
  ['api.example.com', '/v10', 'root'],
  ['api.example.com', '/v1', 'exact'],
  ['api.example.com', '/v1/chat', 'api'],
  ['api.example.com', '/v1/files/1', 'files'],
  ['other.example.com', '/v1', 'any'],
  ['a.b.example.com', '/', 'last'],
  ['example.com', '/', 'last'],
])('%s%s goes to %s', (host, path, service) => {
  expect(find(host, path)).toEqual({ namespace: 'shop', service, port: 80 });
});

it('goes nowhere when no rule says', () => {
  expect(routesOf([])('api.example.com', '/')).toBeUndefined();
});
