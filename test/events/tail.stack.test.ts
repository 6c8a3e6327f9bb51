import { afterAll, beforeAll, expect, test } from 'vitest';
import { studentIdOf } from '../../src/activity/learner.ts';
import type { InactivityDecision } from '../../src/events/inactivity-decision.ts';
import { inactivityRecord } from '../../src/events/inactivity-event.ts';
import { kpiUpdatedRecord } from '../../src/events/kpi-updated-event.ts';
import { inactivityCodec, kpiUpdatedCodec } from '../../src/events/wiring.ts';
import { createProducer } from '../../src/kafka/client/producer.ts';
import { createRegistry } from '../../src/registry/client.ts';
import { must } from '../../src/runtime/must.ts';
import { listGroups } from '../support/consumer-groups.ts';
import { step } from '../support/step.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.prepare();
});
afterAll(() => world.close());

const NOW = BigInt(Date.now()) * 1000n;
const DAY = 86_400_000_000n;

const decision = (userId: string, phase: InactivityDecision['phase']): InactivityDecision => ({
  phase,
  userId,
  studentId: studentIdOf(userId),
  thresholdDays: 7,
  lastSeenAt: NOW - 9n * DAY,
  session: NOW - 9n * DAY,
  attempt: null,
  exam_results: null,
  features_topic_daily: null,
  asOf: NOW,
  reopenings: 0,
  sweepRunId: null,
  detectedAt: NOW,
});

/** Publishes events with the codecs and records of the relay. */
async function publish(): Promise<void> {
  const setting = (name: string) => must(world.env[name], `the world sets ${name}`);
  const settings = {
    INACTIVITY_TOPIC: setting('INACTIVITY_TOPIC'),
    KPI_UPDATED_TOPIC: setting('KPI_UPDATED_TOPIC'),
  } as Parameters<typeof inactivityCodec>[0];
  const registry = createRegistry({ url: setting('SCHEMA_REGISTRY_URL'), timeoutMs: 5_000, negativeCacheMs: 1_000 });
  const inactivity = await inactivityCodec(settings, registry);
  const kpiUpdated = await kpiUpdatedCodec(settings, registry);
  const answer = {
    ...{ seq: 1n, recorded_at: NOW, user_id: 'anna', week_start: 20_000, as_of: NOW, computed: 'ALL' as const },
    ...{ P: 0.5, S: 0.5, previous_P: null, previous_S: null, P_low: 0.4, P_high: 0.6, P_insufficient_data: false },
    cause_event_id: '9c5f2f0e-6f0b-5c0c-9a38-0d6a3a9f5b11',
  };
  const producer = createProducer(world.kafka);
  try {
    await producer.send(settings.INACTIVITY_TOPIC, [
      inactivityRecord(decision('anna', 'CROSSED'), inactivity.encode),
      inactivityRecord(decision('ben', 'RETURNED'), inactivity.encode),
    ]);
    await producer.send(settings.KPI_UPDATED_TOPIC, [kpiUpdatedRecord(answer, kpiUpdated.encode)]);
  } finally {
    await producer.close();
  }
}

/** Starts it, waits for this many lines of standard output, and ends it with the signal. */
async function tail(signal: NodeJS.Signals, lines: number, ...args: string[]) {
  const run = world.start({}, 'events', 'tail', ...args);
  let stdout = '';
  run.process.stdout?.on('data', (text: string) => {
    stdout += text;
  });
  await waitFor(`${lines} lines of events tail`, async () => stdout.split('\n').length > lines);
  run.process.kill(signal);
  return run.ended;
}

test('events tail prints own events until a signal', { timeout: 240_000 }, async () => {
  await step('prints those published since an instant, and those that are published later', async () => {
    await publish();
    const from = new Date(Number(NOW / 1000n)).toISOString();
    const earlier = await tail('SIGINT', 4, '--from', from);
    expect(earlier, earlier.stderr).toMatchObject({ code: 130 });
    expect(earlier.stdout).toMatch(/CROSSED +anna /);
    expect(earlier.stdout).toMatch(/RETURNED +ben /);
    expect(earlier.stdout).toMatch(/KPI +anna +P 0\.5000/);

    const topic = must(world.env['INACTIVITY_TOPIC'], 'the world sets it');
    const later = tail('SIGTERM', 1, '--topic', 'inactivity', '--user', 'anna', '--json');
    await waitFor('events tail reads', async () => (await listGroups(world, 'lastseen-events-')).length > 0);
    await publish();
    const { code, stdout, stderr, json } = await later;
    expect(code, stderr).toBe(143);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(json()).toMatchObject({ topic, phase: 'CROSSED', user_id: 'anna', days_inactive: 9 });
  });

  await step('leaves no consumer group', async () => {
    expect(await listGroups(world, 'lastseen-events-')).toEqual([]);
  });
});
