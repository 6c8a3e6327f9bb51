import { z } from 'zod';

/** A connector as Kafka Connect tells of it. */
export interface ConnectorState {
  readonly name: string;
  readonly topicPrefix: string | undefined;
  readonly slotName: string | undefined;
  /** Of the connector and of each task. */
  readonly parts: readonly ConnectorPart[];
}

interface ConnectorPart {
  readonly part: string;
  readonly state: string;
  readonly trace: string | undefined;
}

const PART = z.object({ state: z.string(), trace: z.string().optional() });
const ANSWER = z.record(
  z.string(),
  z.object({
    status: z.object({ connector: PART, tasks: z.array(PART.extend({ id: z.number() })) }),
    // The rest of a connector's settings, passwords among them, is not looked at.
    info: z.object({
      config: z.object({ 'topic.prefix': z.string().optional(), 'slot.name': z.string().optional() }),
    }),
  }),
);

/** Every connector at this address. */
export async function readConnectors(url: string, timeoutMs: number): Promise<readonly ConnectorState[]> {
  const response = await fetch(`${url.replace(/\/+$/, '')}/connectors?expand=status&expand=info`, {
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: Error & { cause?: { code?: string } }) => {
    throw new Error(`Kafka Connect does not answer (${error.cause?.code ?? error.message})`);
  });
  const answer = ANSWER.safeParse(await response.json().catch(() => undefined));
  if (!response.ok || !answer.success) throw new Error(`this is no Kafka Connect (status ${response.status})`);
  return Object.entries(answer.data).map(([name, { status, info }]) => ({
    name,
    topicPrefix: info.config['topic.prefix'],
    slotName: info.config['slot.name'],
    parts: [
      { part: `connector ${name}`, ...stateOf(status.connector) },
      ...status.tasks.map((task) => ({ part: `task ${task.id} of ${name}`, ...stateOf(task) })),
    ],
  }));
}

function stateOf({ state, trace }: z.infer<typeof PART>) {
  return { state, trace: trace?.split('\n')[0] };
}
