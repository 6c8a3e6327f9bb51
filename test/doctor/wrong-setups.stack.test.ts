import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { SOURCES } from '../../src/activity/source.ts';
import { rolesSql } from '../../stack/roles.ts';
import { messagesIn } from '../support/machine-format.ts';
import { createTopic } from '../support/new-topic.ts';
import { createWorld, type World } from '../support/world.ts';
import { type Env, type WrongSetup, wrongSetups } from './wrong-setups.ts';

let world: World;
let foreign: string;
beforeAll(async () => {
  world = await createWorld({
    env: { CONNECT_URL: inject('stack').connectUrl, WAIT_FRESH: '5s', LOG_LEVEL: 'warn' },
  });
  await world.prepare();
  await world.database.query({
    text: `INSERT INTO session (id, user_id, started_at) VALUES ('s', 'u', now() - interval '9 days')`,
  });
  await world.connect();
  await world.waitForDelivery();
  expect(await world.lastseen('track', '--until-end')).toMatchObject({ code: 0 });
  foreign = `${world.name}other`;
  for (const source of SOURCES) await createTopic(world.kafka, `${foreign}.public.${source}`);
});
afterAll(() => world.close());

type Remedy = { readonly command: string } | { readonly setting: string; readonly value?: string };

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly message: string;
  readonly remedy?: Remedy;
}

async function doctor(env: Env): Promise<readonly Finding[]> {
  const { stdout, stderr } = await world.lastseenWith(env, 'doctor', '--json');
  expect(stdout, stderr).not.toBe('');
  return (JSON.parse(stdout) as { findings: readonly Finding[] }).findings;
}

const failures = (findings: readonly Finding[]) => findings.filter(({ status }) => status === 'failed');

/** Applies what `doctor` recommends, as a program would. Returns the settings with which it works. */
async function apply(remedy: Remedy | undefined, env: Env, right?: string): Promise<Env> {
  expect(remedy).toBeDefined();
  if (remedy === undefined) return env;
  if ('setting' in remedy) {
    const { setting, value = right } = remedy;
    if (value !== undefined) return { ...env, [setting]: value };
    // Only the operator knows the right value: here, what was overridden.
    expect(env).toHaveProperty(setting);
    return {};
  }
  const [, lastseen] = /^lastseen (.*)$/.exec(remedy.command) ?? [];
  if (lastseen === undefined) await administer(remedy.command);
  else expect(await world.lastseen(...lastseen.split(' '))).toMatchObject({ code: 0 });
  return env;
}

/** A command for psql, with the connection of an administrator. */
async function administer(command: string): Promise<void> {
  const [, statement] = /^psql "\$ADMIN_DATABASE_URL" -c '([^']*)'$/.exec(command) ?? [];
  if (statement === undefined) expect(command).toMatch(/^psql .* --single-transaction -f k8s\/postgres\/roles\.sql$/);
  await world.database.query({ text: statement ?? rolesSql() });
}

async function withSpoiled(sql: WrongSetup['sql'], work: () => Promise<void>): Promise<void> {
  if (sql === undefined) return work();
  await world.database.query({ text: sql[0] });
  try {
    await work();
  } finally {
    await world.database.query({ text: sql[1] });
  }
}

/** Whether everything fails that has to, with the texts that it has to. */
async function provoke(setup: WrongSetup): Promise<Finding> {
  const { env = {}, check, status = 'failed', remedy, command = ['sweep'], code, names, also = [] } = setup;
  const [findings, run] = await Promise.all([doctor(env), world.lastseenWith(env, ...command)]);
  expect(failures(findings)).toMatchObject(status === 'failed' ? [{ check }] : []);
  const [found] = findings.filter((each) => each.check === check && each.status === status);
  const [setting, value] = Array.isArray(remedy) ? remedy : [];
  expect(found).toMatchObject({
    remedy:
      remedy instanceof RegExp
        ? { command: expect.stringMatching(remedy) }
        : { setting, ...(value === undefined ? {} : { value }) },
  });
  const [first, ...others] = messagesIn(run.stderr);
  expect({ code: run.code, first, others }, run.stderr).toEqual({
    code,
    first: typeof names === 'string' ? expect.stringContaining(names) : expect.stringMatching(names),
    others: also.map((each) => expect.stringMatching(each)),
  });
  return found as Finding;
}

/** Follows `doctor` until no failure is left. */
async function follow(first: Finding, { env = {}, right }: WrongSetup): Promise<void> {
  let next: Finding | undefined = first;
  let settings = env;
  for (let round = 0; next !== undefined && round < MOST_ROUNDS; round++) {
    settings = await apply(next.remedy, settings, right);
    [next] = failures(await doctor(settings));
  }
  expect(next).toBeUndefined();
}

const MOST_ROUNDS = 4;
const CONCURRENCY = 3;

/** Takes from `setups` what no other call has taken. */
async function each(setups: Iterator<WrongSetup>, work: (setup: WrongSetup) => Promise<void>): Promise<void> {
  for (let next = setups.next(); next.done !== true; next = setups.next()) await work(next.value);
}

test('forty wrong set-ups have one line each, and a remedy that works', { timeout: 1_200_000 }, async () => {
  const setups = wrongSetups(world, foreign);
  expect(setups.length).toBeGreaterThanOrEqual(40);
  const wrong: string[] = [];
  const tryOut = async (setup: WrongSetup) => {
    try {
      await withSpoiled(setup.sql, async () => follow(await provoke(setup), setup));
    } catch (error) {
      wrong.push(`${setup.name}: ${(error as Error).message}`);
    }
  };
  // Settings are wrong for one command, the database is for all.
  const settings = setups.filter(({ sql }) => sql === undefined).values();
  await Promise.all(Array.from({ length: CONCURRENCY }, () => each(settings, tryOut)));
  await each(setups.filter(({ sql }) => sql !== undefined).values(), tryOut);
  expect(wrong).toEqual([]);
});
