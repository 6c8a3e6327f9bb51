import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

interface PodSpec {
  readonly containers: readonly [
    {
      readonly env: readonly { readonly name: string; readonly value: string }[];
      readonly resources: {
        readonly requests: { readonly cpu: string; readonly memory: string };
        readonly limits: { readonly memory: string };
      };
    },
  ];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template?: { readonly spec: PodSpec };
    readonly jobTemplate?: { readonly spec: { readonly template: { readonly spec: PodSpec } } };
  };
}

const BASE = new URL('../../k8s/base/', import.meta.url);
const page = readFileSync(new URL('../../docs/operations/capacity.md', import.meta.url), 'utf8');

const processes = readdirSync(BASE)
  .flatMap((file) => parseAllDocuments(readFileSync(new URL(file, BASE), 'utf8')))
  .map((document) => document.toJS() as Manifest)
  .flatMap(({ kind, metadata, spec }) => {
    const pod =
      kind === 'Deployment' ? spec.template : kind === 'CronJob' ? spec.jobTemplate?.spec.template : undefined;
    return pod === undefined ? [] : [{ name: metadata.name, container: pod.spec.containers[0] }];
  });

it('the manifests have all processes for the page on capacity', () => {
  expect(processes.length).toBeGreaterThan(4);
});

it.each(processes)('the page on capacity says what a pod of $name is given', ({ name, container }) => {
  const row = page.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``));
  const { requests, limits } = container.resources;
  const heap = container.env.find((each) => each.name === 'NODE_OPTIONS')?.value.split('=')[1];
  expect(row).toContain(`requests ${requests.cpu}, ${requests.memory}; limit ${limits.memory}, heap ${heap} MiB`);
});
