import { expect, it } from '@jest/globals';
import { addressesOf } from './cluster-names.ts';
import { fakeCluster } from './testing/fakes.ts';

it('a Service with a cluster IP has that address, a headless one those of its ready pods', () => {
  const { endpoints, service, pod } = fakeCluster();
  service('plain', { clusterIp: '127.2.0.9' });
  service('headless');
  pod('one', 'headless', { address: '127.1.0.1' });
  pod('two', 'headless', { address: '127.1.0.2' });
  pod('unready', 'headless', { address: '127.1.0.3', ready: false });
  expect(addressesOf('plain.shop.svc.cluster.local', endpoints)).toEqual(['127.2.0.9']);
  expect(addressesOf('Headless.shop.svc.cluster.local.', endpoints)).toEqual(['127.1.0.1', '127.1.0.2']);
});

it('a headless Service follows its pods', () => {
  const { endpoints, pods, service, pod } = fakeCluster();
  service('headless');
  pod('one', 'headless', { address: '127.1.0.1' });
  expect(addressesOf('headless.shop.svc.cluster.local', endpoints)).toEqual(['127.1.0.1']);
  pod('two', 'headless', { address: '127.1.0.2' });
  pods.put('shop/one', undefined);
  expect(addressesOf('headless.shop.svc.cluster.local', endpoints)).toEqual(['127.1.0.2']);
});

it('a pod of a StatefulSet has a name of its own; one that is not ready only where the Service wants such', () => {
  const { endpoints, service, pod } = fakeCluster();
  const place = { hostname: 'db-0', subdomain: 'db', address: '127.1.0.7', ready: false };
  service('db');
  pod('db-0', 'db', place);
  expect(addressesOf('db-0.db.shop.svc.cluster.local', endpoints)).toBeUndefined();
  service('db', { alsoUnready: true });
  expect(addressesOf('db-0.db.shop.svc.cluster.local', endpoints)).toEqual(['127.1.0.7']);
  expect(addressesOf('db-1.db.shop.svc.cluster.local', endpoints)).toBeUndefined();
});

it.each(['other.shop.svc.cluster.local', 'plain.other.svc.cluster.local', 'plain.shop', 'example.com', ''])(
  'there is no %j',
  (name) => {
    const { endpoints, service } = fakeCluster();
    service('plain', { clusterIp: '127.2.0.9' });
    expect(addressesOf(name, endpoints)).toBeUndefined();
  },
);
