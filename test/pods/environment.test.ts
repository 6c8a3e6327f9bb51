import { expect, it } from 'vitest';
import { environmentOf } from './environment.ts';
import { bytesOf, type Manifests } from './manifests.ts';

const manifests: Manifests = {
  pod: () => ({ containers: [] }),
  names: () => [],
  data: (kind, name) => ({ FROM: `${kind} ${name}`, HTTP_PORT: '9464' }),
};
const replace = (name: string, value: string) => (name === 'HTTP_PORT' ? '1' : value);

it('merges the environment of the image, envFrom and env, in which a later value wins, and then replaces references', () => {
  const spec = {
    name: 'track',
    envFrom: [{ configMapRef: { name: 'lastseen' } }, { prefix: 'S_', secretRef: { name: 'key' } }],
    env: [
      { name: 'NODE_ENV', value: 'test' },
      { name: 'ONE', valueFrom: { secretKeyRef: { name: 'key', key: 'FROM' } } },
    ],
  };
  expect(environmentOf({ manifests, replace }, spec, { NODE_ENV: 'production', FROM: 'image' })).toEqual({
    NODE_ENV: 'test',
    FROM: 'ConfigMap lastseen',
    HTTP_PORT: '1',
    S_FROM: 'Secret key',
    S_HTTP_PORT: '9464',
    ONE: 'Secret key',
  });
});

it.each([
  { name: 'A', valueFrom: { configMapKeyRef: { name: 'lastseen', key: 'GONE' } } },
  { name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
])('refuses a variable whose source does not exist or is not supported: %j', (variable) => {
  expect(() => environmentOf({ manifests, replace }, { name: 'track', env: [variable] }, {})).toThrow(
    /GONE|not supported here/,
  );
});

it('parses quantities of memory as Kubernetes does', () => {
  expect(['128974848', '129M', '123Mi', '1Gi', '1.5Gi'].map(bytesOf)).toEqual([
    128_974_848, 129_000_000, 128_974_848, 1_073_741_824, 1_610_612_736,
  ]);
  expect(() => bytesOf('much')).toThrow('not a quantity');
});
