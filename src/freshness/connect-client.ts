import { z } from 'zod';
import { type ConnectorConfig, isFilterSetting } from './connector-filters.ts';

/** A connector as Kafka Connect reports it. */
export interface ConnectorState extends ConnectorConfig {
  /** The connector, then each task. */
  readonly parts: readonly { readonly part: string; readonly state: string; readonly trace?: string | undefined }[];
}

const firstLine = z.string().transform((text) => text.split('\n')[0]);
const PART = z.object({ state: z.string(), trace: firstLine.optional() });
const CONNECTORS = z.record(
  z.string(),
  z.object({
    status: z.object({ connector: PART, tasks: z.array(PART.extend({ id: z.number() })) }),
    info: z.object({ config: z.record(z.string(), z.string().nullable()) }),
  }),
);

/** All connectors of the Kafka Connect cluster at this address. */
export async function readConnectors(url: string, timeoutMs: number): Promise<readonly ConnectorState[]> {
  const response = await fetch(`${url.replace(/\/+$/, '')}/connectors?expand=status&expand=info`, {
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: Error & { cause?: { code?: string } }) => {
    throw new Error(`Kafka Connect does not answer (${error.cause?.code ?? error.message})`);
  });
  const body = CONNECTORS.safeParse(await response.json().catch(() => undefined));
  if (!response.ok || !body.success)
    throw new Error(`the answer is not from Kafka Connect (status ${response.status})`);
  return Object.entries(body.data).map(([name, { status, info }]) => ({
    name,
    topicPrefix: info.config['topic.prefix'] ?? undefined,
    slotName: info.config['slot.name'] ?? undefined,
    filters: Object.fromEntries(
      Object.entries(info.config).flatMap(([key, value]) =>
        isFilterSetting(key) && value !== null ? [[key, value]] : [],
      ),
    ),
    parts: [
      { part: `connector ${name}`, ...status.connector },
      ...status.tasks.map(({ id, ...task }) => ({ part: `task ${id} of ${name}`, ...task })),
    ],
  }));
}
