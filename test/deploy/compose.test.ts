import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SETTINGS } from '../../src/config/settings.ts';

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: unknown;
  readonly restart?: string;
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
}

const ROOT = new URL('../../', import.meta.url);
const { services, configs } = parse(readFileSync(new URL('docker-compose.yml', ROOT), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, unknown>>;
};

describe.each(Object.entries(services))('the container %s', (_, service) => {
  it('has an image with a pinned version', () => {
    expect(service.image).toMatch(/:v?\d+\.\d+[\w.-]*$/);
  });

  it('waits only for containers that have the condition', () => {
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const awaited = services[other];
      expect(awaited, other).toBeDefined();
      if (condition === 'service_healthy') expect(awaited?.healthcheck, other).toBeDefined();
      else expect(awaited?.restart, other).toBeUndefined();
    }
  });

  it('mounts files that exist', () => {
    for (const volume of service.volumes ?? []) {
      expect(existsSync(new URL(volume.split(':')[0] ?? '', ROOT)), volume).toBe(true);
    }
    for (const { source } of service.configs ?? []) expect(configs).toHaveProperty(source);
  });

  it('sets only environment variables that are settings', () => {
    if (service.build === undefined) return;
    const unknown = Object.keys(service.environment ?? {}).filter((name) => !(name in SETTINGS));
    expect(unknown).toEqual([]);
  });
});
