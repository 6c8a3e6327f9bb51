/**
 * The Debezium connector over Connect's REST interface. It imports no package, so that a plain Node image can run it
 * next to containers.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillPlaceholders, slotName } from './placeholders.ts';
import type { StackAddresses } from './stack.ts';

export interface ConnectorOptions {
  /** Default `seedtest`. Also names the replication slot and the publication. */
  name?: string;
  /** Default `seedtest`: topics are `<prefix>.public.<table>`. */
  topicPrefix?: string;
  /** Override the settings of connector.json. */
  overrides?: Record<string, string>;
}

interface ConnectorStatus {
  connector: { state: string; trace?: string };
  tasks: { id: number; state: string; trace?: string }[];
}

/** The addresses that a connector needs. */
export type ConnectorAddresses = Pick<StackAddresses, 'databaseUrl' | 'registryV2Url' | 'connectUrl'>;

export const DEFAULT_CONNECTOR = 'seedtest';
const DEFAULT_TOPIC_PREFIX = 'seedtest';
const RUNNING_WITHIN_MS = 60_000;

export function connectorConfig(addresses: ConnectorAddresses, options: ConnectorOptions = {}): Record<string, string> {
  const settings = JSON.parse(readFileSync(join(import.meta.dirname, 'connector.json'), 'utf8')) as Record<
    string,
    string
  >;
  const database = new URL(addresses.databaseUrl);
  const filled = fillPlaceholders(settings, {
    DATABASE_HOST: database.hostname,
    DATABASE_PORT: database.port === '' ? '5432' : database.port,
    DATABASE_USER: decodeURIComponent(database.username),
    DATABASE_PASSWORD: decodeURIComponent(database.password),
    DATABASE_NAME: decodeURIComponent(database.pathname.slice(1)),
    SLOT_NAME: slotName(options.name ?? DEFAULT_CONNECTOR),
    TOPIC_PREFIX: options.topicPrefix ?? DEFAULT_TOPIC_PREFIX,
    TOPIC_PARTITIONS: '4',
    TOPIC_REPLICATION_FACTOR: '1',
    REGISTRY_URL: addresses.registryV2Url,
  });
  return { ...filled, ...options.overrides };
}

/** Creates or reconfigures the connector and waits until it and its task are RUNNING. */
export async function registerConnector(addresses: ConnectorAddresses, options: ConnectorOptions = {}): Promise<void> {
  await putConnector(addresses, options.name ?? DEFAULT_CONNECTOR, connectorConfig(addresses, options));
}

/** The same for a connector of any class. */
export async function putConnector(
  addresses: ConnectorAddresses,
  name: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  await call(addresses, 'PUT', `/${name}/config`, settings);
  await untilRunning(addresses, name);
}

/** Undefined when there is no such connector. */
export async function connectorStatus(
  addresses: ConnectorAddresses,
  name = DEFAULT_CONNECTOR,
): Promise<ConnectorStatus | undefined> {
  const response = await request(addresses, 'GET', `/${name}/status`);
  if (response.status === 404) return undefined;
  return (await accepted(response, `the status of ${name}`).then((ok) => ok.json())) as ConnectorStatus;
}

export async function pauseConnector(addresses: ConnectorAddresses, name = DEFAULT_CONNECTOR): Promise<void> {
  await call(addresses, 'PUT', `/${name}/pause`);
  await untilTasksAre(addresses, name, 'PAUSED');
}

export async function resumeConnector(addresses: ConnectorAddresses, name = DEFAULT_CONNECTOR): Promise<void> {
  await call(addresses, 'PUT', `/${name}/resume`);
  await untilRunning(addresses, name);
}

/** Resolves when no task runs. The connector keeps its offsets. */
export async function stopConnector(addresses: ConnectorAddresses, name = DEFAULT_CONNECTOR): Promise<void> {
  await call(addresses, 'PUT', `/${name}/stop`);
  const deadline = Date.now() + RUNNING_WITHIN_MS;
  for (;;) {
    const status = await connectorStatus(addresses, name);
    if (status?.connector.state === 'STOPPED' && status.tasks.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`connector ${name} has not stopped after ${RUNNING_WITHIN_MS / 1_000} s`);
    await sleep(100);
  }
}

/** Makes the connector take a new snapshot of all its tables, and create its slot if it is gone. */
export async function restartFromSnapshot(addresses: ConnectorAddresses, name = DEFAULT_CONNECTOR): Promise<void> {
  await stopConnector(addresses, name);
  await call(addresses, 'DELETE', `/${name}/offsets`);
  await resumeConnector(addresses, name);
}

/** Restarts the connector and its tasks if they have failed. */
export async function restartFailed(addresses: ConnectorAddresses, name = DEFAULT_CONNECTOR): Promise<void> {
  const status = await connectorStatus(addresses, name);
  const parts = status === undefined ? [] : [status.connector, ...status.tasks];
  if (parts.every(({ state }) => state !== 'FAILED')) return;
  await call(addresses, 'POST', `/${name}/restart?includeTasks=true&onlyFailed=true`);
}

/** Resolves when the connector is gone. Its slot and publication stay in the database, as in production. */
export async function deleteConnector(addresses: ConnectorAddresses, name = DEFAULT_CONNECTOR): Promise<void> {
  await call(addresses, 'DELETE', `/${name}`);
  const deadline = Date.now() + RUNNING_WITHIN_MS;
  while ((await connectorStatus(addresses, name)) !== undefined) {
    if (Date.now() > deadline) throw new Error(`connector ${name} still exists after ${RUNNING_WITHIN_MS / 1_000} s`);
    await sleep(100);
  }
}

const untilRunning = (addresses: ConnectorAddresses, name: string) => untilTasksAre(addresses, name, 'RUNNING');

async function untilTasksAre(addresses: ConnectorAddresses, name: string, wanted: string): Promise<void> {
  const deadline = Date.now() + RUNNING_WITHIN_MS;
  let status: ConnectorStatus | undefined;
  while (Date.now() < deadline) {
    status = await connectorStatus(addresses, name);
    const parts = status === undefined ? [] : [status.connector, ...status.tasks];
    const failed = parts.find((part) => part.state === 'FAILED');
    if (failed !== undefined) throw new Error(`connector ${name} failed: ${failed.trace ?? 'Connect gives no trace'}`);
    if (parts.length > 1 && parts.every((part) => part.state === wanted)) return;
    await sleep(100);
  }
  throw new Error(`connector ${name} is not ${wanted} after ${RUNNING_WITHIN_MS / 1_000} s: ${JSON.stringify(status)}`);
}

async function call(addresses: ConnectorAddresses, method: string, path: string, body?: unknown): Promise<void> {
  await accepted(await request(addresses, method, path, body), `${method} /connectors${path}`);
}

/** Retries while the worker rebalances (409), as it does after each change. */
async function request(addresses: ConnectorAddresses, method: string, path: string, body?: unknown): Promise<Response> {
  const deadline = Date.now() + RUNNING_WITHIN_MS;
  for (;;) {
    const response = await fetch(`${addresses.connectUrl}/connectors${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(RUNNING_WITHIN_MS),
    });
    if (response.status !== 409 || Date.now() > deadline) return response;
    await sleep(200);
  }
}

async function accepted(response: Response, what: string): Promise<Response> {
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    // Not JSON: shown as it is.
  }
  throw new Error(`Connect refused ${what} (HTTP ${response.status}): ${message}`);
}
