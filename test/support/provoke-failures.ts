/** Failures of the main job, each with a canary that a log line could leak. */
import { Partitioners } from '../../src/kafka/client/driver.ts';
import { logLine, messagesIn } from './machine-format.ts';
import type { World } from './world.ts';

export interface ProvokedFailures {
  /** Records of `session` that cannot be decoded. */
  readonly undecodable: number;
  /** Learners whose figures `recompute` could not write. */
  readonly failed: number;
  /** Commands that waited for Postgres. */
  readonly outages: number;
  /** Reported configuration errors. */
  readonly mistakes: number;
}

const LATER = '2026-03-17T05:00:00Z';

/** Run it after {@link SecuredWorld.runMainJob}. The output of the commands is in the world's logs. */
export async function provokeFailures(world: World): Promise<ProvokedFailures> {
  const sql = (text: string) => world.database.query({ text });
  await sql(`
INSERT INTO features_topic_daily (user_id, topic_id, date, last_seen_at, computed_at)
VALUES ('canary-user-1', 'canary-topic', '2026-03-15', '2026-03-15T01:00Z', now());
INSERT INTO exam_results (id, session_id, user_id, result_json, created_at)
VALUES (gen_random_uuid(), 'canary-exam', 'canary-user-2', '{"questions": [{"question_id": "canary", "is_correct": "canary"}]}', '2026-03-14Z');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'canary of %', NEW.user_id USING DETAIL = 'canary ' || NEW::text; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON weekly_kpi FOR EACH ROW
  WHEN (NEW.user_id = 'canary-user-9') EXECUTE FUNCTION refuse()`);
  await world.waitForDelivery();
  await produce(world, `${world.name}.public.session`, [
    '{"user_id": "canary-user-1", "started_at": canary',
    '{"op": "canary", "source": {}, "after": {"user_id": "canary-user-1"}}',
    Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from('canary-of-a-body')]),
  ]);
  await produce(world, world.env['INACTIVITY_TOPIC'] ?? '', [Buffer.from('canary'), Buffer.from([0, 0, 0, 0, 1, 99])]);

  const tracked = await done(world.lastseenWith({ DLQ_MAX_SHARE: '1' }, 'track', '--until-end', '--json'));
  const { counts } = tracked.json<{ counts: { session: Record<string, number> } }>();
  const undecodable = Object.entries(counts.session).filter(([outcome]) => outcome.startsWith('dead letter'));
  await world.sweepApproved('--as-of', LATER, '--force');
  const recomputed = await done(world.lastseen('recompute', '--until-end', '--json'));
  await world.lastseen('kpi', '--as-of', LATER, '--all', '--store', '--json');
  await done(world.lastseen('explain', 'canary-user-9', '--as-of', LATER));
  await done(world.lastseen('forget', 'canary-user-12', '--yes'));

  return {
    undecodable: undecodable.reduce((sum, [, n]) => sum + n, 0),
    failed: recomputed.json<{ failed: number }>().failed,
    outages: await outage(world),
    mistakes: await mistakes(world),
  };
}

async function done<R extends { readonly code: number | null; readonly stderr: string }>(
  running: Promise<R>,
): Promise<R> {
  const run = await running;
  if (run.code !== 0) throw new Error(`a command ended with ${run.code}:\n${run.stderr}`);
  return run;
}

async function produce({ kafka }: World, topic: string, values: readonly (Buffer | string)[]): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ key: 'canary-key', value })) });
  await producer.disconnect();
}

const OUTAGE_LOGGED_WITHIN_MS = 60_000;

/** Starts `track` with a new group and an unreachable Postgres, and stops it when it waits. @returns 1 if it waited. */
async function outage(world: World): Promise<number> {
  const url = Object.assign(new URL(world.env['DATABASE_URL'] ?? ''), { port: '1', password: 'canary' });
  const tracking = world.start({ DATABASE_URL: url.href, KAFKA_GROUP_ID: `${world.name}-outage` }, 'track');
  let log = '';
  tracking.process.stderr?.on('data', (text: string) => {
    log += text;
    if (logLine('outage_waiting').test(log)) tracking.process.kill('SIGTERM');
  });
  const overdue = setTimeout(() => tracking.process.kill('SIGKILL'), OUTAGE_LOGGED_WITHIN_MS);
  const { stderr } = await tracking.ended;
  clearTimeout(overdue);
  return logLine('outage_waiting').test(stderr) ? 1 : 0;
}

async function mistakes(world: World): Promise<number> {
  const { code, stderr } = await world.lastseenWith(
    {
      DATABASE_URL: 'postgres://canary:canary%zz@127.0.0.1/canary',
      SCHEMA_REGISTRY_URL: 'http://canary:canary@127.0.0.1',
      KAFKA_SASL_PASSWORD_FILE: 'canary-put-where-a-path-belongs',
      KAFKA_BROKERS: 'canary:canary@127.0.0.1:9092',
    },
    'track',
  );
  if (code !== 2) throw new Error(`a wrong configuration ended with ${code}:\n${stderr}`);
  return messagesIn(stderr).length;
}
