import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OwnSchema, Registry } from './client.ts';
import { subjectOf } from './event-codec.ts';

/** The directory of lastseen's own schemas: one file per topic, named after it. */
export const SCHEMAS_DIRECTORY = fileURLToPath(new URL('../../schemas/', import.meta.url));

/** The names of own schemas, which are the default names of their topics. */
export const OWN_SCHEMAS = { inactivity: 'lastseen.inactivity.v1', kpiUpdated: 'lastseen.kpi-updated.v1' } as const;

export interface OwnSchemaFile {
  readonly topic: string;
  readonly schema: OwnSchema;
}

/** The schemas of the topics that lastseen writes, in order of the topic. */
export async function readOwnSchemas(directory: string = SCHEMAS_DIRECTORY): Promise<OwnSchemaFile[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.avsc')).sort();
  return await Promise.all(
    names.map(async (name) => ({
      topic: basename(name, '.avsc'),
      schema: JSON.parse(await readFile(join(directory, name), 'utf8')) as OwnSchema,
    })),
  );
}

export interface RegisteredSchema {
  readonly subject: string;
  readonly id: number;
}

/** Registers each as the newest version of its subject, BACKWARD compatible; repeatable. Throws `schema_incompatible`. */
export async function registerSchemas(
  registry: Pick<Registry, 'register'>,
  files: readonly OwnSchemaFile[],
): Promise<RegisteredSchema[]> {
  const registered: RegisteredSchema[] = [];
  for (const { topic, schema } of files) {
    const subject = subjectOf(topic);
    registered.push({ subject, id: await registry.register(subject, schema) });
  }
  return registered;
}

export interface SchemaCheck {
  readonly subject: string;
  /** The id if exactly this version is registered, so that its events can be written. */
  readonly registeredId: number | undefined;
  /** Why it cannot be registered; empty if it can. */
  readonly incompatibilities: readonly string[];
}

/** What {@link registerSchemas} would do, without changing anything. */
export async function checkSchemas(
  registry: Pick<Registry, 'idOf' | 'incompatibilities'>,
  files: readonly OwnSchemaFile[],
): Promise<SchemaCheck[]> {
  const checks: SchemaCheck[] = [];
  for (const { topic, schema } of files) {
    const subject = subjectOf(topic);
    const registeredId = await registry.idOf(subject, schema);
    const incompatibilities = registeredId === undefined ? await registry.incompatibilities(subject, schema) : [];
    checks.push({ subject, registeredId, incompatibilities });
  }
  return checks;
}
