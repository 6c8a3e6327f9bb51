import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { SETTINGS } from '../../src/config/settings.ts';
import { createProgram } from '../../src/program.ts';

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
}
interface Pod {
  readonly containers: readonly Container[];
  readonly terminationGracePeriodSeconds?: number;
}
interface Manifest {
  readonly metadata: { readonly name: string };
  readonly spec?: {
    readonly template?: { readonly spec: Pod };
    readonly jobTemplate?: { readonly spec: { readonly template: { readonly spec: Pod } } };
  };
}
interface Kustomization {
  readonly configMapGenerator: readonly { readonly literals: readonly string[] }[];
}

const ROOT = join(import.meta.dirname, '../..');
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const literals = (directory: string) =>
  (parse(text(`${directory}/kustomization.yaml`)) as Kustomization).configMapGenerator.flatMap((each) => each.literals);

// What the component adds to each pod.
const shared = parse(text('k8s/components/pod/template.yaml')) as Manifest;
const sharedEnv = shared.spec?.template?.spec.containers[0]?.env ?? [];
const pods = globSync('k8s/base/*.yaml', { cwd: ROOT })
  .flatMap((path) => parseAllDocuments(text(path)).map((document) => document.toJS() as Manifest))
  .flatMap(({ metadata, spec }) => {
    const pod = spec?.jobTemplate?.spec.template.spec ?? spec?.template?.spec;
    return pod === undefined ? [] : [{ name: metadata.name, pod, container: pod.containers[0] as Container }];
  });

const known = (name: string) => {
  const plain = name.replace(/_FILE$/, '') as keyof typeof SETTINGS;
  return name === 'NODE_OPTIONS' || name in SETTINGS || (name.endsWith('_FILE') && SETTINGS[plain]?.secret === true);
};

describe('the manifests', () => {
  it('set only environment variables that the code reads', () => {
    const names = [
      ...['k8s/base', 'k8s/overlays/local', 'k8s/overlays/production']
        .flatMap(literals)
        .map((each) => each.split('=')[0]),
      ...[...sharedEnv, ...pods.flatMap(({ container }) => container.env ?? [])].map((each) => each.name),
    ];
    expect(names).toContain('DATABASE_URL_FILE');
    expect(names.filter((name) => !known(name ?? ''))).toEqual([]);
  });

  it('have a pod for each process, with one container named lastseen', () => {
    expect(pods.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'lastseen-track',
        'lastseen-recompute',
        'detect-inactivity',
        'lastseen-audit',
        'lastseen-prune',
      ]),
    );
    expect(pods.filter(({ container, pod }) => container.name !== 'lastseen' || pod.containers.length !== 1)).toEqual(
      [],
    );
  });

  it.each(pods.map(({ name, container }) => [name, container.args]))('%s runs a command that exists: %j', (_, args) => {
    let command = createProgram();
    for (const word of args.slice(0, args[0] === 'schemas' ? 2 : 1)) {
      const found = command.commands.find((each) => each.name() === word);
      expect(found, `no command ${word}`).toBeDefined();
      if (found !== undefined) command = found;
    }
    const flags = args.filter((each) => each.startsWith('--'));
    expect(flags.filter((flag) => !command.options.some(({ long }) => long === flag))).toEqual([]);
  });

  it.each(['local', 'production'])('give each pod of overlay %s all required settings', (overlay) => {
    const common = ['k8s/base', `k8s/overlays/${overlay}`].flatMap(literals).map((each) => each.split('=')[0]);
    for (const { name, container } of pods) {
      const names = [
        ...common,
        ...sharedEnv.map((each) => each.name),
        ...(container.env ?? []).map((each) => each.name),
      ];
      const needed = Object.entries(SETTINGS).filter(([, setting]) => setting.neededFor !== undefined);
      const lacking = needed.filter(([each]) => !names.includes(each) && !names.includes(`${each}_FILE`));
      expect(
        lacking.map(([each]) => each),
        name,
      ).toEqual([]);
    }
  });

  it('have grace periods longer than STOP_WITHIN', () => {
    const longest = Number.parseInt(SETTINGS.STOP_WITHIN.fallback ?? '', 10);
    const graces = pods
      .filter(({ container }) =>
        ['track', 'recompute', 'sweep', 'audit', 'replay', 'prune'].includes(container.args[0] ?? ''),
      )
      .map(({ pod }) => pod.terminationGracePeriodSeconds ?? 30);
    expect(Math.min(...graces)).toBeGreaterThan(longest);
  });
});

describe('the connector', () => {
  it('has the settings of the local stack, except placeholders and the existing publication', () => {
    const { spec } = parse(text('k8s/connector/kafka-connector.yaml')) as {
      readonly spec: {
        readonly class: string;
        readonly tasksMax: number;
        readonly config: Readonly<Record<string, string>>;
      };
    };
    const settings = JSON.parse(text('stack/connector.json')) as Record<string, string>;
    const here = { 'connector.class': spec.class, 'tasks.max': String(spec.tasksMax), ...spec.config };
    expect(Object.keys(here).sort()).toEqual(Object.keys(settings).sort());
    const differing = Object.entries(settings).filter(([key, value]) => {
      // `${TOPIC_PREFIX}.notifications` may be anything that ends so.
      const pattern = value
        .split(/\$\{[A-Z_]+\}/)
        .map((each) => each.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('.+');
      return !new RegExp(`^${pattern}$`).test(here[key as keyof typeof here] ?? '');
    });
    expect(differing.map(([key]) => key)).toEqual(['publication.autocreate.mode']);
    expect(here).toMatchObject({ 'publication.autocreate.mode': 'disabled', 'database.user': 'lastseen_replication' });
    expect(spec.config['database.password']).toMatch(/^\$\{secrets:/);
  });
});

describe('the image', () => {
  const dockerfile = text('Dockerfile');
  const copiedIn = (text: string) =>
    [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) => paths.split(' '));
  const copied = copiedIn(dockerfile);

  it('contains all files that the sources read', () => {
    const beside = globSync('src/**/*.ts', { cwd: ROOT }).flatMap((path) =>
      [...text(path).matchAll(/['"](?:\.\.\/)+([\w.-]+)/g)]
        .map(([, name = '']) => name)
        .filter((name) => existsSync(join(ROOT, name)) && !existsSync(join(ROOT, 'src', name))),
    );
    expect(beside).toEqual(expect.arrayContaining(['package.json', 'migrations', 'schemas']));
    const lastStage = copiedIn(dockerfile.slice(dockerfile.lastIndexOf('\nFROM ')));
    expect(beside.filter((name) => !lastStage.includes(name))).toEqual([]);
  });

  it('copies no file that .dockerignore excludes', () => {
    const kept = text('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(copied.filter((path) => !kept.includes(path))).toEqual([]);
  });

  it('has the version of the package, and a numeric user', () => {
    const { version } = JSON.parse(text('package.json')) as { readonly version: string };
    expect(dockerfile).toContain(`org.opencontainers.image.version="${version}"`);
    expect(text('docker-compose.yml')).toContain(`image: lastseen:${version}\n`);
    expect(text('k8s/overlays/production/kustomization.yaml')).toContain(`newTag: ${version}\n`);
    expect(text('docs/deploying.md')).toContain(`/lastseen:${version} `);
    const lock = JSON.parse(text('package-lock.json')) as { readonly version: string };
    expect(lock.version).toBe(version);
    expect(dockerfile).toMatch(/^USER 65532:65532$/m);
  });
});
