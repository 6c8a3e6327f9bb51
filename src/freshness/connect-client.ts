import { z } from 'zod';
import { must } from '../runtime/must.ts';
import type { CommittedOffset } from './connect-offset.ts';
import { type ConnectorConfig, isFilterSetting, ownConnectors } from './connector-filters.ts';

/** A connector as Kafka Connect reports it. */
export interface ConnectorState extends ConnectorConfig {
  /** Debezium's default if it is not set. */
  readonly publicationName: string;
  /** It writes to the source once per interval, so that an idle one moves on. */
  readonly hasHeartbeat: boolean;
  readonly confirmsToSlot: boolean;
}

const PART = z.object({ state: z.string(), trace: z.string().transform(rootCause).optional() });
const CONNECTORS = z.record(
  z.string(),
  z.object({
    status: z.object({ connector: PART, tasks: z.array(PART.extend({ id: z.number() })) }),
    info: z.object({ config: z.record(z.string(), z.string().nullable()) }),
  }),
);

/** Of a Java stack trace: Connect's own exception comes first, and says only that a task or a transform failed. */
export function rootCause(trace: string): string {
  const lines = trace.split('\n').map((line) => line.trim());
  const cause = lines.findLast((line) => line.startsWith(CAUSED_BY));
  return cause?.slice(CAUSED_BY.length) ?? lines[0] ?? '';
}

const CAUSED_BY = 'Caused by: ';

/** All connectors of the Kafka Connect cluster at this address. */
export async function readConnectors(url: string, timeoutMs: number): Promise<readonly ConnectorState[]> {
  const response = await ask(url, '?expand=status&expand=info', timeoutMs);
  const body = CONNECTORS.safeParse(await response.json().catch(() => undefined));
  if (!response.ok || !body.success)
    throw new Error(`the answer is not from Kafka Connect (status ${response.status})`);
  return Object.entries(body.data).map(([name, { status, info }]) => ({
    name,
    topicPrefix: info.config['topic.prefix'] ?? undefined,
    slotName: info.config['slot.name'] ?? undefined,
    publicationName: info.config['publication.name'] ?? 'dbz_publication',
    hasHeartbeat: Boolean(info.config['heartbeat.action.query']) && Number(info.config['heartbeat.interval.ms']) > 0,
    confirmsToSlot: info.config['lsn.flush.mode'] !== 'manual' && info.config['flush.lsn.source'] !== 'false',
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

/** @param path after `/connectors` */
function ask(url: string, path: string, timeoutMs: number): Promise<Response> {
  return fetch(`${url.replace(/\/+$/, '')}/connectors${path}`, { signal: AbortSignal.timeout(timeoutMs) }).catch(
    (error: Error & { cause?: { code?: string } }) => {
      throw new Error(`Kafka Connect does not answer (${error.cause?.code ?? error.message})`);
    },
  );
}

/** Positions are JSON numbers; those that a number cannot hold exactly are refused. Other keys are Debezium's own. */
const OFFSETS = z.object({
  offsets: z.array(
    z.object({
      partition: z.record(z.string(), z.unknown()),
      offset: z
        .object({ lsn_commit: z.int().nullish(), ts_usec: z.int().nullish(), snapshot: z.unknown().optional() })
        .nullable(),
    }),
  ),
});

/**
 * The committed source offset of our connector.
 *
 * @throws Error if Kafka Connect does not answer, or has not exactly one connector that is ours.
 */
export async function readCommittedOffset(
  url: string,
  timeoutMs: number,
  ours: { readonly topicPrefix: string; readonly slotName: string },
): Promise<CommittedOffset> {
  const found = ownConnectors(await readConnectors(url, timeoutMs), ours);
  const [connector] = found;
  if (connector === undefined || found.length > 1) {
    throw new Error(
      `${found.length} connectors have slot.name ${ours.slotName}, or topic.prefix ${ours.topicPrefix}: one is expected`,
    );
  }
  const response = await ask(url, `/${encodeURIComponent(connector.name)}/offsets`, timeoutMs);
  const body = OFFSETS.safeParse(await response.json().catch(() => undefined));
  if (!response.ok || !body.success) {
    throw new Error(
      `GET /connectors/${connector.name}/offsets has no offsets (status ${response.status}); it needs Kafka Connect 3.6`,
    );
  }
  // After a change of topic.prefix, the offset of the old one is still there.
  const own = body.data.offsets.find(({ partition }) => partition['server'] === connector.topicPrefix)?.offset;
  return {
    connector: connector.name,
    state: must(connector.parts[0], 'the connector comes before its tasks').state,
    hasTasks: connector.parts.length > 1,
    isSnapshot: ![undefined, null, false, 'false'].includes(own?.snapshot as undefined),
    lsn: own?.lsn_commit == null ? undefined : BigInt(own.lsn_commit),
    newestAt: own?.ts_usec == null ? undefined : BigInt(own.ts_usec),
  };
}
